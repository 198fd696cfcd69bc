from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext

from recurring_jobs.recurrence.insertion import why_built_one_by_one
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.host.models import Errand, Lesson, Shift, Todo

if TYPE_CHECKING:
    from tests.recurrence.conftest import Actor


@pytest.fixture
def listened():
    """A to-do that somebody looks at whenever one is instantiated."""

    def look(**facts: Any) -> None:
        pass

    post_init.connect(look, sender=Todo)
    yield
    post_init.disconnect(look, sender=Todo)


def check_both_ways(actor: Actor) -> None:
    inside, built = actor.ask("both_ways")
    why = {name: {row.pop("why") for row in rows} for name, rows in inside.items()}
    listened = {name: {row.pop("why") for row in rows} for name, rows in built.items()}
    numbers = {name: len(rows) for name, rows in inside.items()}

    assert inside == built
    assert numbers == {"Errand": 5, "Todo": 5, "Lesson": 3, "Holiday": 12}
    assert why == {name: {""} for name in numbers}
    assert listened == {
        name: {f"pre_init or post_init of {name} is listened to."} for name in numbers
    }


@pytest.mark.postgres
def test_rows_are_those_that_python_would_build(postgres_url, fresh_database, start_actors):
    """Made inside PostgreSQL, rows hold to the last column what Python's rows hold."""
    (actor,) = start_actors(fresh_database(postgres_url), 1)

    check_both_ways(actor)


@pytest.mark.mariadb
def test_rows_are_those_that_python_would_build_on_mariadb(
    mariadb_url, fresh_database, start_actors
):
    """The same inside MariaDB."""
    (actor,) = start_actors(fresh_database(mariadb_url), 1)

    check_both_ways(actor)


def test_rows_are_those_that_python_would_build_on_sqlite(tmp_path, start_actors):
    """The same inside SQLite."""
    (actor,) = start_actors(f"sqlite:///{tmp_path / 'rows.sqlite3'}", 1)

    check_both_ways(actor)


@pytest.mark.django_db
def test_default_is_called_once_for_each_row(now):
    """A default such as uuid4() gives each row a value of its own."""
    template = Errand.objects.create(title="Post", first_at=now, recurrence_rule="FREQ=DAILY")

    generate_occurrences(Errand, now=now)

    rows = list(template.occurrences.all())
    assert len({row.pk for row in rows}) == len({row.token for row in rows}) == 5


@pytest.mark.django_db
def test_rows_of_many_templates_are_one_statement(make_todo, now, django_assert_num_queries):
    """A batch takes as many queries with fifty templates as with one."""
    make_todo()
    with CaptureQueriesContext(connection) as of_one:
        generate_occurrences(Todo, now=now)
    for _ in range(50):
        make_todo()

    with django_assert_num_queries(len(of_one)):
        generate_occurrences(Todo, now=now)

    assert Todo.objects.occurrences().count() == 5 + 250


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Todo, ""),
        (Errand, ""),
        (Lesson, ""),
        (Shift, "Shift has a build_occurrence() of its own."),
    ],
    ids=["plain", "of many kinds", "two tables", "hook"],
)
@pytest.mark.django_db
def test_reason_to_build_rows_one_by_one(model, why):
    """Which way is taken can be asked, and what stands in the way of the faster one is named."""
    assert why_built_one_by_one(layout_of(model), "default") == why


@pytest.mark.django_db
def test_listener_to_instances_gets_its_instances(make_todo, now, listened):
    """Where post_init is listened to, rows are instances, and the rows are the same."""
    template = make_todo()

    generate_occurrences(Todo, now=now)

    assert why_built_one_by_one(layout_of(Todo), "default") == (
        "pre_init or post_init of Todo is listened to."
    )
    assert template.occurrences.count() == 5


@pytest.mark.django_db
def test_moments_are_exact_to_the_microsecond(make_todo):
    """However far away, a shifted value keeps its distance from the start exactly."""
    start = datetime(3000, 1, 1, 9, tzinfo=UTC)
    before = timedelta(minutes=5, microseconds=1)
    template = make_todo(due_at=start, remind_at=start - before)

    generate_occurrences(Todo, now=start)

    rows = list(template.occurrences.order_by("due_at"))
    assert {row.due_at - row.remind_at for row in rows} == {before}
    assert [row.due_at for row in rows] == [start + timedelta(days=day) for day in range(1, 6)]

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from recurring_jobs.recurrence.occurrences import GenerationReport, generate_occurrences
from tests.host.models import Todo

if TYPE_CHECKING:
    from tests.recurrence.conftest import Actor

TEMPLATES = 1_000
ALL_ROWS = {"rows": 5 * TEMPLATES, "partial": 0, "whole": TEMPLATES, "set_aside": 0}


def run_at_once(actors: list[Actor], templates: int = TEMPLATES) -> tuple[int, dict[str, int]]:
    """Seed, let all actors generate at the same moment; return rows reported and found."""
    actors[0].ask("seed", templates)
    for actor in actors:
        # The answer says that the process is up: from here all start together.
        actor.ask("tally")
    for actor in actors:
        actor.tell("generate")
    created = sum(actor.answer()["created"] for actor in actors)
    while actors[0].ask("generate")["templates"]:
        # A batch that was locked by another when it looked.
        pass
    return created, actors[0].ask("tally")


def test_eight_generators_at_once_make_each_row_once(each_database, start_actors):
    """Over 1,000 templates, eight processes make exactly 5,000 rows, five rounds running."""
    actors = start_actors(each_database, 8)

    rounds = [run_at_once(actors) for _ in range(5)]

    assert rounds == [(5 * TEMPLATES, ALL_ROWS)] * 5


@pytest.mark.postgres
def test_four_generators_at_once_fill_a_second_table_once(
    postgres_url, fresh_database, start_actors, monkeypatch
):
    """With a table for the occurrences and one for their links, the promise is the same."""
    monkeypatch.setenv("TABLES", "two")
    actors = start_actors(fresh_database(postgres_url), 4)

    assert run_at_once(actors) == (3 * TEMPLATES, {**ALL_ROWS, "rows": 3 * TEMPLATES})


@pytest.mark.parametrize("mode", ["DEFERRED", "IMMEDIATE"])
def test_two_generators_at_once_on_sqlite(tmp_path, start_actors, monkeypatch, mode):
    """SQLite, where rows cannot be locked, keeps the same promise in either of its modes."""
    monkeypatch.setenv("SQLITE_MODE", mode)
    actors = start_actors(f"sqlite:///{tmp_path / 'rows.sqlite3'}", 2)

    assert run_at_once(actors, 200) == (
        1_000,
        {"rows": 1_000, "partial": 0, "whole": 200, "set_aside": 0},
    )


@pytest.mark.postgres
def test_edit_in_progress_is_waited_for_by_no_one_and_honoured(
    postgres_url, fresh_database, start_actors
):
    """A template being edited is passed over; once the edit is committed, it is what counts."""
    generator, editor = start_actors(fresh_database(postgres_url), 2)
    generator.ask("seed", 3)
    editor.ask("hold")

    meanwhile = generator.ask("generate")["templates"]
    editor.ask("release")
    afterwards = generator.ask("generate")["templates"]

    assert (meanwhile, afterwards) == (0, 3)
    assert generator.ask("years") == [2027, 2028, 2029, 2030, 2031]


def wait_for_lock(watcher: Actor) -> None:
    deadline = time.monotonic() + 60
    while not watcher.ask("waiting"):
        assert time.monotonic() < deadline, "nobody waits for a lock"
        # MariaDB tells anew what waits only when it was not asked for a tenth of a second.
        time.sleep(0.2)


def test_rule_edited_while_a_generator_is_inside(each_database, start_actors):
    """The edit waits for the batch; the next pass brings the rows in line with it."""
    generator, person, watcher = start_actors(each_database, 3)
    generator.ask("seed", 3)

    assert generator.ask("generate_held", "INSERT") == "held"
    person.tell("edit")
    wait_for_lock(watcher)
    generator.tell("go")
    generator.answer()
    person.answer()
    generator.ask("generate")

    assert generator.ask("years") == [2027, 2028, 2029, 2030, 2031]
    assert generator.ask("tally") == {"rows": 15, "partial": 0, "whole": 3, "set_aside": 0}


def test_template_deleted_while_a_generator_is_inside(each_database, start_actors):
    """The database refuses to leave rows without a template; told again, it deletes them too."""
    generator, person, watcher = start_actors(each_database, 3)
    generator.ask("seed", 3)

    assert generator.ask("generate_held", "INSERT") == "held"
    person.tell("delete")
    wait_for_lock(watcher)
    generator.tell("go")
    generator.answer()
    answers = [person.answer(), person.ask("delete")]

    assert answers == ["refused", "deleted"]
    assert generator.ask("tally") == {"rows": 0, "partial": 0, "whole": 0, "set_aside": 0}
    assert generator.ask("generate")["templates"] == 0


def test_row_moved_while_a_generator_is_inside(each_database, start_actors):
    """A row that is moved while the generator renames it has its new name, and its new place."""
    generator, person, watcher = start_actors(each_database, 3)
    generator.ask("seed", 3)
    generator.ask("generate")
    person.ask("rename")

    assert generator.ask("generate_held", "UPDATE") == "held"
    person.tell("move")
    wait_for_lock(watcher)
    generator.tell("go")
    changed = generator.answer()["updated"]
    person.answer()
    person.ask("rename")
    generator.ask("generate")

    assert changed == 15
    assert generator.ask("years")[-1] == 2040
    assert generator.ask("tally")["rows"] == 15


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [
        {"recurrence_rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"},
        {"recurrence_rule": "FREQ=DAILY;" + "BYHOUR=1;" * 300},
        {"recurrence_timezone": "../../etc/passwd"},
        {"due_at": None},
    ],
    ids=["never", "long", "path", "no start"],
)
def test_one_hostile_template_among_a_thousand(make_todo, now, values):
    """It is set aside with its reason; the others have their rows, as if it were not there."""
    hostile = make_todo(**values)
    Todo.objects.bulk_create(
        Todo(title=str(number), due_at=now, recurrence_rule="FREQ=DAILY") for number in range(999)
    )

    report = generate_occurrences(Todo, now=now)

    hostile.refresh_from_db()
    assert report == GenerationReport(templates=1_000, created=4_995, set_aside=1)
    assert hostile.recurrence_set_aside
    assert generate_occurrences(Todo, now=now) == GenerationReport()


@pytest.mark.django_db
def test_clock_that_jumps_makes_no_row_twice(make_todo, now, days):
    """A clock that runs ahead for a pass, and back for the next, makes each row once."""
    template = make_todo()
    moments = [now + timedelta(days=shift) for shift in (0, 5, -3, 5, 1, -30, 7, 0)]

    created = [generate_occurrences(Todo, now=moment).created for moment in moments]

    made = days(template)
    assert sum(created) == len(made) == len(set(made))
    assert made == [f"202603{day:02}" for day in range(3, 15)]


@pytest.fixture(params=[("one", 5), ("two", 3)], ids=["one table", "two tables"])
def ahead(request, monkeypatch) -> int:
    """How many rows each template has, in one table or in two."""
    tables, ahead = request.param
    monkeypatch.setenv("TABLES", tables)
    return int(ahead)


def check_sweep(seen: list[dict[str, Any]], templates: int, ahead: int) -> None:
    whole = {"rows": ahead * templates, "partial": 0, "whole": templates, "set_aside": 0}
    kills = [each for each in seen if each["killed"]]
    assert len(kills) > 10
    assert [each["found"]["partial"] for each in seen] == [0] * len(seen)
    assert [each["then"] for each in seen] == [whole] * len(seen)
    # Some kills came before the first commit, and some between two.
    assert {0, 2} <= {each["found"]["whole"] for each in kills}


@pytest.mark.postgres
def test_kill_anywhere_leaves_no_template_half_done(
    postgres_url, fresh_database, start_actors, ahead
):
    """kill -9 before and after every statement: rows are whole or absent, and a pass mends."""
    (actor,) = start_actors(fresh_database(postgres_url), 1)

    check_sweep(actor.ask("sweep", 5), 5, ahead)


def test_kill_anywhere_leaves_no_template_half_done_on_sqlite(tmp_path, start_actors, ahead):
    """The same on SQLite."""
    (actor,) = start_actors(f"sqlite:///{tmp_path / 'rows.sqlite3'}", 1)

    check_sweep(actor.ask("sweep", 5), 5, ahead)


@pytest.mark.mariadb
def test_kill_anywhere_leaves_no_template_half_done_on_mariadb(
    mariadb_url, fresh_database, start_actors, ahead
):
    """The same on MariaDB."""
    (actor,) = start_actors(fresh_database(mariadb_url), 1)

    check_sweep(actor.ask("sweep", 5), 5, ahead)

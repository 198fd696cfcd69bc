from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat

from recurring_jobs.recurrence.fields import AT_ONCE
from recurring_jobs.recurrence.occurrences import GenerationReport, generate_occurrences
from tests.host.models import Todo


@pytest.fixture
def settled(make_todo, now) -> Todo:
    """A template that has all its rows, and is due tomorrow."""
    template = make_todo()
    generate_occurrences(Todo, now=now)
    return Todo.objects.get(pk=template.pk)


def due_at(template: Todo) -> datetime | None:
    return Todo.objects.values_list("recurrence_due_at", flat=True).get(pk=template.pk)


def test_new_template_is_due_at_once(make_todo):
    """A template waits for no clock: it is due from the moment it is saved."""
    template = make_todo()

    assert due_at(template) == template.recurrence_due_at == AT_ONCE


def test_row_without_rule_is_never_due(make_todo):
    """A row that does not recur costs the generator nothing."""
    assert due_at(make_todo(recurrence_rule=None)) is None


def test_settled_template_is_due_when_its_next_occurrence_has_passed(settled):
    """With five rows ahead, a sixth is needed once the first of them has begun."""
    assert due_at(settled) == datetime(2026, 3, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "change",
    [
        {"recurrence_rule": "FREQ=WEEKLY"},
        {"recurrence_timezone": "Asia/Tokyo"},
        {"due_at": datetime(2026, 3, 1, 10, tzinfo=UTC)},
        {"remind_at": datetime(2026, 3, 1, 8, tzinfo=UTC)},
        {"title": "Feed the cat"},
        {"owner_id": None},
    ],
    ids=["rule", "zone", "start", "shifted", "copied", "copied key"],
)
def test_edit_makes_a_template_due(settled, change):
    """Whatever decides on the rows makes the template due, by save(), in part, or update()."""
    seen = {}
    for way in ("save", "update_fields", "update"):
        Todo.objects.filter(pk=settled.pk).update(recurrence_due_at=None)
        row = Todo.objects.get(pk=settled.pk)
        if way == "update":
            Todo.objects.filter(pk=row.pk).update(**change)
        else:
            for name, value in change.items():
                setattr(row, name, value)
            row.save(update_fields=list(change) if way == "update_fields" else None)
        seen[way] = due_at(row)

    assert seen == dict.fromkeys(("save", "update_fields", "update"), AT_ONCE)


def test_bulk_update_makes_templates_due(settled):
    """Django's bulk_update() goes through the queryset, and so is noticed as well."""
    settled.title = "Feed the cat"

    Todo.objects.bulk_update([settled], ["title"])

    assert due_at(settled) == AT_ONCE


def test_bulk_create_makes_templates_due(db):
    """Rows made by bulk_create() are due as well."""
    template = Todo(title="Report", due_at=datetime(2026, 3, 1, tzinfo=UTC))
    template.recurrence_rule = "FREQ=DAILY"

    Todo.objects.bulk_create([template])

    assert due_at(template) == AT_ONCE


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        (["title"], AT_ONCE),
        (["recurrence_rule"], AT_ONCE),
        (["done"], datetime(2026, 3, 3, 9, tzinfo=UTC)),
    ],
    ids=["copied", "rule taken away", "takes no part"],
)
def test_bulk_create_that_updates_makes_templates_due(settled, make_todo, fields, due):
    """Rows given to bulk_create() may be there already; the templates among them are noticed."""
    once = make_todo(recurrence_rule=None)
    rows = [
        Todo(pk=row.pk, title="Feed the cat", due_at=row.due_at, done=True)
        for row in (settled, once)
    ]

    Todo.objects.bulk_create(
        rows,
        update_conflicts=True,
        # MariaDB takes no target.
        unique_fields=["id"] if connection.features.supports_update_conflicts_with_target else None,
        update_fields=fields,
    )

    assert due_at(settled) == due
    assert due_at(once) is None


def test_deferred_columns_do_not_hide_an_edit(settled):
    """A template of which only some columns were read is due after its save(), too."""
    row = Todo.objects.only("title").get(pk=settled.pk)

    row.title = "Feed the cat"
    row.save()

    assert due_at(settled) == AT_ONCE


@pytest.mark.parametrize("way", ["save", "update"])
def test_other_edits_do_not_make_a_template_due(settled, way):
    """A column that takes no part in recurrence is written without a visit of the generator."""
    if way == "update":
        Todo.objects.filter(pk=settled.pk).update(done=True)
    else:
        settled.done = True
        settled.save(update_fields=["done"])

    assert due_at(settled) == datetime(2026, 3, 3, 9, tzinfo=UTC)


def test_update_with_an_expression_keeps_ordinary_rows_out(settled, make_todo):
    """An update of all rows makes the templates among them due, and no other row."""
    once = make_todo(recurrence_rule=None)

    Todo.objects.update(title=Concat(F("title"), Value("!")))

    assert due_at(settled) == AT_ONCE
    assert due_at(once) is None
    assert not Todo.objects.occurrences().filter(recurrence_due_at__isnull=False).exists()


def test_rule_computed_by_the_database_may_come_to_nothing(settled, now):
    """A rule set to an expression that gives NULL leaves a row that recurs no more."""
    Todo.objects.filter(pk=settled.pk).update(recurrence_rule=F("recurrence_id"))

    generate_occurrences(Todo, now=now)

    assert due_at(settled) is None


def test_stale_instance_does_not_put_the_cursor_back(make_todo, now, days):
    """Saving what was read before the last pass makes no row a second time."""
    stale = make_todo()
    stale = Todo.objects.get(pk=stale.pk)
    generate_occurrences(Todo, now=now)
    stale.occurrences.filter(recurrence_id="20260304T090000").delete()

    stale.done = True
    stale.save()
    report = generate_occurrences(Todo, now=now)

    assert report == GenerationReport(templates=1)
    assert days(stale) == ["20260303", "20260305", "20260306", "20260307"]


def test_copy_of_a_template_starts_afresh(settled, now, days):
    """Clearing the primary key makes a new template, which gets rows of its own."""
    twin = copy.copy(settled)
    twin.pk = None
    twin._state.adding = True
    twin.save()

    report = generate_occurrences(Todo, now=now)

    assert report == GenerationReport(templates=1, created=5)
    assert days(twin) == days(settled)


def test_saving_again_and_again_is_an_ordinary_save(settled, django_assert_num_queries):
    """Each save is one UPDATE, and leaves all columns on the instance."""
    with django_assert_num_queries(2):
        settled.save()
        settled.save()

    assert settled.get_deferred_fields() == set()

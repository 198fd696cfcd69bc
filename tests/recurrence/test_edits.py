from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from recurring_jobs.recurrence.occurrences import GenerationReport, generate_occurrences
from recurring_jobs.recurrence.portions import KEYS_AT_ONCE
from tests.host.models import Holiday, Tag, Todo


@pytest.fixture
def template(make_todo, now) -> Todo:
    """A daily template with its five rows, 3 to 7 March."""
    template = make_todo(remind_at=datetime(2026, 3, 1, 8, tzinfo=UTC))
    generate_occurrences(Todo, now=now)
    return template


def edit(template: Todo, **values: object) -> None:
    for name, value in values.items():
        setattr(template, name, value)
    template.save()


def test_copied_field_reaches_untouched_rows(template, now):
    """A new title goes to the rows ahead, which stay the rows they were."""
    keys = set(template.occurrences.values_list("pk", flat=True))
    edit(template, title="Feed the cat")

    report = generate_occurrences(Todo, now=now)

    assert report == GenerationReport(templates=1, updated=5)
    assert set(template.occurrences.values_list("pk", "title")) == {
        (key, "Feed the cat") for key in keys
    }


def test_rows_that_have_begun_are_history(template, now):
    """An edit changes no row whose start has passed."""
    edit(template, title="Feed the cat")

    generate_occurrences(Todo, now=now + timedelta(days=2))

    titles = template.occurrences.order_by("due_at").values_list("title", flat=True)
    assert list(titles) == ["Water the plants"] * 2 + ["Feed the cat"] * 5


@pytest.mark.parametrize(
    "touch",
    [
        {"done": True},
        {"title": "Water the roses"},
        {"due_at": datetime(2026, 3, 5, 18, tzinfo=UTC)},
        {"remind_at": None},
    ],
    ids=["done", "renamed", "moved", "reminder removed"],
)
@pytest.mark.parametrize("way", ["save", "update"])
def test_touched_row_stays_as_it_is(template, now, touch, way):
    """What a person changed on a row survives any edit of the template."""
    row = template.occurrences.get(recurrence_id="20260305T090000")
    if way == "update":
        Todo.objects.filter(pk=row.pk).update(**touch)
    else:
        edit(row, **touch)
    before = Todo.objects.filter(pk=row.pk).values().get()

    edit(template, title="Feed the cat", recurrence_rule="FREQ=WEEKLY")
    report = generate_occurrences(Todo, now=now)

    assert Todo.objects.filter(pk=row.pk).values().get() == before
    assert report == GenerationReport(templates=1, created=5, removed=4)


def test_row_that_others_point_to_is_not_removed(template, now, days):
    """A row with a tag, which only a person can have given it, outlives a change of the rule."""
    row = template.occurrences.get(recurrence_id="20260305T090000")
    row.tags.add(Tag.objects.create(name="urgent"))

    edit(template, recurrence_rule="FREQ=WEEKLY")
    generate_occurrences(Todo, now=now)

    assert days(template)[0] == "20260305"
    assert list(row.tags.values_list("name", flat=True)) == ["urgent"]


def test_new_rule_adds_and_removes(template, now, days):
    """Rows the new rule names stay, those it does not go, and those it lacks are made."""
    kept = template.occurrences.get(recurrence_id="20260305T090000").pk
    edit(template, recurrence_rule="FREQ=DAILY;INTERVAL=2")

    report = generate_occurrences(Todo, now=now)

    assert report == GenerationReport(templates=1, created=2, removed=2)
    assert days(template) == ["20260303", "20260305", "20260307", "20260309", "20260311"]
    assert template.occurrences.get(recurrence_id="20260305T090000").pk == kept


def test_new_rule_does_not_bring_back_what_was_deleted(template, now, days):
    """A day that was deleted stays away under a new rule that names it, too."""
    template.occurrences.filter(recurrence_id="20260305T090000").delete()
    edit(template, recurrence_rule="FREQ=DAILY;INTERVAL=2")

    generate_occurrences(Todo, now=now)

    assert days(template) == ["20260303", "20260307", "20260309", "20260311"]


def test_deleted_row_stays_away_through_two_edits(template, now, days):
    """A deleted day does not come back when the rule leaves it out, and later names it again."""
    template.occurrences.filter(recurrence_id="20260305T090000").delete()

    edit(template, recurrence_rule="FREQ=WEEKLY")
    generate_occurrences(Todo, now=now)
    edit(template, recurrence_rule="FREQ=DAILY")
    generate_occurrences(Todo, now=now)

    assert days(template) == ["20260303", "20260304", "20260306", "20260307"]


def test_new_zone_moves_the_rows(template, now):
    """In another zone the same wall time is another instant; the rows are moved, not remade."""
    tokyo = ZoneInfo("Asia/Tokyo")
    keys = set(template.occurrences.values_list("pk", flat=True))
    edit(
        template,
        recurrence_timezone="Asia/Tokyo",
        due_at=datetime(2026, 3, 1, 9, tzinfo=tokyo),
        remind_at=datetime(2026, 3, 1, 8, tzinfo=tokyo),
    )

    report = generate_occurrences(Todo, now=now)

    rows = template.occurrences.order_by("due_at")
    assert report == GenerationReport(templates=1, updated=5)
    assert {row.pk for row in rows} == keys
    assert (rows[0].recurrence_id, rows[0].due_at, rows[0].remind_at) == (
        "20260303T090000",
        datetime(2026, 3, 3, 9, tzinfo=tokyo),
        datetime(2026, 3, 3, 8, tzinfo=tokyo),
    )


def test_new_start_moves_the_rows(template, now):
    """At another time of day untouched rows move along, and stay the rows they were."""
    keys = dict(template.occurrences.values_list("recurrence_id", "pk"))
    edit(template, due_at=datetime(2026, 3, 1, 17, tzinfo=UTC))

    report = generate_occurrences(Todo, now=now)

    rows = {row.recurrence_id: row for row in template.occurrences.all()}
    assert report == GenerationReport(templates=1, created=1, updated=4, removed=1)
    assert sorted(rows) == [f"202603{day:02}T170000" for day in range(2, 7)]
    assert rows["20260305T170000"].pk == keys["20260305T090000"]
    assert rows["20260305T170000"].due_at == datetime(2026, 3, 5, 17, tzinfo=UTC)


def test_new_start_takes_a_touched_row_for_its_day(template, now):
    """A row that a person changed keeps its values, and no second one is made for its day."""
    row = template.occurrences.get(recurrence_id="20260305T090000")
    Todo.objects.filter(pk=row.pk).update(done=True)
    edit(template, due_at=datetime(2026, 3, 1, 17, tzinfo=UTC))

    generate_occurrences(Todo, now=now)

    there = template.occurrences.filter(due_at__date="2026-03-05")
    assert [(each.pk, each.due_at, each.done) for each in there] == [(row.pk, row.due_at, True)]


def test_rule_taken_away_ends_the_series(template, now, days):
    """Without its rule a row recurs no more: untouched rows ahead go, what was done stays."""
    Todo.objects.filter(recurrence_id="20260304T090000").update(done=True)
    edit(template, recurrence_rule=None)

    report = generate_occurrences(Todo, now=now)
    again = generate_occurrences(Todo, now=now)

    assert report == GenerationReport(templates=1, removed=4)
    assert days(template) == ["20260304"]
    assert again == GenerationReport()


def test_rule_taken_away_by_update_ends_the_series(template, now):
    """The same holds for QuerySet.update()."""
    Todo.objects.filter(pk=template.pk).update(recurrence_rule=None)

    report = generate_occurrences(Todo, now=now)

    assert report == GenerationReport(templates=1, removed=5)


def test_rule_that_became_bad_leaves_the_rows_alone(template, now, days):
    """A template that cannot be read keeps its rows until it can, and then has them adapted."""
    edit(template, recurrence_rule="FREQ=NEVER")
    generate_occurrences(Todo, now=now)
    kept = days(template)

    edit(template, recurrence_rule="FREQ=DAILY;INTERVAL=2")
    generate_occurrences(Todo, now=now)

    assert kept == ["20260303", "20260304", "20260305", "20260306", "20260307"]
    assert days(template) == ["20260303", "20260305", "20260307", "20260309", "20260311"]


def test_edit_and_return_change_nothing(template, now):
    """An edit that was taken back before the next pass has no effect."""
    edit(template, recurrence_rule="FREQ=WEEKLY")
    edit(template, recurrence_rule="FREQ=DAILY")

    assert generate_occurrences(Todo, now=now) == GenerationReport(templates=1)


def test_clock_that_jumped_back_makes_nothing_twice(template, now, days):
    """A pass with an earlier now, by an edit or a wrong clock, neither adds nor removes."""
    generate_occurrences(Todo, now=now + timedelta(days=3))
    before = days(template)
    edit(template, title="Feed the cat")

    report = generate_occurrences(Todo, now=now)

    assert days(template) == before
    assert report == GenerationReport(templates=1, updated=8)


def test_fields_that_take_part_from_now_on_or_no_more_touch_no_row(template, now, admin_user):
    """After the host changed what is copied, rows made before are still known as untouched."""
    snapshot = Todo.objects.get(pk=template.pk).recurrence_made_from
    del snapshot["fields"]["owner"]
    snapshot["fields"]["column_of_last_year"] = "7"
    Todo.objects.filter(pk=template.pk).update(recurrence_made_from=snapshot)

    edit(template, owner=admin_user)
    report = generate_occurrences(Todo, now=now)

    assert report == GenerationReport(templates=1, updated=5)
    assert {row.owner for row in template.occurrences.all()} == {admin_user}


@pytest.fixture
def few_parameters(db):
    """A database that takes little more than KEYS_AT_ONCE parameters in a statement."""
    connection.ensure_connection()
    if connection.vendor != "sqlite":
        yield
        return
    before = connection.connection.setlimit(
        sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, KEYS_AT_ONCE + 500
    )
    yield
    connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, before)


def test_edit_of_more_rows_than_a_statement_has_parameters(few_parameters, now):
    """Thirty templates with a year of days each are edited at once, in bounded transactions."""
    Holiday.objects.bulk_create(
        Holiday(name="Free", first_on=date(2026, 3, 1), recurrence_rule="FREQ=DAILY")
        for _ in range(30)
    )
    made = generate_occurrences(Holiday, now=now)

    Holiday.objects.templates().update(recurrence_rule="FREQ=WEEKLY")
    report = generate_occurrences(Holiday, now=now)

    assert made == GenerationReport(templates=30, created=30 * 365)
    assert report == GenerationReport(templates=30, removed=30 * 313)
    assert Holiday.objects.occurrences().count() == 30 * 52

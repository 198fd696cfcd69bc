"""A month of a template, as a person reads it in a calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from recurring_jobs.models import reschedule, skip
from recurring_jobs.recurrence.month import MOST_OCCURRENCES, month_of
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.host.models import Event, Holiday, Tag, Todo

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MARCH = date(2026, 3, 1)


def make_todo(**fields) -> Todo:
    """Store a to-do of each Monday and Thursday at 09:00 in Paris, with its five rows."""
    values = {
        "title": "Water the plants",
        "due_at": datetime(2026, 3, 2, 8, tzinfo=UTC),
        "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO,TH",
        "recurrence_timezone": "Europe/Paris",
        **fields,
    }
    template = Todo.objects.create(**values)
    generate_occurrences(Todo, now=NOW)
    template.refresh_from_db()
    return template


def told(template, first: date = MARCH, now: datetime = NOW) -> dict[int, list[str]]:
    """Return what stands on each day of the month, in words."""
    month = month_of(template, first, now)
    return {
        day.day: [f"{entry.at:%H:%M} {entry.state}" for entry in entries]
        for day, entries in month.entries.items()
    }


def row_on(template: Todo, day: int) -> Todo:
    return template.occurrences.get(recurrence_id=f"202603{day:02}T090000")


def test_month_tells_made_expected_and_absent():
    """Five rows are made ahead; later times are expected, earlier ones have no row."""
    assert told(make_todo()) == {
        2: ["09:00 absent"],
        5: ["09:00 absent"],
        9: ["09:00 absent"],
        12: ["09:00 made"],
        16: ["09:00 made"],
        19: ["09:00 made"],
        23: ["09:00 made"],
        26: ["09:00 made"],
        30: ["09:00 expected"],
    }


def test_month_tells_what_a_person_did():
    """One is changed, one moved to another day, one skipped, one deleted; the rest is made."""
    template = make_todo()
    Todo.objects.filter(pk=row_on(template, 12).pk).update(title="Water twice")
    reschedule(row_on(template, 16), datetime(2026, 3, 17, 17, tzinfo=UTC))
    skip(row_on(template, 19), now=NOW)
    row_on(template, 23).delete()
    template.refresh_from_db()

    shown = told(template)

    assert {day: shown[day] for day in (12, 16, 17, 19, 23, 26)} == {
        12: ["09:00 changed"],
        16: ["09:00 moved"],
        17: ["18:00 moved"],
        19: ["09:00 skipped"],
        23: ["09:00 skipped"],
        26: ["09:00 made"],
    }


def test_row_that_was_moved_says_from_where_and_to_where():
    """It stands in two months when it went from one to the other."""
    template = make_todo()
    reschedule(row_on(template, 26), datetime(2026, 4, 1, 7, tzinfo=UTC))

    (left,) = month_of(template, MARCH, NOW).entries[date(2026, 3, 26)]
    (here,) = month_of(template, date(2026, 4, 1), NOW).entries[date(2026, 4, 1)]

    assert f"{left.moved_to:%d %H:%M}" == "01 09:00"
    assert f"{here.moved_from:%d %H:%M}" == "26 09:00"
    assert left.row == here.row


def test_what_has_begun_is_history():
    """A past row is told as made, whatever its template says by now."""
    template = make_todo()
    later = NOW + timedelta(days=3)
    Todo.objects.filter(pk=template.pk).update(title="Water the garden")
    generate_occurrences(Todo, now=later)
    template.refresh_from_db()

    shown = told(template, now=later)

    assert shown[12] == ["09:00 made"]
    assert shown[16] == ["09:00 made"]


def test_days_and_changes_of_clocks_are_those_of_the_zone():
    """
    On New York's clock: 02:30 is 03:30 in the gap, and 23:30 stays on its own day.
    """
    template = make_todo(
        due_at=datetime(2026, 3, 1, 7, 30, tzinfo=UTC),
        recurrence_rule="FREQ=DAILY;BYHOUR=2,23;BYMINUTE=30",
        recurrence_timezone="America/New_York",
    )
    month = month_of(template, MARCH, NOW)
    shown = told(template)

    assert month.clock_changes == {date(2026, 3, 8)}
    assert shown[7] == ["02:30 absent", "23:30 absent"]
    assert shown[8] == ["03:30 absent", "23:30 absent"]
    assert shown[12] == ["02:30 made", "23:30 made"]


def test_row_in_a_gap_is_not_called_moved():
    """The wall time of its name does not exist; it stands where the gap put it."""
    before = datetime(2026, 3, 6, tzinfo=UTC)
    template = Todo.objects.create(
        title="Water",
        due_at=datetime(2026, 3, 1, 7, 30, tzinfo=UTC),
        recurrence_rule="FREQ=DAILY",
        recurrence_timezone="America/New_York",
    )
    generate_occurrences(Todo, now=before)
    template.refresh_from_db()

    shown = [told(template, now=now)[8] for now in (before, NOW)]

    assert shown == [["03:30 made"], ["03:30 made"]]


def test_days_without_a_time():
    """Rows that last all day stand on their day."""
    holiday = Holiday.objects.create(
        name="First Monday", first_on=date(2026, 3, 2), recurrence_rule="FREQ=MONTHLY;BYDAY=1MO"
    )
    generate_occurrences(Holiday, now=NOW)
    holiday.refresh_from_db()

    days = [
        entries[0].state
        for first in (MARCH, date(2026, 4, 1))
        for entries in month_of(holiday, first, NOW).entries.values()
    ]

    assert days == ["absent", "made"]


def test_rule_without_rows():
    """A model that only has a rule has each of its times expected."""
    event = Event.objects.create(
        title="Board", starts_at=datetime(2026, 3, 3, 9, tzinfo=UTC), recurrence_rule="FREQ=WEEKLY"
    )

    assert told(event) == {day: ["09:00 expected"] for day in (3, 10, 17, 24, 31)}


def test_month_of_a_fine_rule_is_cut():
    """No rule makes the page endless."""
    template = make_todo(recurrence_rule="FREQ=HOURLY;BYMINUTE=0,15,30,45")

    month = month_of(template, MARCH, NOW)

    assert month.is_cut
    assert sum(map(len, month.entries.values())) <= 2 * MOST_OCCURRENCES


def test_number_of_queries_is_constant(django_assert_num_queries):
    """The rows of a month are read at once, and so are their many-to-many links."""
    holiday = Holiday.objects.create(
        name="Sunday", first_on=date(2026, 3, 1), recurrence_rule="FREQ=WEEKLY"
    )
    holiday.tags.add(Tag.objects.create(name="quiet"))
    generate_occurrences(Holiday, now=NOW)
    holiday.refresh_from_db()

    with django_assert_num_queries(2):
        month = month_of(holiday, date(2026, 5, 1), NOW)

    assert [entry.state for day in month.entries.values() for entry in day] == ["made"] * 5


def test_template_that_was_set_aside_is_not_compared():
    """Its hook may raise, which must not take the page away on which that is said."""
    template = make_todo()
    Todo.objects.filter(pk=template.pk).update(recurrence_set_aside="It cannot be read.")
    template.refresh_from_db()

    assert told(template)[12] == ["09:00 made"]

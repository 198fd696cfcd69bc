from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from recurring_jobs.exceptions import UnknownTimeZoneError
from recurring_jobs.recurrence.occurrences import generate_occurrences
from recurring_jobs.rules import Rule
from tests.host.models import Holiday, Todo

PARIS = ZoneInfo("Europe/Paris")


def todo(**values: object) -> Todo:
    start = datetime(2026, 3, 1, 8, tzinfo=UTC)
    defaults = {"due_at": start, "recurrence_rule": "FREQ=DAILY"}
    return Todo(**{**defaults, "recurrence_timezone": "Europe/Paris", **values})


def test_next_occurrence_is_on_the_clock_of_the_zone():
    """The next time after a moment comes in the template's zone, over a clock change too."""
    following = todo().next_occurrence(after=datetime(2026, 3, 28, 12, tzinfo=UTC))

    assert following == datetime(2026, 3, 29, 9, tzinfo=PARIS)
    assert following.utcoffset() == datetime(2026, 3, 29, 9, tzinfo=PARIS).utcoffset()


def test_next_occurrence_defaults_to_now(time_machine):
    """Without a moment, the next time from now is meant."""
    time_machine.move_to(datetime(2026, 3, 5, 8, tzinfo=UTC), tick=False)

    assert todo().next_occurrence() == datetime(2026, 3, 6, 9, tzinfo=PARIS)


@pytest.mark.parametrize("rule", [None, "FREQ=DAILY;COUNT=2"], ids=["no rule", "ended"])
def test_there_may_be_no_next_occurrence(rule):
    """A row without a rule, and one whose rule has ended, have none."""
    after = datetime(2026, 5, 1, tzinfo=UTC)

    assert todo(recurrence_rule=rule).next_occurrence(after=after) is None


def test_occurrences_between_take_the_first_moment_in_and_leave_the_last_out():
    """A range is half open, as months on a calendar are."""
    times = todo().occurrences_between(
        datetime(2026, 3, 3, 9, tzinfo=PARIS), datetime(2026, 3, 5, 9, tzinfo=PARIS)
    )

    assert times == [
        datetime(2026, 3, 3, 9, tzinfo=PARIS),
        datetime(2026, 3, 4, 9, tzinfo=PARIS),
    ]


def test_all_day_occurrences_begin_at_midnight_in_their_zone():
    """A day counts when its midnight lies in the range."""
    holiday = Holiday(
        first_on=date(2026, 3, 1), recurrence_rule="FREQ=DAILY", recurrence_timezone="Asia/Tokyo"
    )

    days = holiday.occurrences_between(
        datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 4, 15, tzinfo=UTC)
    )

    assert days == [date(2026, 3, 3), date(2026, 3, 4)]
    assert holiday.next_occurrence(after=datetime(2026, 3, 2, 15, tzinfo=UTC)) == date(2026, 3, 4)


def test_row_without_rule_has_nothing_to_say():
    """Questions about a row that does not recur have empty answers."""
    once = todo(recurrence_rule=None)
    moment = datetime(2026, 3, 1, tzinfo=UTC)

    assert once.occurrences_between(moment, datetime(2027, 3, 1, tzinfo=UTC)) == []
    assert once.describe_recurrence() == ""
    assert not once.is_template


def test_rule_in_words_is_that_of_the_engine():
    """The words are those of Rule.describe()."""
    assert todo().describe_recurrence() == Rule.parse("FREQ=DAILY").describe()


def test_unknown_zone_is_an_error_to_the_caller():
    """A row that cannot be read says so."""
    with pytest.raises(UnknownTimeZoneError):
        todo(recurrence_timezone="Mars/Olympus").next_occurrence()


def test_querysets_tell_templates_from_occurrences(make_todo, now):
    """templates(), occurrences(), due() and upcoming() divide the table."""
    template, once = make_todo(), make_todo(recurrence_rule=None)
    due_before = list(Todo.objects.due(now))
    generate_occurrences(Todo, now=now)

    upcoming = Todo.objects.upcoming(datetime(2026, 3, 5, 12, tzinfo=UTC))

    assert due_before == [template]
    assert list(Todo.objects.due(now)) == []
    assert list(Todo.objects.templates()) == [template]
    assert Todo.objects.occurrences().count() == 5
    assert [row.recurrence_id for row in upcoming] == ["20260306T090000", "20260307T090000"]
    assert template.is_template
    assert not template.is_occurrence
    assert upcoming[0].is_occurrence
    assert not upcoming[0].is_template
    assert not once.is_template


def test_upcoming_of_all_day_rows(db, now):
    """For dates, upcoming() means later than the day of the moment."""
    Holiday.objects.create(
        name="Free", first_on=date(2026, 3, 1), recurrence_rule="FREQ=DAILY;COUNT=4"
    )
    generate_occurrences(Holiday, now=now)

    assert [row.first_on.day for row in Holiday.objects.upcoming(now)] == [3, 4]

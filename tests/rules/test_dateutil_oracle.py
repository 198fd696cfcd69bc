"""The engine against python-dateutil in UTC, each known divergence named."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules import Frequency, Rule
from tests.examples import examples
from tests.rules.cases import at
from tests.rules.strategies import rule_texts, starts

COARSE = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY")
FINE = ("HOURLY", "MINUTELY", "SECONDLY")


def diverges(rule: Rule) -> str | None:
    """
    Return why dateutil is known to answer otherwise, or None.
    """
    numbered = {bool(weekday.ordinal) for weekday in rule.by_day}
    if len(numbered) == 2:
        return "numbered and plain weekdays together give it nothing"
    within_months = rule.frequency is Frequency.MONTHLY or rule.by_month
    if within_months and any(abs(weekday.ordinal) > 5 for weekday in rule.by_day):
        return "a numbered weekday that no month has is an IndexError"
    if rule.frequency is Frequency.WEEKLY and rule.by_set_position:
        return "it counts places in the first week from the start (dateutil issue 1398)"
    if rule.by_week_number and not (rule.by_day or rule.by_month_day or rule.by_year_day):
        return "week numbers alone give it all seven days (dateutil pull request 1537)"
    if rule.by_week_number and min(rule.by_week_number) < 0:
        return "it numbers the weeks at the edges of a year from the end of the wrong year"
    return None


def walk(rule: Rule, start, number):
    try:
        return list(rule.occurrences(start, limit=number))
    except InvalidRuleError:
        return []


def compare(text, start, number):
    try:
        rule = Rule.parse(text)
    except InvalidRuleError:
        assume(False)
    assume(diverges(rule) is None)
    found = walk(rule, start, number)
    assume(found)  # dateutil looks for what is not there up to the year 9999

    assert list(islice(rrulestr(text, dtstart=start), len(found))) == found


@settings(max_examples=examples(400), deadline=None)
@given(text=rule_texts(COARSE, skips=False), start=starts())
def test_days_and_coarser(text, start):
    """Random rules of days, weeks, months and years give the times dateutil gives."""
    compare(text, start, 12)


@settings(max_examples=examples(200), deadline=None)
@given(text=rule_texts(FINE), start=starts())
def test_hours_and_finer(text, start):
    """Random rules of hours, minutes and seconds give the times dateutil gives."""
    end = start + timedelta(days=730)
    try:
        found = list(Rule.parse(text).occurrences(start, limit=4))
    except InvalidRuleError:
        assume(False)
    # dateutil walks from the start, for minutes where we jump.
    assume(found and found[-1] < end and "SECONDLY" not in text)

    assert list(islice(rrulestr(text, dtstart=start), len(found))) == found


DIVERGENT = [
    pytest.param(
        *("FREQ=MONTHLY;BYDAY=MO,-1FR", "2026-01-01", ["2026-01-05", "2026-01-12"]),
        id="numbered and plain weekdays",
    ),
    pytest.param(
        *("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2", "2026-01-07", ["2026-01-07", "2026-01-14"]),
        id="places in the first week",
    ),
    pytest.param(
        *("FREQ=YEARLY;BYWEEKNO=20", "2026-01-08", ["2026-05-14", "2027-05-20"]),
        id="week number alone",
    ),
    pytest.param(
        *("FREQ=YEARLY;BYWEEKNO=-53;BYDAY=MO", "2026-01-01", ["2031-12-29", "2036-12-29"]),
        id="weeks from the end at the edge of a year",
    ),
]


@pytest.mark.parametrize(("text", "start", "days"), DIVERGENT)
def test_known_divergence(text, start, days):
    """Where dateutil is known to differ, it still does, and ours is the named reading."""
    begin = at(f"{start}T09:00")
    rule = Rule.parse(text)

    found = list(rule.occurrences(begin, limit=2))

    assert diverges(rule)
    assert [f"{moment:%Y-%m-%d}" for moment in found] == days
    assert list(islice(rrulestr(text, dtstart=begin), 2)) != found

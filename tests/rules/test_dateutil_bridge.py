"""To dateutil's objects and back."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import FR, MO, MONTHLY, WEEKLY, YEARLY, rrule, rruleset
from hypothesis import assume, given, settings

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules import Rule
from tests.examples import examples
from tests.rules.cases import at
from tests.rules.strategies import rule_texts

BERLIN = ZoneInfo("Europe/Berlin")
START = at("2026-01-05T09:00", BERLIN)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY;COUNT=5",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;UNTIL=20260301",
        "FREQ=MONTHLY;BYDAY=MO,-1FR",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;BYHOUR=12",
        "RRULE:FREQ=DAILY\nRDATE:20260105T120000,20260106T120000Z\nEXDATE:20260106T090000",
        "RRULE:FREQ=DAILY\nRDATE;TZID=Asia/Tokyo:20260106T200000\nEXDATE;VALUE=DATE:20260107",
    ],
)
def test_there(text):
    """dateutil's object gives the same times, away from the odd hours."""
    rule = Rule.parse(text)
    wanted = list(rule.occurrences(START, limit=8))

    assert list(islice(rule.to_dateutil(START), 8)) == wanted


@settings(max_examples=examples(200), deadline=None)
@given(text=rule_texts(("YEARLY", "MONTHLY", "WEEKLY", "DAILY"), skips=False))
def test_there_and_back(text):
    """What dateutil holds reads back as the same rule; of finer ones it drops what it can."""
    try:
        rule = Rule.parse(text)
        there = rule.to_dateutil(START)
    except (InvalidRuleError, ValueError):  # dateutil refuses rules that miss their interval
        assume(False)
    assume(isinstance(there, rrule))

    assert Rule.from_dateutil(there) == rule


def test_a_set_from_dateutil():
    """A set of one rule with dates becomes one rule."""
    source = rruleset()
    source.rrule(rrule(MONTHLY, dtstart=START, byweekday=FR(-1), wkst=MO))
    source.rdate(datetime(2026, 3, 1, 9, tzinfo=UTC))
    source.exdate(datetime(2026, 2, 27, 9))  # noqa: DTZ001  dateutil takes naive times

    assert str(Rule.from_dateutil(source)) == (
        "RRULE:FREQ=MONTHLY;BYDAY=-1FR\nRDATE:20260301T090000Z\nEXDATE:20260227T090000"
    )


def two_rules():
    found = rruleset()
    found.rrule(rrule(WEEKLY, dtstart=START))
    found.rrule(rrule(MONTHLY, dtstart=START))
    return found


def an_excluded_rule():
    found = rruleset()
    found.rrule(rrule(WEEKLY, dtstart=START))
    found.exrule(rrule(MONTHLY, dtstart=START))
    return found


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(two_rules(), "RRULE must be one, not 2 as in this set.", id="two rules"),
        pytest.param(
            an_excluded_rule(), "EXRULE is not part of RFC 5545 any more.", id="excluded rule"
        ),
        pytest.param(
            rrule(YEARLY, dtstart=START, byeaster=0),
            "byeaster is not part of RFC 5545.",
            id="easter",
        ),
    ],
)
def test_not_from_dateutil(source, message):
    """What RFC 5545 does not have is refused by its name."""
    with pytest.raises(InvalidRuleError) as caught:
        Rule.from_dateutil(source)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD",
            "SKIP: 'FORWARD' is not known to dateutil.",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,-1FR;COUNT=3",
            "BYDAY: 'MO,-1FR' has numbered and plain weekdays, "
            "which dateutil cannot count together.",
        ),
    ],
)
def test_not_to_dateutil(text, message):
    """What dateutil would get wrong is refused."""
    with pytest.raises(InvalidRuleError) as caught:
        Rule.parse(text).to_dateutil(START)

    assert str(caught.value) == message

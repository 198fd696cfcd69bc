"""The engine against rrule-temporal, which shares no line with it, each known divergence named."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules import Rule
from tests.rules.second_engine import DIVERGENCES, Engine, change_days, diverges
from tests.rules.strategies import rule_texts, starts

FOLDER = os.environ.get("RRULE_TEMPORAL", "")
HOW = (
    "compares with the npm package rrule-temporal where node is: in an empty folder type"
    " npm install rrule-temporal@2.2.7, and set RRULE_TEMPORAL to that folder"
)
pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(not (FOLDER and shutil.which("node")), reason=HOW),
]

# Beirut for the gaps at midnight: Cairo's years of two summers it reads an hour off.
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"),
    *("Asia/Beirut", "America/Sao_Paulo", "Asia/Tehran", "Pacific/Apia"),
)


@pytest.fixture(scope="module")
def engine():
    """The other engine, ready to be asked."""
    engine = Engine(FOLDER)
    yield engine
    engine.close()


def walk(rule, start):
    try:
        return list(rule.expand(start, limit=8))
    except InvalidRuleError:
        return []


def instants(found):
    return [int(one.at.timestamp()) for one in found]


@st.composite
def zoned_starts(draw):
    """
    Draw a start in any zone, every other time just before its clocks change.
    """
    name = draw(st.sampled_from(ZONES))
    days = change_days(name)
    if not days or draw(st.booleans()):
        return draw(starts(UTC)).replace(tzinfo=ZoneInfo(name))
    day = draw(st.sampled_from(days)) - timedelta(days=draw(st.integers(0, 7)))
    minutes = draw(st.sampled_from(range(0, 300, 15)))
    return day.replace(hour=minutes // 60, minute=minutes % 60)


@settings(max_examples=4_000, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(text=rule_texts(), start=zoned_starts())
@pytest.mark.timeout(900)
def test_random_rules(engine, text, start):
    """Random rules of all frequencies in several zones give the times rrule-temporal gives."""
    try:
        rule = Rule.parse(text)
    except InvalidRuleError:
        assume(False)
    found = walk(rule, start)
    assume(found)  # rrule-temporal gives up where there is nothing
    assume(diverges(rule, start, found) is None)

    theirs = engine.ask(text, start, len(found))

    assume("Maximum iterations" not in theirs)  # it stops after 10,000 periods
    assert theirs == instants(found)


DIVERGENT = [
    ("UTC 2026-01-01T09", "FREQ=YEARLY;BYMONTHDAY=1;BYDAY=1MO", "2029-01-01 2035-01-01"),
    ("UTC 2026-01-01T09", "FREQ=YEARLY;BYDAY=MO,1TH", "2026-01-01 2026-01-05"),
    ("UTC 2026-01-01T09", "FREQ=YEARLY;BYDAY=53MO", "2029-12-31 2035-12-31"),
    ("UTC 2026-01-01T09", "FREQ=YEARLY;BYYEARDAY=1;BYDAY=MO", "2029-01-01 2035-01-01"),
    ("UTC 2000-01-01T09", "FREQ=YEARLY;BYWEEKNO=1;BYYEARDAY=1", "2001-01-01 2002-01-01"),
    ("UTC 2000-01-01T09", "FREQ=YEARLY;BYWEEKNO=-1", "2000-01-01 2000-12-30"),
    (
        "UTC 2026-01-01T09",
        "FREQ=MONTHLY;BYMONTHDAY=30;RSCALE=GREGORIAN;SKIP=FORWARD",
        "2026-01-30 2026-03-01",
    ),
    (
        "UTC 2026-01-01T09",
        "FREQ=YEARLY;BYYEARDAY=366;RSCALE=GREGORIAN;SKIP=FORWARD",
        "2027-01-01 2028-01-01",
    ),
    ("America/New_York 2024-03-09T02:30", "FREQ=DAILY", "2024-03-09 2024-03-10"),
    (
        "Asia/Beirut 2024-03-30T00:00",
        "FREQ=DAILY;BYHOUR=0,1;BYSETPOS=2",
        "2024-03-30T01 2024-03-31T01",
    ),
    (
        "America/New_York 2024-03-10T02:30",
        "FREQ=WEEKLY;BYDAY=MO",
        "2024-03-11T02:30 2024-03-18T02:30",
    ),
    (
        "America/New_York 2019-11-03T01:15",
        "FREQ=HOURLY",
        "2019-11-03T01:15:00-04 2019-11-03T01:15:00-05",
    ),
    (
        "Australia/Lord_Howe 2023-03-28T02:30",
        "FREQ=HOURLY;BYMONTH=5;BYMINUTE=22,55,7;BYSETPOS=-2",
        "2023-05-01T00:07 2023-05-01T01:07",
    ),
]


@pytest.mark.parametrize(
    ("why", "start", "text", "times"),
    [(why, *case) for why, case in zip(DIVERGENCES, DIVERGENT, strict=True)],
    ids=DIVERGENCES,
)
def test_known_divergence(engine, why, start, text, times):
    """Where rrule-temporal is known to differ, it still does, and ours is the stated reading."""
    zone, _, wall = start.partition(" ")
    begin = datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone))
    rule = Rule.parse(text)
    found = walk(rule, begin)

    theirs = engine.ask(text, begin, len(found))

    assert diverges(rule, begin, found) == why
    assert all(
        one.at.isoformat().startswith(wanted)
        for one, wanted in zip(found, times.split(), strict=False)
    )
    assert theirs != instants(found)


ACCEPTED = {
    "a count below nothing": "FREQ=DAILY;COUNT=-5",
    "a thirteenth month": "FREQ=MONTHLY;BYMONTH=13",
    "half an interval": "FREQ=DAILY;INTERVAL=1.5",
    "two ends": "FREQ=DAILY;COUNT=3;UNTIL=20260103T090000Z",
    "days of the month by week": "FREQ=WEEKLY;BYMONTHDAY=3",
    "second Mondays by day": "FREQ=DAILY;BYDAY=2MO",
    "hour 25": "FREQ=DAILY;BYHOUR=25",
    "weeks of a month": "FREQ=MONTHLY;BYWEEKNO=3",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_what_it_accepts_is_refused_here(engine, text):
    """What RFC 5545 forbids and rrule-temporal answers all the same is refused by ours."""
    theirs = engine.ask(text, datetime(2026, 1, 1, 9, tzinfo=ZoneInfo("UTC")), 1)

    with pytest.raises(InvalidRuleError):
        Rule.parse(text)
    assert isinstance(theirs, list)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("RDATE:20260105T093000Z", id="a date more"),
        pytest.param("EXDATE:20260102T090000Z", id="a date less"),
        pytest.param("RDATE:20260101T120000Z\nEXDATE:20260102T090000Z", id="both"),
        pytest.param("RDATE;TZID=Asia/Tokyo:20260110T090000", id="a date in another zone"),
    ],
)
def test_sets(engine, lines):
    """RDATE and EXDATE beside COUNT give the same set in both."""
    start = datetime(2026, 1, 1, 9, tzinfo=ZoneInfo("UTC"))
    text = f"RRULE:FREQ=DAILY;COUNT=4\n{lines}"
    found = walk(Rule.parse(text), start)

    assert engine.ask(text, start, len(found) + 1) == instants(found)

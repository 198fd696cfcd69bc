"""Where an interval meets a time of day rarely, solving it gives what stepping would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recurring_jobs.rules import Rule
from tests.rules.reference import by_elapsed_time

START = datetime(2021, 3, 4, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("FREQ=SECONDLY;INTERVAL=9973;BYHOUR=5;BYMINUTE=3;BYSECOND=7,8", 9_973),
        ("FREQ=SECONDLY;INTERVAL=86399;BYHOUR=1,23", 86_399),
        ("FREQ=SECONDLY;INTERVAL=36000;BYHOUR=11;BYDAY=MO,SU", 36_000),
        ("FREQ=SECONDLY;INTERVAL=25200;BYDAY=SA;BYHOUR=0,1,2,3,4,5,6", 25_200),
        ("FREQ=SECONDLY;INTERVAL=69811;BYDAY=SA;BYHOUR=5;BYMINUTE=3,4,5", 69_811),
        ("FREQ=MINUTELY;INTERVAL=1441;BYHOUR=7;BYMINUTE=30", 1_441 * 60),
        ("FREQ=MINUTELY;INTERVAL=10080;BYDAY=TH;BYHOUR=1,2", 10_080 * 60),
        ("FREQ=HOURLY;INTERVAL=25;BYHOUR=23;BYMONTHDAY=1", 25 * 3_600),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_solving_equals_stepping(text, step, zone):
    """The first meetings are those that stepping through every interval finds."""
    start = START.astimezone(ZoneInfo(zone))
    rule = Rule.parse(text)
    end = START + timedelta(days=50 * 365)
    stepped = by_elapsed_time(rule, start, timedelta(seconds=step), end)

    found = list(rule.occurrences(start, before=end))

    assert stepped
    assert found == stepped


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("FREQ=HOURLY;INTERVAL=25;BYHOUR=23;BYMINUTE=10,50;BYSECOND=0", (10, 50)),
        ("FREQ=HOURLY;INTERVAL=7;BYHOUR=4;BYMINUTE=5;BYSECOND=0;BYDAY=WE", (5,)),
    ],
)
def test_windows_are_solved_as_well(text, minutes):
    """An hourly rule with minutes meets its hour in windows of an hour."""
    rule = Rule.parse(text)
    hour = START.replace(minute=0, second=0)
    end = START + timedelta(days=700)
    wanted = []
    while hour < end:
        fits = hour.hour in rule.by_hour and (not rule.by_day or hour.weekday() == 2)
        wanted += [hour.replace(minute=minute) for minute in minutes if fits]
        hour += timedelta(hours=rule.interval)

    assert list(rule.occurrences(START, before=end)) == [at for at in wanted if START <= at < end]
    assert wanted


def test_a_meeting_that_never_comes_in_this_offset():
    """In UTC the phase never fits, so there is nothing; where clocks change, it may."""
    rule = Rule.parse("FREQ=HOURLY;INTERVAL=24;BYHOUR=3")
    berlin = datetime(2021, 3, 4, 2, tzinfo=ZoneInfo("Europe/Berlin"))

    assert rule.next_after(START, START) is None
    assert rule.next_after(berlin, berlin).isoformat() == "2021-03-28T03:00:00+02:00"
    weekly = Rule.parse("FREQ=MINUTELY;INTERVAL=10080;BYDAY=TH;BYHOUR=1")
    assert weekly.next_after(berlin, berlin) is None


@pytest.mark.parametrize(
    ("text", "start", "zone", "met"),
    [
        (
            "FREQ=HOURLY;INTERVAL=23;BYMONTH=11,5;BYMONTHDAY=4,-24,12,29,31,-12;BYHOUR=0;BYMINUTE=0",
            "2001-05-11T07:27:28",
            "Europe/Berlin",
            "2013-11-04T00:00:28",
        ),
        (
            "FREQ=MINUTELY;INTERVAL=23;BYDAY=SU,TH,MO,SA,TU;BYHOUR=0;BYMINUTE=48,8,45,13;BYSECOND=39",
            "2017-02-28T10:37:33",
            "Pacific/Apia",
            "2017-04-06T00:13:39",
        ),
    ],
)
def test_meetings_just_after_a_change_of_clocks(text, start, zone, met):
    """A meeting in the first hours of another offset is found; it was once stepped over."""
    start = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    met = datetime.fromisoformat(met).replace(tzinfo=ZoneInfo(zone))

    found = Rule.parse(text).next_after(start, met - timedelta(hours=1))

    assert found == met

"""The two odd hours of the year: what a rule does in a gap and in a fold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recurring_jobs.rules import Rule
from tests.rules.cases import at
from tests.rules.reference import HOUR, MINUTE, by_elapsed_time, on_the_wall, transitions

ZONES = [
    *("Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun", "Africa/Johannesburg"),
    *("Africa/Monrovia", "America/Asuncion", "America/Bogota", "America/Caracas"),
    *("America/Chicago", "America/Godthab", "America/Havana", "America/Los_Angeles"),
    *("America/Mexico_City", "America/New_York", "America/Santiago", "America/Sao_Paulo"),
    *("America/Scoresbysund", "America/St_Johns", "Antarctica/Casey", "Antarctica/Troll"),
    *("Asia/Amman", "Asia/Beirut", "Asia/Dhaka", "Asia/Gaza", "Asia/Jerusalem"),
    *("Asia/Kabul", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Pyongyang", "Asia/Singapore"),
    *("Asia/Tehran", "Asia/Tokyo", "Atlantic/Azores", "Australia/Adelaide"),
    *("Australia/Lord_Howe", "Australia/Sydney", "Europe/Berlin", "Europe/Dublin"),
    *("Europe/Istanbul", "Europe/London", "Europe/Moscow", "Pacific/Apia"),
    *("Pacific/Auckland", "Pacific/Chatham", "Pacific/Fiji", "Pacific/Kiritimati"),
    *("Pacific/Kwajalein", "Pacific/Norfolk", "UTC"),
]


def utc(*instants: datetime) -> list[str]:
    return [instant.astimezone(UTC).strftime("%d %H:%M") for instant in instants]


TABLE = [
    pytest.param(
        *("America/New_York", "2024-03-08T02:30", "FREQ=DAILY", ["08 07:30", "09 07:30"]),
        *(["10 07:30", "11 06:30"],),
        id="a daily time in a gap moves forward and counts",
    ),
    pytest.param(
        *("America/New_York", "2024-03-10T02:30", "FREQ=DAILY", ["10 07:30", "11 06:30"]),
        *(["12 06:30"],),
        id="a start in a gap moves alone",
    ),
    pytest.param(
        *("Africa/Cairo", "2024-04-25T00:00", "FREQ=DAILY", ["24 22:00", "25 22:00"]),
        *(["26 21:00"],),
        id="midnight in a gap",
    ),
    pytest.param(
        *("Australia/Lord_Howe", "2024-10-05T02:15", "FREQ=DAILY", ["04 15:45", "05 15:45"]),
        *(["06 15:15"],),
        id="a gap of half an hour",
    ),
    pytest.param(
        *("Pacific/Apia", "2011-12-29T10:00", "FREQ=DAILY", ["29 20:00", "30 20:00"]),
        *(["31 20:00"],),
        id="a day that is left out makes no second time",
    ),
    pytest.param(
        *("Europe/Berlin", "2026-10-24T02:30", "FREQ=DAILY", ["24 00:30", "25 00:30"]),
        *(["26 01:30"],),
        id="a daily time in a fold comes once, the first time",
    ),
    pytest.param(
        *("Europe/Berlin", "2026-03-29T00:00", "FREQ=HOURLY", ["28 23:00", "29 00:00"]),
        *(["29 01:00", "29 02:00"],),
        id="hours over a gap are an hour apart",
    ),
    pytest.param(
        *("Europe/Berlin", "2026-10-25T01:00", "FREQ=HOURLY", ["24 23:00", "25 00:00"]),
        *(["25 01:00", "25 02:00"],),
        id="hours over a fold are an hour apart",
    ),
    pytest.param(
        *("America/New_York", "2024-03-10T00:00", "FREQ=HOURLY;INTERVAL=2", ["10 05:00"]),
        *(["10 07:00", "10 09:00", "10 11:00"],),
        id="every two hours is elapsed time",
    ),
    pytest.param(
        *("Europe/Berlin", "2026-10-25T00:00", "FREQ=MINUTELY;INTERVAL=30;BYHOUR=2"),
        *(["25 00:00", "25 00:30"], ["25 01:00", "25 01:30", "26 01:00"]),
        id="an hour tested on the clock passes twice in a fold",
    ),
    pytest.param(
        *("Europe/Berlin", "2026-03-28T02:00", "FREQ=MINUTELY;INTERVAL=30;BYHOUR=2"),
        *(["28 01:00", "28 01:30"], ["30 00:00", "30 00:30"]),
        id="an hour tested on the clock is missing in a gap",
    ),
    pytest.param(
        *("America/New_York", "2024-03-10T01:00", "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30"),
        *(["10 07:00", "10 07:30"], ["11 06:00", "11 06:30", "11 07:00"]),
        id="times that a gap makes one come once",
    ),
    pytest.param(
        *("America/New_York", "2024-03-10T00:00", "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=15"),
        *(["10 07:15", "11 06:15"], ["11 07:15"]),
        id="a moved time meets its neighbour",
    ),
    pytest.param(
        *("America/New_York", "2024-03-10T00:00", "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,45"),
        *(["10 07:00", "10 07:45"], ["11 06:00"]),
        id="order is the order of instants",
    ),
]


@pytest.mark.parametrize(("zone", "start", "text", "first", "then"), TABLE)
def test_table(zone, start, text, first, then):
    """Each line of the clock contract, as instants in UTC."""
    found = Rule.parse(text).occurrences(at(start, ZoneInfo(zone)), limit=len(first) + len(then))

    assert utc(*found) == first + then


def test_a_moved_time_keeps_its_name():
    """A time in a gap is named by the wall time as written."""
    start = at("2026-03-28T02:30", ZoneInfo("Europe/Berlin"))

    found = list(Rule.parse("FREQ=DAILY").expand(start, limit=2))

    assert found[1].at.isoformat() == "2026-03-29T03:30:00+02:00"
    assert found[1].nominal == "20260329T023000"


def test_a_start_in_the_second_pass_of_a_fold_stays_there():
    """The second 02:30 may be a start; later days have only one."""
    start = at("2026-10-25T02:30", ZoneInfo("Europe/Berlin")).replace(fold=1)

    found = Rule.parse("FREQ=DAILY").occurrences(start, limit=2)

    assert utc(*found) == ["25 01:30", "26 01:30"]


def test_after_the_first_pass_of_a_fold():
    """Asked within the second pass, a daily rule does not give the first pass again."""
    zone = ZoneInfo("Europe/Berlin")
    second_pass = at("2026-10-25T02:10", zone).replace(fold=1)

    found = Rule.parse("FREQ=DAILY").next_after(at("2026-10-01T02:30", zone), second_pass)

    assert utc(found) == ["26 01:30"]


@pytest.mark.parametrize("minute", [0, 10, 29, 30, 31, 59])
def test_seeking_inside_a_gap(minute):
    """Asked within the hour after a gap, the time that it moved is not forgotten."""
    zone = ZoneInfo("Europe/Berlin")
    after = at(f"2026-03-29T03:{minute:02}", zone)

    found = Rule.parse("FREQ=DAILY").next_after(at("2026-03-01T02:30", zone), after)

    assert utc(found) == (["29 01:30"] if minute < 30 else ["30 00:30"])


def test_count_counts_what_comes():
    """Two wall times that a gap makes one instant use one of COUNT, near and far."""
    start = at("2024-03-09T02:00", ZoneInfo("America/New_York"))
    rule = Rule.parse("FREQ=DAILY;BYHOUR=2,3;COUNT=7")

    found = list(rule.occurrences(start))

    assert utc(*found) == [
        *("09 07:00", "09 08:00", "10 07:00"),
        *("11 06:00", "11 07:00", "12 06:00", "12 07:00"),
    ]
    assert list(rule.occurrences(start, after=found[4])) == found[5:]


def test_count_over_a_day_that_is_left_out():
    """A day that a zone never had is not counted."""
    start = at("2011-12-28T10:00", ZoneInfo("Pacific/Apia"))

    assert utc(*Rule.parse("FREQ=DAILY;COUNT=4").occurrences(start)) == [
        *("28 20:00", "29 20:00", "30 20:00", "31 20:00"),
    ]


@pytest.mark.parametrize("name", ZONES)
def test_wall_times_at_every_transition(name):
    """Daily and weekly rules do at every clock change what the slow reading says."""
    zone = ZoneInfo(name)
    rule = Rule.parse("FREQ=DAILY;BYHOUR=0,1,2,3,23;BYMINUTE=0,15,45")
    hours = [
        timedelta(hours=hour, minutes=minute) for hour in (0, 1, 2, 3, 23) for minute in (0, 15, 45)
    ]
    start = datetime(1969, 12, 1, tzinfo=zone)

    for change in transitions(zone, 1970, 2037):
        day = change.astimezone(zone).replace(hour=0, minute=0, second=0, tzinfo=None, fold=0)
        walls = [day + timedelta(days=days) + time for days in range(-3, 4) for time in hours]
        low, high = change - timedelta(days=1), change + timedelta(days=1)
        wanted = [moment for moment in on_the_wall(walls, zone) if low < moment < high]

        assert list(rule.occurrences(start, after=low, before=high)) == wanted
        assert [rule.next_after(start, moment) for moment in wanted[:-1]] == wanted[1:]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("FREQ=HOURLY", HOUR),
        ("FREQ=MINUTELY;INTERVAL=30", 30 * MINUTE),
        ("FREQ=MINUTELY;INTERVAL=30;BYHOUR=0,1,2,3", 30 * MINUTE),
        ("FREQ=HOURLY;BYMINUTE=0,30;BYSECOND=0", MINUTE / 2),
        ("FREQ=MINUTELY;BYMINUTE=0,30;BYDAY=SU", MINUTE),
    ],
)
@pytest.mark.parametrize("name", ZONES)
def test_elapsed_time_at_every_transition(name, text, step):
    """Rules of hours and minutes do at every clock change what the slow reading says."""
    zone = ZoneInfo(name)
    rule = Rule.parse(text)

    for change in transitions(zone, 1970, 2037)[:: 7 if step <= MINUTE else 1]:
        start = (change - timedelta(hours=4)).astimezone(zone)
        end = change + timedelta(hours=4)

        assert list(rule.occurrences(start, before=end)) == by_elapsed_time(rule, start, step, end)


def test_until_a_day_whose_last_hour_comes_twice():
    """A bare date means the end of the local day, the later one of two."""
    start = at("2018-02-17T22:00", ZoneInfo("America/Sao_Paulo"))

    found = Rule.parse("FREQ=HOURLY;UNTIL=20180217").occurrences(start)

    assert utc(*found) == ["18 00:00", "18 01:00", "18 02:00"]


def test_until_a_day_that_is_left_out():
    """A bare date that a zone never had ends with the day before."""
    start = at("2011-12-28T10:00", ZoneInfo("Pacific/Apia"))

    found = Rule.parse("FREQ=DAILY;UNTIL=20111230").occurrences(start)

    assert utc(*found) == ["28 20:00", "29 20:00"]


def test_a_long_count_over_many_gaps():
    """Counting leaps over periods, and still takes off what each gap makes one."""
    start = at("2024-03-09T02:00", ZoneInfo("America/New_York"))
    rule = Rule.parse("FREQ=DAILY;BYHOUR=2,3;COUNT=6001")

    found = list(rule.occurrences(start))

    assert len(found) == 6_001
    assert rule.previous_before(start, at("2060-01-01T00:00", UTC)) == found[-1]
    assert rule.next_after(start, found[-2]) == found[-1]


@pytest.mark.parametrize("place", [1, -1])
@pytest.mark.parametrize("change", ["2024-04-06T15:00", "2024-10-05T15:30"])
def test_places_of_an_hour_that_a_clock_change_cuts(place, change):
    """Places of an hour count in the elapsed hours from the start, as the clock then shows."""
    zone = ZoneInfo("Australia/Lord_Howe")
    start = (at(change) - timedelta(hours=3, minutes=20)).astimezone(zone)
    end = at(change) + timedelta(hours=4)
    text = "FREQ=HOURLY;BYMINUTE=5,20,50;BYSECOND=0"
    hours: dict[int, list[datetime]] = {}
    base = start.replace(minute=0)
    for moment in by_elapsed_time(Rule.parse(text), base, MINUTE, end):
        gone = moment.astimezone(UTC) - base.astimezone(UTC)
        hours.setdefault(gone // HOUR, []).append(moment)
    wanted = [held[0 if place == 1 else -1] for held in hours.values()]

    found = list(Rule.parse(f"{text};BYSETPOS={place}").occurrences(start, before=end))

    assert found == [moment for moment in wanted if moment.timestamp() >= start.timestamp()]

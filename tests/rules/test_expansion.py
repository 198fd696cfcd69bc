"""Questions a caller asks of a rule: windows, limits, next, previous, dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules import Cursor, Occurrence, Rule
from tests.rules.cases import at

PARIS = ZoneInfo("Europe/Paris")
START = at("2026-01-01T09:00", PARIS)


@pytest.mark.parametrize(
    ("bounds", "days"),
    [
        pytest.param({"limit": 2}, [1, 2], id="from the start"),
        pytest.param({"after": 5, "before": 8}, [6, 7], id="bounds are left out"),
        pytest.param({"after": 5, "before": 8, "inclusive": True}, [5, 6, 7, 8], id="inclusive"),
        pytest.param({"after": 5, "limit": 1}, [6], id="limited after"),
        pytest.param({"before": 1}, [], id="nothing before the start"),
        pytest.param({"limit": 0}, [], id="limit of nothing"),
    ],
)
def test_windows(bounds, days):
    """Bounds are excluded unless asked for, and the limit cuts what is left."""
    bounds = {
        name: START.replace(day=value) if name in {"after", "before"} else value
        for name, value in bounds.items()
    }

    found = Rule.parse("FREQ=DAILY").occurrences(START, **bounds)

    assert list(found) == [START.replace(day=day) for day in days]


def test_bounds_in_another_zone_are_instants():
    """A bound may be in any zone; what counts is the instant."""
    after = datetime(2026, 1, 5, 8, tzinfo=UTC)  # 09:00 in Paris

    assert Rule.parse("FREQ=DAILY").next_after(START, after) == START.replace(day=6)


def test_times_are_in_the_zone_of_the_start():
    """What comes back carries the start's own tzinfo."""
    found = Rule.parse("FREQ=DAILY").next_after(START, datetime(2026, 7, 1, tzinfo=UTC))

    assert found.tzinfo is PARIS
    assert found.isoformat() == "2026-07-01T09:00:00+02:00"


@pytest.mark.parametrize(
    ("text", "nominal"),
    [
        pytest.param("FREQ=DAILY", "20260102T090000", id="wall time"),
        pytest.param("FREQ=HOURLY;INTERVAL=24", "20260102T080000Z", id="instant"),
    ],
)
def test_nominal_name(text, nominal):
    """The nominal name is the wall time for days and coarser, the instant for hours."""
    [_, second] = Rule.parse(text).expand(START, limit=2)

    assert second == Occurrence(START.replace(day=2), nominal)


def test_dates():
    """A start that is a date gives dates, named without a time."""
    rule = Rule.parse("FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9;UNTIL=20260112")

    found = list(rule.expand(date(2026, 1, 1), after=date(2026, 1, 1)))

    assert found == [
        Occurrence(date(2026, 1, 5), "20260105"),
        Occurrence(date(2026, 1, 8), "20260108"),
        Occurrence(date(2026, 1, 12), "20260112"),
    ]
    assert rule.previous_before(date(2026, 1, 1), date(2026, 1, 8)) == date(2026, 1, 5)
    assert rule.next_after(date(2026, 1, 1), date(2026, 1, 12)) is None


@pytest.mark.parametrize(
    ("start", "after", "message"),
    [
        pytest.param(
            START.replace(tzinfo=None),
            START,
            "start: '2026-01-01 09:00:00' is naive. Give it a time zone.",
            id="naive start",
        ),
        pytest.param(
            START,
            START.replace(tzinfo=None),
            "after: '2026-01-01 09:00:00' is naive. Give it a time zone.",
            id="naive bound",
        ),
        pytest.param(
            START,
            date(2026, 1, 1),
            "after: '2026-01-01' is a date, but the start has a time.",
            id="date for a time",
        ),
        pytest.param(
            date(2026, 1, 1),
            START,
            "after: '2026-01-01 09:00:00+01:00' has a time, but the start is a date.",
            id="time for a date",
        ),
    ],
)
def test_kinds_of_time_are_not_mixed(start, after, message):
    """A naive time, or a date beside times, is refused when the question is asked."""
    with pytest.raises(InvalidRuleError) as caught:
        Rule.parse("FREQ=DAILY").occurrences(start, after=after)

    assert str(caught.value) == message


def test_hours_need_a_time():
    """A rule of hours on a date is refused."""
    with pytest.raises(InvalidRuleError) as caught:
        Rule.parse("FREQ=HOURLY").occurrences(date(2026, 1, 1))

    assert str(caught.value) == (
        "start: '2026-01-01' is a date without a time, which FREQ=HOURLY needs."
    )


def test_microseconds_of_the_start_are_dropped():
    """A rule counts whole seconds, as RFC 5545 does."""
    start = START.replace(microsecond=500_000)

    assert list(Rule.parse("FREQ=DAILY").occurrences(start, limit=1)) == [START]


@pytest.mark.parametrize("text", ["FREQ=DAILY;BYHOUR=9,12,17", "FREQ=MINUTELY;INTERVAL=7"])
def test_a_bound_between_seconds(text):
    """A bound is compared to the microsecond."""
    rule = Rule.parse(text)
    second = next(rule.occurrences(START, after=START))
    instant = timedelta(microseconds=1)

    assert rule.next_after(START, second - instant) == second
    assert rule.next_after(START, second) > second
    assert rule.previous_before(START, second + instant) == second
    assert rule.previous_before(START, second) == START


@pytest.mark.parametrize(
    ("text", "before", "wanted"),
    [
        ("FREQ=DAILY", "2026-03-01T09:00", "2026-02-28T09:00"),
        ("FREQ=DAILY", "2026-01-01T09:00", None),
        ("FREQ=DAILY;UNTIL=20260201", "2036-03-01T09:00", "2026-02-01T09:00"),
        ("FREQ=DAILY;COUNT=3", "2036-03-01T09:00", "2026-01-03T09:00"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2031-01-01T09:00", "2028-02-29T09:00"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-03-27T09:00", "2026-02-27T09:00"),
        ("FREQ=MINUTELY;INTERVAL=7;BYHOUR=9;BYDAY=MO", "2026-03-01T09:00", "2026-02-23T09:57"),
    ],
)
def test_previous(text, before, wanted):
    """The last occurrence before a moment is found from the moment, not from the start."""
    found = Rule.parse(text).previous_before(START, at(before, PARIS))

    assert found == (wanted and at(wanted, PARIS))


@pytest.mark.parametrize(
    ("until", "last"),
    [
        pytest.param("20260103T080000Z", 3, id="instant, inclusive"),
        pytest.param("20260103T075959Z", 2, id="instant, a second early"),
        pytest.param("20260103T090000", 3, id="local time, inclusive"),
        pytest.param("20260103T085959", 2, id="local time, a second early"),
        pytest.param("20260103", 3, id="date, to the end of the day"),
    ],
)
@pytest.mark.parametrize("frequency", ["DAILY", "HOURLY;INTERVAL=24"])
def test_until(frequency, until, last):
    """UNTIL is inclusive; without a Z it is read on the clock of the start."""
    found = list(Rule.parse(f"FREQ={frequency};UNTIL={until}").occurrences(START))

    assert found[-1] == START.replace(day=last)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY;COUNT=1000",
        "FREQ=DAILY;INTERVAL=3;BYDAY=MO,TU;COUNT=1000",
        "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=30;COUNT=1000",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=1000",
        "FREQ=WEEKLY;BYMONTH=3;COUNT=100",
        "FREQ=MONTHLY;BYDAY=MO,-1FR;COUNT=1000",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,1;COUNT=500",
        "FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=100",
        "FREQ=YEARLY;BYYEARDAY=366,1;COUNT=50",
        "FREQ=YEARLY;COUNT=30",
        "FREQ=HOURLY;INTERVAL=5;COUNT=1000",
        "FREQ=HOURLY;BYHOUR=9,10;COUNT=1000",
    ],
)
def test_count_far_from_the_start(text):
    """With COUNT, what comes late is what walking from the start would find."""
    rule = Rule.parse(text)
    everything = list(rule.occurrences(START))

    assert len(everything) == rule.count
    assert list(rule.occurrences(START, after=everything[-3])) == everything[-2:]
    assert rule.next_after(START, everything[-1]) is None


def test_count_leaps_over_the_cycle_of_the_calendar():
    """Even a count of ninety thousand months is placed at once."""
    rule = Rule.parse("FREQ=MONTHLY;COUNT=90000;BYDAY=1MO")

    last = rule.previous_before(START, at("9999-12-01T00:00", PARIS))

    assert last == at("9525-12-07T09:00", PARIS)


@pytest.mark.parametrize("text", ["FREQ=DAILY;COUNT=50;BYHOUR=9,12", "FREQ=HOURLY;COUNT=50"])
def test_cursor(text):
    """A cursor saves counting and never changes the answer."""
    rule = Rule.parse(text)
    everything = list(rule.expand(START))
    cursor = Cursor(everything[29].nominal, 30)

    found = list(rule.expand(START, after=everything[39].at, cursor=cursor))

    assert found == everything[40:]
    assert list(rule.expand(START, cursor=tuple(cursor))) == everything


def test_cursor_that_is_used_up():
    """A cursor at the end leaves nothing."""
    rule = Rule.parse("FREQ=DAILY;COUNT=3")
    cursor = Cursor("20260103T090000", 3)

    assert list(rule.expand(START, after=START.replace(day=3), cursor=cursor)) == []


def test_a_fixed_offset_is_a_zone():
    """Zones without clock changes work as any other."""
    zone = timezone(timedelta(hours=5, minutes=30))

    found = Rule.parse("FREQ=HOURLY;BYMINUTE=0").next_after(
        at("2026-01-01T09:10", zone), at("2026-01-01T09:10", zone)
    )

    assert found == at("2026-01-01T10:00", zone)


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("text", ["FREQ=DAILY", "FREQ=HOURLY;BYMINUTE=1"])
def test_edges_of_time(text, zone, year):
    """At the ends of Python's calendar a rule ends, or is refused, and nothing overflows."""
    start = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, tzinfo=ZoneInfo(zone))
    rule = Rule.parse(text)
    try:
        found = list(rule.occurrences(start, limit=3))
    except InvalidRuleError as error:
        assert str(error).endswith("is not within the years 1 to 9999 in UTC.")  # noqa: PT017
    else:
        assert found == sorted(found)

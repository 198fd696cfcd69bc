"""RDATE and EXDATE: single times added to a rule and taken from it."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules import Occurrence, Rule
from tests.rules.cases import at

BERLIN = ZoneInfo("Europe/Berlin")
START = at("2026-10-24T02:30", BERLIN)


def days(lines: str) -> list[str]:
    found = Rule.parse(f"RRULE:FREQ=DAILY;COUNT=4\n{lines}").occurrences(START)
    return [moment.strftime("%d %H:%M") for moment in found]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        pytest.param("EXDATE:20261026T023000", ["24", "25", "27"], id="local time"),
        pytest.param("EXDATE:20261026T013000Z", ["24", "25", "27"], id="instant"),
        pytest.param("EXDATE;TZID=Europe/London:20261026T013000", ["24", "25", "27"], id="zoned"),
        pytest.param("EXDATE;VALUE=DATE:20261026,20261024", ["25", "27"], id="whole days"),
        pytest.param("EXDATE:20261026T023001", ["24", "25", "26", "27"], id="another time"),
        pytest.param("EXDATE:20261025T023000", ["24", "26", "27"], id="the first pass of a fold"),
        pytest.param("EXDATE:20261025T013000Z", ["24", "25", "26", "27"], id="the second pass"),
    ],
)
def test_excluded(line, left):
    """A time is taken out by its instant, or by the whole local day."""
    assert days(line) == [f"{day} 02:30" for day in left]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        pytest.param("RDATE:20261024T120000", ["24 02:30", "24 12:00", "25 02:30"], id="between"),
        pytest.param("RDATE:20261024T023000", ["24 02:30", "25 02:30", "26 02:30"], id="twice"),
        pytest.param("RDATE:20261023T120000", ["24 02:30", "25 02:30", "26 02:30"], id="too early"),
        pytest.param(
            "RDATE:20261025T013000Z", ["24 02:30", "25 02:30", "25 02:30"], id="second pass"
        ),
    ],
)
def test_added(line, wanted):
    """An added time stands in its place, once, unless it is before the start."""
    assert days(line)[:3] == wanted


def test_added_days_take_the_time_of_the_start():
    """A date that is added to a rule with times happens at the start's time of day."""
    rule = Rule.parse("RRULE:FREQ=YEARLY\nRDATE;VALUE=DATE:20261101")

    assert list(rule.expand(START, limit=2))[1] == Occurrence(
        at("2026-11-01T02:30", BERLIN), "20261101T023000"
    )


def test_the_names_of_the_two_passes_differ():
    """The second pass of a fold has a name of its own, so that both can be kept."""
    rule = Rule.parse("RRULE:FREQ=DAILY\nRDATE:20261025T013000Z")

    assert [found.nominal for found in rule.expand(START, limit=3)] == [
        *("20261024T023000", "20261025T023000", "20261025T013000Z"),
    ]


def test_removing_wins_over_adding():
    """A time both added and excluded does not happen."""
    assert days("RDATE:20261024T120000\nEXDATE:20261024T120000")[:2] == ["24 02:30", "25 02:30"]


def test_a_rule_of_dates():
    """Dates are added to and taken from a rule on dates."""
    rule = Rule.parse("RRULE:FREQ=DAILY;COUNT=3\nRDATE;VALUE=DATE:20260601\nEXDATE:20260102")

    assert list(rule.occurrences(date(2026, 1, 1))) == [
        *(date(2026, 1, 1), date(2026, 1, 3), date(2026, 6, 1)),
    ]


def test_a_time_among_dates_is_refused():
    """A rule on dates cannot be given a time."""
    rule = Rule.parse("RRULE:FREQ=DAILY\nRDATE:20260601T090000")

    with pytest.raises(InvalidRuleError) as caught:
        list(rule.occurrences(date(2026, 1, 1), limit=3))

    assert str(caught.value) == "RDATE: '20260601T090000' has a time, but the start is a date."


def test_everything_excluded():
    """A rule whose every time is taken out has none, and says so at once."""
    rule = Rule.parse("RRULE:FREQ=DAILY;COUNT=2\nEXDATE;VALUE=DATE:20261024,20261025")

    assert list(rule.occurrences(START)) == []
    assert rule.next_after(START, START) is None
    assert rule.previous_before(START, at("2030-01-01T00:00", BERLIN)) is None

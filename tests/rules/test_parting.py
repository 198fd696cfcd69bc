"""Cutting a rule in two: the head and the tail together yield what the whole did."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from recurring_jobs.exceptions import InvalidRuleError, RuleNeverOccursError
from recurring_jobs.rules import Rule
from tests.examples import examples
from tests.rules.cases import at
from tests.rules.strategies import rule_texts, starts
from tests.rules.test_properties import ZONES

BERLIN = ZoneInfo("Europe/Berlin")
START = at("2026-03-27T02:30", BERLIN)
#: How many times of each side are compared.
MANY = 90


def cut(text: str, start: date, moment: date) -> tuple[str, str, date]:
    """Return the texts of the head and the tail, and the start of the tail."""
    rule = Rule.parse(text)
    tail, begin = rule.continued_from(start, moment)
    return str(rule.ending_before(start, moment)), str(tail), begin


@pytest.mark.parametrize(
    ("text", "head", "tail"),
    [
        pytest.param(
            "FREQ=DAILY", "FREQ=DAILY;UNTIL=20260605T003000Z", "FREQ=DAILY", id="without an end"
        ),
        pytest.param(
            "FREQ=DAILY;COUNT=100", "FREQ=DAILY;COUNT=71", "FREQ=DAILY;COUNT=29", id="COUNT"
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20261231T120000Z",
            "FREQ=DAILY;UNTIL=20260605T003000Z",
            "FREQ=DAILY;UNTIL=20261231T120000Z",
            id="UNTIL",
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20261231",
            "FREQ=DAILY;UNTIL=20260605T003000Z",
            "FREQ=DAILY;UNTIL=20261231",
            id="UNTIL of a date",
        ),
        pytest.param(
            "RRULE:FREQ=DAILY\nRDATE:20260401T120000,20260701T120000",
            "RRULE:FREQ=DAILY;UNTIL=20260605T003000Z\nRDATE:20260401T120000",
            "RRULE:FREQ=DAILY\nRDATE:20260701T120000",
            id="RDATE",
        ),
        pytest.param(
            "RRULE:FREQ=DAILY;COUNT=100\nEXDATE:20260401T023000,20260701T023000",
            "RRULE:FREQ=DAILY;COUNT=71\nEXDATE:20260401T023000",
            "RRULE:FREQ=DAILY;COUNT=29\nEXDATE:20260701T023000",
            id="COUNT and EXDATE",
        ),
        pytest.param(
            "RRULE:FREQ=DAILY\nEXDATE;VALUE=DATE:20260605,20260607",
            "RRULE:FREQ=DAILY;UNTIL=20260605T003000Z\nEXDATE;VALUE=DATE:20260605",
            "RRULE:FREQ=DAILY\nEXDATE;VALUE=DATE:20260607",
            id="EXDATE of whole days",
        ),
    ],
)
def test_parts_go_with_the_times_they_belong_to(text, head, tail):
    """COUNT is shared out, UNTIL is the last time left, RDATE and EXDATE go where they belong."""
    sixth = at("2026-06-06T02:30", BERLIN)

    assert cut(text, START, sixth) == (head, tail, sixth)


@pytest.mark.parametrize(
    ("text", "start", "moment", "tail", "begin"),
    [
        pytest.param(
            "FREQ=DAILY",
            START,
            at("2026-03-29T03:30", BERLIN),
            "RRULE:FREQ=DAILY\nEXDATE:20260328T023000",
            at("2026-03-28T02:30", BERLIN),
            id="a time that a gap moved",
        ),
        pytest.param(
            "FREQ=MONTHLY;COUNT=12;RSCALE=GREGORIAN;SKIP=BACKWARD",
            date(2026, 1, 31),
            date(2026, 2, 28),
            "RRULE:FREQ=MONTHLY;COUNT=12;RSCALE=GREGORIAN;SKIP=BACKWARD\nEXDATE;VALUE=DATE:20260131",
            date(2026, 1, 31),
            id="a day that SKIP moved",
        ),
        pytest.param(
            "RRULE:FREQ=WEEKLY\nRDATE;VALUE=DATE:20260331",
            START,
            at("2026-03-31T02:30", BERLIN),
            "RRULE:FREQ=WEEKLY\nRDATE;VALUE=DATE:20260331\nEXDATE:20260327T023000",
            START,
            id="a time that RDATE added",
        ),
        pytest.param(
            "RRULE:FREQ=YEARLY;INTERVAL=60\nRDATE:20260401T120000,20270401T120000",
            START,
            at("2026-04-01T12:00", BERLIN),
            "RRULE:FREQ=YEARLY;INTERVAL=60\nRDATE:20260401T120000,20270401T120000\n"
            "EXDATE:20260327T023000",
            START,
            id="RDATE and a rule of long steps",
        ),
        pytest.param(
            "RRULE:FREQ=DAILY;COUNT=2\nRDATE:20260401T120000,20260402T120000",
            START,
            at("2026-04-01T12:00", BERLIN),
            "RRULE:FREQ=DAILY;UNTIL=20260401T095959Z\nRDATE:20260401T120000,20260402T120000",
            at("2026-04-01T12:00", BERLIN),
            id="only RDATE is left",
        ),
    ],
)
def test_start_that_does_not_fix_the_rest(text, start, moment, tail, begin):
    """Where the first time left is no start for the others, an earlier one is, and is excluded."""
    assert cut(text, start, moment)[1:] == (tail, begin)


@pytest.mark.parametrize(
    ("text", "moment", "head"),
    [
        pytest.param("FREQ=DAILY;COUNT=3", date(2027, 1, 1), "FREQ=DAILY;COUNT=3", id="later"),
        pytest.param("FREQ=DAILY", date(2026, 1, 1), "FREQ=DAILY;UNTIL=20251231", id="first"),
        pytest.param(
            "FREQ=DAILY;COUNT=3", date(2026, 1, 1), "FREQ=DAILY;UNTIL=20251231", id="count"
        ),
        pytest.param("FREQ=DAILY", date(2026, 1, 3), "FREQ=DAILY;UNTIL=20260102", id="dates"),
    ],
)
def test_ending(text, moment, head):
    """A rule of dates ends on a date; one that ends earlier stays; one without times left ends."""
    assert str(Rule.parse(text).ending_before(date(2026, 1, 1), moment)) == head


def test_nothing_to_continue():
    """A rule that has no time left cannot go on, and says so."""
    with pytest.raises(InvalidRuleError) as caught:
        Rule.parse("FREQ=DAILY;COUNT=3").continued_from(date(2026, 1, 1), date(2026, 1, 4))

    assert str(caught.value) == "Rule: 'FREQ=DAILY;COUNT=3' has no time from 2026-01-04 on."


def test_far_cut_of_a_great_count():
    """Twenty million times are shared out without walking through them."""
    start, moment = at("2026-03-27T02:30"), at("3026-03-27T02:30")
    rule = Rule.parse("FREQ=HOURLY;COUNT=20000000")

    head, (tail, _) = rule.ending_before(start, moment), rule.continued_from(start, moment)

    assert head.count == (moment - start) // timedelta(hours=1)
    assert tail.count == 20_000_000 - head.count


@settings(max_examples=examples(400), deadline=None)
@given(
    text=rule_texts(),
    start=starts(),
    zone=ZONES,
    place=st.integers(0, 30),
    extra=st.lists(st.integers(0, 40_000), max_size=4),
    excluded=st.lists(st.integers(0, 30), max_size=4),
    is_dated=st.booleans(),
)
@example("FREQ=DAILY", datetime(2026, 3, 27, 1, 30, tzinfo=UTC), BERLIN, 2, [], [], False)
@example(
    "FREQ=DAILY;BYHOUR=2,3", datetime(2026, 3, 27, 1, 30, tzinfo=UTC), BERLIN, 4, [], [], False
)
@example(
    "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD",
    datetime(2026, 1, 31, tzinfo=UTC),
    UTC,
    1,
    [],
    [],
    True,
)
def test_the_two_parts_are_the_whole(text, start, zone, place, extra, excluded, is_dated):
    """What ends before a time and what goes on from it are the whole, each time once."""
    begin = start.astimezone(zone)
    begin = begin.date() if is_dated else begin
    try:
        rule = Rule.parse(text)
        bare = list(rule.expand(begin, limit=31))
        rule = Rule.parse("\n".join([f"RRULE:{text}", *lines(begin, bare, extra, excluded)]))
        whole = list(rule.expand(begin, limit=MANY))
    except (InvalidRuleError, RuleNeverOccursError):
        assume(False)
    assume(whole)
    moment = whole[min(place, len(whole) - 1)].at

    try:
        head = rule.ending_before(begin, moment)
        tail, anew = rule.continued_from(begin, moment)
        found = [*head.expand(begin), *tail.expand(anew, limit=MANY)]
    except InvalidRuleError as error:
        assert "too rarely" in str(error) or "is more than" in str(error)  # noqa: PT017
        assume(False)

    assert Rule.parse(str(head)) == head
    assert Rule.parse(str(tail)) == tail
    assert found[:MANY] == whole


def lines(begin, bare, extra, excluded) -> list[str]:
    """Return RDATE lines some hours after *begin*, and EXDATE lines for places in *bare*."""
    found = []
    if extra and isinstance(begin, datetime):
        times = {begin.astimezone(UTC) + timedelta(hours=hours) for hours in extra}
        found.append("RDATE:" + ",".join(f"{time:%Y%m%dT%H%M%SZ}" for time in times))
    elif extra:
        days = {begin + timedelta(days=hours // 24) for hours in extra}
        found.append("RDATE;VALUE=DATE:" + ",".join(f"{day:%Y%m%d}" for day in days))
    names = sorted({bare[place].nominal for place in excluded if place < len(bare)})
    if names:
        parameter = "" if isinstance(begin, datetime) else ";VALUE=DATE"
        found += [f"EXDATE{parameter}:{name}" for name in names]
    return found

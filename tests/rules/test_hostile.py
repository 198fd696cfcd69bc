"""Texts and questions made to hurt: an answer or our error, within 50 ms of CPU time or so."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules import Rule
from recurring_jobs.rules import rule as engine
from tests.examples import examples
from tests.rules.strategies import numbers, rule_texts

#: Seconds: 50 ms, and the same again twice for a machine that is slow.
BUDGET = 0.150
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2020, 1, 31, 9, 30, 15, tzinfo=BERLIN)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALL_HOURS = ",".join(map(str, range(24)))
ALL_SIXTY = ",".join(map(str, range(60)))

HOSTILE = {
    "seconds": "FREQ=SECONDLY",
    "minutes": "FREQ=MINUTELY",
    "30 February by day": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "30 February by second": "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
    "30 February by seven seconds": "FREQ=SECONDLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=30",
    "interval of nothing": "FREQ=DAILY;INTERVAL=0",
    "86,400 a day": f"FREQ=DAILY;BYHOUR={ALL_HOURS};BYMINUTE={ALL_SIXTY};BYSECOND={ALL_SIXTY}",
    "the last of 31 million": (
        "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=-1,366;"
        f"BYHOUR={ALL_HOURS};BYMINUTE={ALL_SIXTY};BYSECOND={ALL_SIXTY}"
    ),
    "ten thousand lines": "RRULE:FREQ=DAILY\n" * 10_000,
    "60 Mondays": "FREQ=MONTHLY;BYDAY=+60MO",
    "week without frequency": "BYWEEKNO=1",
    "injected lines": "FREQ=DAILY\nDTSTART:00010101T000000\nEXRULE:FREQ=DAILY",
    "count of a billion days": "FREQ=DAILY;COUNT=999999999",
    "count of a billion seconds": "FREQ=SECONDLY;COUNT=999999999",
    "count of a billion Mondays": "FREQ=MONTHLY;BYDAY=1MO;COUNT=999999999",
    "count of a billion leap days": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=999999999",
    "count of a billion working hours": "FREQ=HOURLY;BYHOUR=9,10;COUNT=999999999",
    "count of ten thousand working hours": "FREQ=HOURLY;BYHOUR=9,10;COUNT=10000",
    "count of ten thousand moved days": (
        "FREQ=MONTHLY;BYMONTHDAY=30,31;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=20000"
    ),
    "count of days with a gap each": "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30;COUNT=300000",
    "count of a million in two hours": (
        f"FREQ=DAILY;BYHOUR=2,3;BYMINUTE={ALL_SIXTY};BYSECOND={ALL_SIXTY};COUNT=9999999"
    ),
    "forward, a billion": "FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=99999999",
    "29 February on a Monday": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
    "its seconds": "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;BYHOUR=3;BYSECOND=7",
    "every seventh of them": (
        "FREQ=SECONDLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;BYHOUR=3;BYMINUTE=1;BYSECOND=7"
    ),
    "week 53": "FREQ=YEARLY;BYWEEKNO=53",
    "day 366 of every hundredth year": "FREQ=YEARLY;INTERVAL=100;BYYEARDAY=366",
    "never in phase by year": "FREQ=YEARLY;INTERVAL=2;BYYEARDAY=366;BYDAY=MO",
    "never in phase by month": "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2",
    "never in phase by day": "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
    "never in phase by a long day": "FREQ=DAILY;INTERVAL=146097;BYDAY=MO",
    "never in phase by hour": "FREQ=HOURLY;INTERVAL=24;BYHOUR=3",
    "never in phase by a week of hours": "FREQ=HOURLY;INTERVAL=168;BYDAY=MO",
    "never in phase by minute": "FREQ=MINUTELY;INTERVAL=60;BYMINUTE=31",
    "never in phase by a week of seconds": "FREQ=SECONDLY;INTERVAL=604800;BYDAY=MO;BYHOUR=9",
    "never in phase by second": "FREQ=SECONDLY;INTERVAL=60;BYSECOND=16",
    "rarely in phase": "FREQ=SECONDLY;INTERVAL=9973;BYHOUR=5;BYMINUTE=3;BYSECOND=7",
    "rarely in phase, with days": (
        "FREQ=SECONDLY;INTERVAL=9973;BYHOUR=5;BYMINUTE=3;BYSECOND=7;BYMONTH=2;BYMONTHDAY=29"
    ),
    "a second later each day": "FREQ=SECONDLY;INTERVAL=86401;BYHOUR=0",
    "a large prime": "FREQ=SECONDLY;INTERVAL=999999937;BYHOUR=0,1,2;BYDAY=MO",
    "an interval of years": "FREQ=YEARLY;INTERVAL=999999999",
    "an interval of weeks": "FREQ=WEEKLY;INTERVAL=999999999;BYDAY=MO",
    "an interval of minutes": "FREQ=MINUTELY;INTERVAL=999999999;BYHOUR=3",
    "hourly places of 3,600": (
        f"FREQ=HOURLY;BYMINUTE={ALL_SIXTY};BYSECOND={ALL_SIXTY};BYSETPOS=-1,1,366"
    ),
    "dates without number": "RRULE:FREQ=DAILY\nEXDATE:" + "20260101," * 200 + "20260101",
    "one date many times": "RRULE:FREQ=DAILY\nRDATE:" + "20260101," * 200 + "20260101",
    "a path for a zone": "RRULE:FREQ=DAILY\nRDATE;TZID=../../../etc/passwd:20260101T000000",
    "long digits": "FREQ=DAILY;INTERVAL=" + "9" * 1_900,
    "a million commas": "FREQ=DAILY;BYHOUR=" + "," * 1_000_000,
    "null": "FREQ=DAILY\0;COUNT=2",
}


def spend(work):
    """
    Return the CPU seconds that *work* took, whether it answers or raises our error.
    """
    begin = time.process_time()
    with suppress(InvalidRuleError):
        work()
    return time.process_time() - begin


def questions(text, start):
    rule = None

    def parse():
        nonlocal rule
        rule = Rule.parse(text)

    yield parse
    if rule is None:
        return
    for moment in (start, NOW, datetime(9990, 1, 1, tzinfo=UTC)):
        yield lambda moment=moment: rule.next_after(start, moment)
        yield lambda moment=moment: rule.previous_before(start, moment)
    yield lambda: list(rule.expand(start, after=NOW, limit=5))
    yield rule.describe


def cost(text, start):
    """
    Return the dearest question's best time of three, so that a busy machine does no harm.
    """
    engine._parse.cache_clear()
    return max(min(spend(ask) for _ in range(3)) for ask in questions(text, start))


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_hostile_rule(name, zone):
    """No rule makes any question cost more than the budget."""
    assert cost(HOSTILE[name], START.replace(tzinfo=ZoneInfo(zone))) < BUDGET


@pytest.mark.parametrize("year", [1, 1900, 9999])
def test_hostile_start(year):
    """Nor does any start."""
    start = START.replace(year=year)

    assert cost("FREQ=MONTHLY;BYDAY=MO;COUNT=100000000", start) < BUDGET


SPARSE = {
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO": "2044-02-29 09:30:15+01:00",
    "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO": "2044-02-29 00:00:00+01:00",
    "FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU": "2027-01-03 09:30:15+01:00",
    "FREQ=YEARLY;BYYEARDAY=366": "2028-12-31 09:30:15+01:00",
    "FREQ=YEARLY;INTERVAL=100;BYYEARDAY=366": "2120-12-31 09:30:15+01:00",
    "FREQ=HOURLY;INTERVAL=24;BYHOUR=10": "2027-03-28 10:30:15+02:00",
    "FREQ=SECONDLY;INTERVAL=9973;BYHOUR=5;BYMINUTE=3;BYSECOND=7": None,
}


@pytest.mark.parametrize(("text", "wanted"), SPARSE.items(), ids=SPARSE)
def test_sparse_rules_still_answer(text, wanted):
    """The sparsest legal rules are followed to where they happen."""
    found = Rule.parse(text).next_after(START, NOW)

    assert wanted is None or str(found) == wanted
    assert found is not None


printable = st.text(st.characters(max_codepoint=0x250), max_size=80)
shaped = st.builds(
    lambda text, cut, junk: text[:cut] + junk + text[cut + len(junk) // 2 :],
    rule_texts(),
    st.integers(0, 80),
    st.sampled_from(list(";:=,-+0ZT\n\r\t ")) | printable | numbers(0, 10**12),
)


@settings(max_examples=examples(500), deadline=None)
@given(text=printable | shaped)
@example(text="FREQ=DAILY;UNTIL=00000101")
@example(text="RRULE:FREQ=DAILY\nRDATE;TZID=:20260101T000000")
@example(text="RRULE:FREQ=DAILY\nRDATE;TZID=Europe:20260101T000000")
def test_mutated_texts(text):
    """Whatever the text, the answer is a rule or our error, in time."""
    assert cost(text, START) < BUDGET

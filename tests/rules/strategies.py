"""Random rules: every part, and every combination that RFC 5545 allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")


def numbers(low: int, high: int, *, signed: bool = False, most: int = 4) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    if signed:
        one = one | st.integers(-high, -max(low, 1))
    return st.lists(one, min_size=1, max_size=most, unique=True).map(
        lambda found: ",".join(map(str, found))
    )


def weekdays(*, numbered: bool) -> st.SearchStrategy[str]:
    one: st.SearchStrategy[str] = st.sampled_from(WEEKDAYS)
    if numbered:
        places = st.sampled_from(["", "", "1", "2", "3", "4", "5", "-1", "-2", "-5", "20"])
        one = st.tuples(places, one).map("".join)
    return st.lists(one, min_size=1, max_size=5, unique=True).map(",".join)


_ends = st.one_of(
    *(st.just([]), st.just([]), st.just([])),
    st.integers(1, 40).map(lambda count: [f"COUNT={count}"]),
    st.integers(2020, 2040).map(lambda year: [f"UNTIL={year}0615T120000Z"]),
)


@st.composite
def rule_texts(
    draw: Any,
    frequencies: tuple[str, ...] = FREQUENCIES,
    *,
    ends: bool = True,
    skips: bool = True,
) -> str:
    """
    Draw a rule; *ends* allows COUNT and UNTIL, *skips* allows SKIP.
    """
    frequency = draw(st.sampled_from(frequencies))
    fine = FREQUENCIES.index(frequency) >= FREQUENCIES.index("HOURLY")
    by: dict[str, str] = {}

    def maybe(name: str, values: st.SearchStrategy[str], odds: int = 4) -> None:
        if draw(st.integers(1, odds)) == 1:
            by[name] = draw(values)

    maybe("BYMONTH", numbers(1, 12))
    if frequency == "YEARLY":
        maybe("BYWEEKNO", numbers(1, 53, signed=True), 6)
    if frequency == "YEARLY" or fine:
        maybe("BYYEARDAY", numbers(1, 366, signed=True, most=8), 6)
    if frequency != "WEEKLY":
        maybe("BYMONTHDAY", numbers(1, 31, signed=True, most=6))
    numbered = frequency in {"YEARLY", "MONTHLY"} and "BYWEEKNO" not in by
    maybe("BYDAY", weekdays(numbered=numbered), 3)
    maybe("BYHOUR", numbers(0, 23))
    maybe("BYMINUTE", numbers(0, 59), 5)
    maybe("BYSECOND", numbers(0, 59), 6)
    if by:
        maybe("BYSETPOS", numbers(1, 4, signed=True, most=2))
    maybe("WKST", st.sampled_from(WEEKDAYS), 5)
    parts = [f"FREQ={frequency}"]
    if skips and frequency in {"YEARLY", "MONTHLY"} and draw(st.integers(1, 3)) == 1:
        parts.append(f"RSCALE=GREGORIAN;SKIP={draw(st.sampled_from(['FORWARD', 'BACKWARD']))}")
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.sampled_from([2, 3, 4, 5, 7, 12, 23, 30, 60]))}")
    if ends:
        parts += draw(_ends)
    return ";".join(parts + [f"{name}={values}" for name, values in by.items()])


def starts(zone: Any = UTC) -> st.SearchStrategy[datetime]:
    """
    Draw a start of this century, to the second.
    """
    first = datetime(2000, 1, 1, tzinfo=zone)
    return st.integers(0, 30 * 365 * 86_400).map(lambda gone: first + timedelta(seconds=gone))

"""Whole sets in words: from the English sentence alone the very same rule can be read again."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules import Rule
from tests.examples import examples
from tests.rules import reader
from tests.rules.strategies import rule_texts

ZONES = ("Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Asia/Kathmandu")

DATE = r"\d+ [A-Z][a-z]+ \d+(?: \d\d:\d\d(?::\d\d)?)?(?: \([^)]+\))?"
DATES = rf"{DATE}(?:(?:, | and ){DATE})*"
# What the reader of plain rules does not know, each after the comma that sets it off.
BESIDE = re.compile(
    rf", (?:on the day (?P<skip>before|after) where there is no such date"
    rf"|until (?P<until>{DATE})|also on (?P<also>{DATES})|except on (?P<without>{DATES}))(?=,|$)"
)


def read(sentence: str) -> Rule:
    """
    Return the rule that *sentence* describes, the lines beside it and its SKIP included.
    """
    found: dict[str, str] = {}
    for match in BESIDE.finditer(sentence):
        found |= {name: text for name, text in match.groupdict().items() if text}
    text = str(reader.read(BESIDE.sub("", sentence)))
    if "until" in found:
        text += f";UNTIL={_moment(found['until'])[1]}"
    if "skip" in found:
        skip = {"before": "BACKWARD", "after": "FORWARD"}[found["skip"]]
        text += f";RSCALE=GREGORIAN;SKIP={skip}"
    lines = [f"RRULE:{text}"]
    for name, key in (("RDATE", "also"), ("EXDATE", "without")):
        for moment in re.findall(DATE, found.get(key, "")):
            parameter, value = _moment(moment)
            lines.append(f"{name}{parameter}:{value}")
    return Rule.parse("\n".join(lines))


def _moment(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"(\d+) (\w+) (\d+)(?: (\d\d):(\d\d)(?::(\d\d))?)?(?: \((.+)\))?", text)
    assert match, text
    day, month, year, hour, minute, second, zone = match.groups()
    value = f"{int(year):04}{reader.MONTHS.index(month) + 1:02}{int(day):02}"
    if not hour:
        assert zone is None
        return ";VALUE=DATE", value
    value += f"T{hour}{minute}{second or '00'}"
    if zone == "UTC":
        return "", f"{value}Z"
    return (f";TZID={zone}" if zone else ""), value


def walls() -> st.SearchStrategy[datetime]:
    """
    Draw a wall time between the years 1 and 9999, often at a full minute or midnight.
    """
    seconds = st.sampled_from([0, 0, 43_200, 61, 86_399])
    return st.builds(
        lambda day, second: datetime.fromordinal(day) + timedelta(seconds=second),
        st.integers(1, date.max.toordinal()),
        seconds,
    )


@st.composite
def moments(draw: Any, *, zoned: bool = True) -> tuple[str, str]:
    """
    Draw a parameter and a value: a date, a local time, an instant, and a zoned time.
    """
    wall = draw(walls()).isoformat().replace("-", "").replace(":", "")
    kind = draw(st.sampled_from(["date", "local", "instant", "zone"] if zoned else "dli"))[0]
    if kind == "d":
        return ";VALUE=DATE", wall[:8]
    if kind == "z":
        return f";TZID={draw(st.sampled_from(ZONES))}", wall
    return "", wall + ("Z" if kind == "i" else "")


@st.composite
def sets(draw: Any) -> str:
    """
    Draw a rule with any end, with SKIP, and with RDATE and EXDATE lines beside it.
    """
    text = draw(rule_texts(ends=False, skips=False))
    match draw(st.integers(0, 3)):
        case 0:
            text += f";COUNT={draw(st.integers(1, 10**9 - 1))}"
        case 1 | 2:
            text += f";UNTIL={draw(moments(zoned=False))[1]}"
    if draw(st.booleans()):
        text += f";RSCALE=GREGORIAN;SKIP={draw(st.sampled_from(['OMIT', 'BACKWARD', 'FORWARD']))}"
    lines = [f"RRULE:{text}"]
    for name in ("RDATE", "EXDATE"):
        dates = draw(st.lists(moments(), max_size=3))
        lines += [f"{name}{parameter}:{value}" for parameter, value in dates]
    return "\n".join(lines)


@settings(max_examples=examples(300), deadline=None)
@given(text=sets())
@example(text="FREQ=YEARLY;BYWEEKNO=-3,-2,-1;BYDAY=MO,TU,WE")
@example(text="FREQ=MONTHLY;BYMONTHDAY=1,2,3,-3,-2,-1;BYDAY=MO,-1FR")
@example(text="FREQ=MINUTELY;BYHOUR=1,5;BYMINUTE=1;BYSECOND=3;COUNT=5;WKST=SU")
@example(text="FREQ=DAILY;BYHOUR=9;BYMINUTE=0,30;BYSECOND=0,5;UNTIL=00010101")
def test_sets_read_back(text):
    """Ends of every kind, SKIP, RDATE and EXDATE are all in the words, and exactly so."""
    try:
        rule = Rule.parse(text)
    except InvalidRuleError:
        assume(False)

    words = rule.describe()

    assert read(words) == rule or str(rule) in words

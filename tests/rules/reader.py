"""Reads the English words of a rule back, to prove that they leave nothing out."""

from __future__ import annotations

import re

from recurring_jobs.rules import Rule

UNITS = {
    "year": "YEARLY",
    "month": "MONTHLY",
    "week": "WEEKLY",
    "day": "DAILY",
    "hour": "HOURLY",
    "minute": "MINUTELY",
    "second": "SECONDLY",
}
MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
CODES = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

# Each clause of the core, in the order they are written.
CORE = re.compile(
    r"every (?:(?P<interval>\d+) )?(?P<unit>year|month|week|day|hour|minute|second)s?"
    r"(?: in (?P<months>(?:January|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec).*?))?"
    r"(?: in (?:weeks? (?P<weeks>\d.*?)|the (?P<weeks_back>.*?) week of the year))?"
    r"(?: on the (?P<year_days>(?:(?! on | day ).)*?) day of the year)?"
    r"(?: on the (?:(?P<month_days_back>(?:(?! on | day ).)*?) day of the month"
    r"|(?P<month_days>\d+(?:st|nd|rd|th)(?:(?! to last|day).)*?)))?"
    r"(?: (?:if that is|on) (?P<weekdays>.*?)(?: of the (?:month|year))?)?"
    r"(?: at (?P<clocks>\d\d:\d\d.*?))?"
    r"(?: in hours? (?P<hours>\d.*?))?"
    r"(?: at minutes? (?P<minutes>\d.*?))?"
    r"(?: at seconds? (?P<seconds>\d.*?))?"
)


def read(sentence: str) -> Rule:
    """
    Return the rule that *sentence* describes.
    """
    core, *additions = re.split(
        r", (?=only the |weeks starting|until |once|\d+ times|on the day)", sentence
    )
    found = CORE.fullmatch(core)
    assert found, core
    parts = {"FREQ": UNITS[found["unit"]]}
    if found["interval"]:
        parts["INTERVAL"] = found["interval"]
    plain = {
        "BYMONTH": found["months"],
        "BYWEEKNO": found["weeks"] or found["weeks_back"],
        "BYYEARDAY": found["year_days"],
        "BYMONTHDAY": found["month_days"] or found["month_days_back"],
        "BYHOUR": found["hours"],
        "BYMINUTE": found["minutes"],
        "BYSECOND": found["seconds"],
    }
    parts |= {name: _numbers(text) for name, text in plain.items() if text}
    if found["weekdays"]:
        parts["BYDAY"] = _weekdays(found["weekdays"])
    if found["clocks"]:
        parts |= _clocks(found["clocks"])
    for addition in additions:
        parts |= _addition(addition)
    return Rule.parse(";".join(f"{name}={value}" for name, value in parts.items()))


def _addition(text: str) -> dict[str, str]:
    if text == "once":
        return {"COUNT": "1"}
    if match := re.fullmatch(r"(\d+) times", text):
        return {"COUNT": match[1]}
    if match := re.fullmatch(r"weeks starting on (\w+)", text):
        return {"WKST": CODES[DAYS.index(match[1])]}
    if match := re.fullmatch(r"on the day (before|after) where there is no such date", text):
        return {
            "RSCALE": "GREGORIAN",
            "SKIP": "BACKWARD" if match[1] == "before" else "FORWARD",
        }
    if match := re.fullmatch(r"only the (.*) of each \w+", text):
        return {"BYSETPOS": _numbers(match[1])}
    match = re.fullmatch(r"until (\d+) (\w+) (\d+) (\d\d):(\d\d) \(UTC\)", text)
    assert match, text
    month = MONTHS.index(match[2]) + 1
    return {"UNTIL": f"{match[3]}{month:02}{int(match[1]):02}T{match[4]}{match[5]}00Z"}


def _numbers(text: str) -> str:
    found: list[int] = []
    for item in re.split(r", | and ", text):
        bounds = [_number(bound) for bound in re.split(r" to (?!last)", item)]
        found += range(bounds[0], bounds[-1] + 1)
    return ",".join(map(str, found))


def _number(text: str) -> int:
    if text in MONTHS:
        return MONTHS.index(text) + 1
    if text.endswith(" to last"):
        return -_number(text.removesuffix(" to last"))
    named = {"first": 1, "last": -1}
    return named[text] if text in named else int(re.sub(r"\D", "", text))


def _weekdays(text: str) -> str:
    found = []
    for item in re.split(r", | and | or ", text):
        if match := re.fullmatch(r"the (.*) (\w+day)", item):
            found.append(f"{_number(match[1])}{CODES[DAYS.index(match[2])]}")
            continue
        bounds = [DAYS.index(day) for day in item.split(" to ")]
        found += CODES[bounds[0] : bounds[-1] + 1]
    return ",".join(found)


def _clocks(text: str) -> dict[str, str]:
    clocks = [clock.split(":") for clock in re.split(r", | and ", text)]
    names = ("BYHOUR", "BYMINUTE", "BYSECOND")
    return {
        name: ",".join(values)
        for name, values in zip(names, zip(*clocks, strict=True), strict=False)
    }

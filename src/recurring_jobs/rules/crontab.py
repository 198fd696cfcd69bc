"""Crontabs as rules, with Celery's fields and its AND of the two day fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from recurring_jobs.exceptions import InvalidRuleError, RuleNeverOccursError
from recurring_jobs.rules.frequency import WEEKDAYS
from recurring_jobs.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    CrontabField = str | int | Iterable[int]

_RANGE = re.compile(r"(?:(\*)|(\w{1,9})(?:-(\w{1,9}))?)(?:/(\d{1,4}))?", re.ASCII)

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return self.high - self.low + 1


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY_OF_MONTH = _Field("day_of_month", 1, 31)
_MONTH_OF_YEAR = _Field("month_of_year", 1, 12, _MONTHS)
_DAY_OF_WEEK = _Field("day_of_week", 0, 6, _DAYS)


def crontab_rule(
    minute: CrontabField = "*",
    hour: CrontabField = "*",
    day_of_month: CrontabField = "*",
    month_of_year: CrontabField = "*",
    day_of_week: CrontabField = "*",
) -> Rule:
    """
    Return the rule of a crontab; a day must match both day fields, as in Celery.

    Hours that are listed follow the wall clock: one in a gap moves forward, and one in a
    fold comes once. All 24 hours follow real time, through both passes of a fold. Raise
    InvalidRuleError, which names the field.

    >>> str(crontab_rule(0, 9, day_of_week="mon-fri"))
    'FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9;BYMINUTE=0;BYSECOND=0'
    """
    minutes, hours = _read(_MINUTE, minute), _read(_HOUR, hour)
    days, months = _read(_DAY_OF_MONTH, day_of_month), _read(_MONTH_OF_YEAR, month_of_year)
    weekdays = _read(_DAY_OF_WEEK, day_of_week)
    parts = []
    if len(months) < _MONTH_OF_YEAR.size:
        parts.append(f"BYMONTH={_listed(months)}")
    if len(days) < _DAY_OF_MONTH.size:
        parts.append(f"BYMONTHDAY={_listed(days)}")
    if len(weekdays) < _DAY_OF_WEEK.size:
        parts.append("BYDAY=" + ",".join(WEEKDAYS[day - 1] for day in weekdays))
    frequency = "DAILY"
    if len(hours) < _HOUR.size:
        parts.append(f"BYHOUR={_listed(hours)}")
    else:
        frequency = "HOURLY"
    if frequency == "HOURLY" and len(minutes) == _MINUTE.size:
        frequency = "MINUTELY"
    else:
        parts.append(f"BYMINUTE={_listed(minutes)}")
    try:
        return Rule.parse(";".join([f"FREQ={frequency}", *parts, "BYSECOND=0"]))
    except RuleNeverOccursError:
        value = f"day_of_month {day_of_month} and month_of_year {month_of_year}"
        raise RuleNeverOccursError(value) from None


def _read(field: _Field, value: CrontabField) -> list[int]:
    if isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        value = ",".join(map(str, value))
    found: set[int] = set()
    for item in value.strip().lower().split(","):
        found.update(_read_range(field, item.strip()))
    return sorted(found)


def _read_range(field: _Field, item: str) -> Iterable[int]:
    match = _RANGE.fullmatch(item)
    if match is None:
        raise InvalidRuleError(field.name, item, "is not a number, a range or '*'.")
    star, first, last, step = match.groups()
    if step is not None and not int(step):
        raise InvalidRuleError(field.name, item, "has a step of 0.")
    if step is not None and not star and last is None:
        raise InvalidRuleError(field.name, item, "has a step but no range, as in '0-30/5'.")
    if star:
        numbers = list(range(field.low, field.high + 1))
    else:
        begin = _number(field, first)
        end = begin if last is None else _number(field, last)
        numbers = list(range(begin, end + 1))
        if end < begin:  # wraps around, as in Celery
            numbers = [*range(begin, field.high + 1), *range(field.low, end + 1)]
    return numbers[:: int(step or 1)]


def _number(field: _Field, text: str) -> int:
    if text.isdigit():
        number = int(text)
    else:
        matching = [place for place, word in enumerate(field.words) if word[:3] == text[:3]]
        if not matching or text not in (field.words[matching[0]], text[:3]):
            raise InvalidRuleError(field.name, text, "is not a number or a name.")
        number = matching[0] + field.low
    if not field.low <= number <= field.high:
        hint = " Sunday is 0." if field is _DAY_OF_WEEK and number == 7 else ""
        problem = f"is not from {field.low} to {field.high}.{hint}"
        raise InvalidRuleError(field.name, text, problem)
    return number


def _listed(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))

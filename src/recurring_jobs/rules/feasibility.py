"""Whether a rule can occur at all, told from its parts alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurring_jobs.rules.frequency import Frequency
from recurring_jobs.rules.periods import MONTH_LENGTHS, Year, month_days, year_days

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurring_jobs.rules.rule import Rule

# A year of each kind there is: its length and those beside it, by the weekday it begins on.
_YEARS_OF_EACH_KIND = tuple(
    Year(first, *kind)
    for kind in (
        (False, False, False),
        (False, False, True),
        (True, False, False),
        (False, True, False),
    )
    for first in range(7)
)


def can_occur(rule: Rule) -> bool:
    """
    Tell whether some start lets *rule* occur, RDATE and UNTIL aside.
    """
    narrow = (rule.by_day, rule.by_month_day, rule.by_year_day, rule.by_week_number)
    if not rule.by_set_position and not any(narrow):
        return True
    if rule.frequency >= Frequency.DAILY and rule.days.is_empty():
        return False
    if not rule.by_set_position:
        return rule.frequency >= Frequency.WEEKLY or any(_sizes(rule))
    times = _times(rule)
    nearest = min(abs(place) for place in rule.by_set_position)
    return any(nearest <= days * times for days in _sizes(rule))


def _sizes(rule: Rule) -> Iterator[int]:
    if rule.frequency >= Frequency.DAILY:
        yield 1
    elif rule.frequency is Frequency.WEEKLY:
        yield len(rule.by_day) or 1
    elif rule.frequency is Frequency.MONTHLY:
        for month in rule.by_month or range(1, 13):
            for lengths in MONTH_LENGTHS if month == 2 else MONTH_LENGTHS[:1]:
                for first in range(7):
                    yield len(month_days(rule, lengths[month - 1], first, 1))
    else:
        for year in _YEARS_OF_EACH_KIND:
            for weekday in range(7) if rule.by_week_number and not rule.by_day else (0,):
                yield len(year_days(rule, year, (1, 1, weekday)))


def _times(rule: Rule) -> int:
    hours, minutes, seconds = len(rule.by_hour), len(rule.by_minute), len(rule.by_second)
    if rule.frequency >= Frequency.HOURLY:
        hours = 1
    if rule.frequency >= Frequency.MINUTELY:
        minutes = 1
    if rule.frequency >= Frequency.SECONDLY:
        seconds = 1
    return (hours or 1) * (minutes or 1) * (seconds or 1)

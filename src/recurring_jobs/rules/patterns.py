"""The periods of a YEARLY, MONTHLY or WEEKLY rule, each with the days it picks."""

from __future__ import annotations

from datetime import date
from math import gcd
from typing import TYPE_CHECKING

from recurring_jobs.rules.days import LAST_DAY
from recurring_jobs.rules.frequency import Frequency, Skip
from recurring_jobs.rules.periods import MONTH_LENGTHS, Year, is_leap, month_days, year_days

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurring_jobs.rules.rule import Rule

# The first day of a period and the days it picks, counted from there, ascending.
Period = tuple[int, tuple[int, ...]]

DAYS_OF_A_CYCLE = 146_097  # 400 years, also a whole number of weeks
CYCLES = {Frequency.YEARLY: 400, Frequency.MONTHLY: 4_800, Frequency.WEEKLY: 20_871}


def periods(rule: Rule, start: date, day: int) -> Iterator[Period]:
    """
    Yield the periods of *rule*, in phase with *start*, that may hold *day* or a later one.

    Ends with the year 9999, or when a whole cycle of the calendar held no day at all.
    """
    # A date that SKIP=FORWARD moves lands in the period after its own.
    early = 1 if rule.skip is Skip.FORWARD else 0
    if day - early > LAST_DAY:
        return
    found = _WALKS[rule.frequency](rule, start, max(day - early, 1))
    cycle = CYCLES[rule.frequency]
    idle = cycle // gcd(cycle, rule.interval)
    left = idle
    for period in found:
        if period[1]:
            left = idle
            yield period
        else:
            left -= 1
            if left < 0:
                return


def _years(rule: Rule, start: date, day: int) -> Iterator[Period]:
    year, interval = start.year, rule.interval
    year += -((year - max(year, date.fromordinal(day).year)) // interval) * interval
    taken = _taken_from(rule, start)
    memory = rule.memory
    while year <= 9999:
        begin = date(year, 1, 1).toordinal()
        first = (begin + 6) % 7
        kind = (first, is_leap(year), is_leap(year - 1), is_leap(year + 1))
        key = (kind, taken)
        days = memory.get(key)
        if days is None:
            days = memory[key] = year_days(rule, Year(*kind), taken)
        yield begin, days
        year += interval


def _taken_from(rule: Rule, start: date) -> tuple[int, int, int]:
    # Month, day and weekday, as far as the rule leaves them to the start.
    if rule.by_day or rule.by_month_day or rule.by_year_day:
        return 0, 0, 0
    if rule.by_week_number:
        return 0, 0, start.weekday()
    return 0 if rule.by_month else start.month, start.day, 0


def _months(rule: Rule, start: date, day: int) -> Iterator[Period]:
    interval, only = rule.interval, rule.by_month
    there = date.fromordinal(day)
    index = start.year * 12 + start.month - 1
    index += -((index - max(index, there.year * 12 + there.month - 1)) // interval) * interval
    start_day = 0 if rule.by_day or rule.by_month_day else start.day
    memory = rule.memory
    while index < 120_000:
        year, month = divmod(index, 12)
        index += interval
        if only and month + 1 not in only:
            yield 0, ()
            continue
        begin = date(year, month + 1, 1).toordinal()
        key = ((begin + 6) % 7, MONTH_LENGTHS[is_leap(year)][month], start_day)
        days = memory.get(key)
        if days is None:
            days = memory[key] = month_days(rule, key[1], key[0], start_day)
        yield begin, days


def _weeks(rule: Rule, start: date, day: int) -> Iterator[Period]:
    step = 7 * rule.interval
    begin = start.toordinal() - (start.weekday() - rule.week_start) % 7
    # The week that *day* is in began up to six days before it.
    begin += -((begin - max(begin, day - 6)) // step) * step
    weekdays = [weekday.day for weekday in rule.by_day] or [start.weekday()]
    days = tuple(sorted((weekday - rule.week_start) % 7 for weekday in weekdays))
    only = rule.by_month
    while begin <= LAST_DAY:
        if only:
            yield begin, tuple(offset for offset in days if _month(begin + offset) in only)
        else:
            yield begin, days
        begin += step


def _month(day: int) -> int:
    return date.fromordinal(day).month if 1 <= day <= LAST_DAY else 0


_WALKS = {Frequency.YEARLY: _years, Frequency.MONTHLY: _months, Frequency.WEEKLY: _weeks}

"""Which days of one year or month a rule picks: pure tables, the same every 400 years."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from recurring_jobs.rules.frequency import Skip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recurring_jobs.rules.frequency import Weekday
    from recurring_jobs.rules.rule import Rule

MONTH_LENGTHS = (
    (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
    (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
)
MONTH_BEGINS = tuple(
    tuple(sum(lengths[:month]) for month in range(13)) for lengths in MONTH_LENGTHS
)

_EVERY_WEEK = sum(1 << 7 * week for week in range(53))


def is_leap(year: int) -> bool:
    """
    Tell whether *year* has a 29 February.
    """
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_days(rule: Rule, length: int, first: int, start_day: int) -> tuple[int, ...]:
    """
    Return the days that *rule* picks of a month, counted from 0.

    *first* is the weekday of the 1st; *start_day* is used where the rule names no day.
    With SKIP the month's *length* may be among them, the next 1st, or -1, the day before.
    """
    return _month_days(rule.by_month_day, rule.by_day, rule.skip, length, first, start_day)


@lru_cache(maxsize=4096)  # shared by all rules that pick the same days
def _month_days(
    month_days: tuple[int, ...],
    weekdays: tuple[Weekday, ...],
    skip: Skip,
    length: int,
    first: int,
    start_day: int,
) -> tuple[int, ...]:
    if month_days:
        days = _dates(month_days, length, skip)
        if weekdays:
            days = {
                day for day in days if any(_is(weekday, day, first, length) for weekday in weekdays)
            }
    elif weekdays:
        days = _weekdays(weekdays, first, 0, length)
    else:
        days = _dates((start_day,), length, skip)
    return tuple(sorted(days))


class Year:
    """One of the kinds of year there are, as far as a rule can tell them apart."""

    def __init__(self, first: int, leap: bool, leap_before: bool, leap_after: bool) -> None:  # noqa: FBT001  the key of a cache
        self.first = first
        self.size = 365 + leap
        self.lengths = MONTH_LENGTHS[leap]
        self.begins = MONTH_BEGINS[leap]
        self.size_before = 365 + leap_before
        self.size_after = 365 + leap_after

    def months(self, numbers: Iterable[int]) -> set[int]:
        """
        Return the days of some months, counted from 0.
        """
        return {
            day for month in numbers for day in range(self.begins[month - 1], self.begins[month])
        }

    def weeks(self, numbers: Iterable[int], week_start: int) -> set[int]:
        """
        Return the days of the year that lie in the weeks so numbered, by ISO 8601's rule.

        The year's edges may lie in week 52 or 53 of the year before or 1 of the next.
        """
        wanted = frozenset(numbers)
        edges = self._week_edges(week_start)
        found = set()
        for begin, end in pairwise(edges):
            total = (end - begin) // 7
            for week in range(total):
                if week + 1 in wanted or week - total in wanted:
                    monday = begin + 7 * week
                    found |= set(range(max(monday, 0), min(monday + 7, self.size)))
        return found

    def _week_edges(self, week_start: int) -> list[int]:
        begins = (-self.size_before, 0, self.size, self.size + self.size_after)
        edges = []
        for begin in begins:
            back = (self.first + begin - week_start) % 7
            edges.append(begin - back if back <= 3 else begin - back + 7)
        return edges


def year_days(rule: Rule, year: Year, start: tuple[int, int, int]) -> tuple[int, ...]:
    """
    Return the days that *rule* picks of a *year*, counted from 0.

    *start* gives the month, day and weekday for what the rule does not name. With SKIP the
    year's size may be among them, the next 1 January, or -1, the day before.
    """
    month, day, weekday = start
    chosen = _named_days(rule, year)
    if chosen is None and not rule.by_day:
        chosen = _month_dates(year, rule.by_month or (month,), (day,), rule.skip)
    elif chosen is None:
        chosen = set()
        for begin, length in _spans(rule, year):
            chosen |= _weekdays(rule.by_day, (year.first + begin) % 7, begin, length)
    elif rule.by_day:
        chosen = {one for one in chosen if _is_listed(rule, year, one)}
    elif not rule.by_year_day and not rule.by_month_day:  # weeks alone: the start's weekday
        chosen = {one for one in chosen if (year.first + one) % 7 == weekday}
    return tuple(sorted(chosen))


def year_mask(rule: Rule, first: int, size: int) -> int:
    """
    Return the days of a year that pass the day parts as filters, as the bits of a number.

    For rules that are DAILY or finer, where no part adds a day.
    """
    begins, lengths = MONTH_BEGINS[size - 365], MONTH_LENGTHS[size - 365]
    mask = (1 << size) - 1
    months = list(zip(begins, lengths, strict=False))
    if rule.by_month:
        named = [months[month - 1] for month in rule.by_month]
        mask &= sum((1 << length) - 1 << begin for begin, length in named)
    if rule.by_month_day:
        mask &= sum(
            1 << begin + day
            for begin, length in months
            for day in _dates(rule.by_month_day, length, Skip.OMIT)
        )
    if rule.by_year_day:
        mask &= sum(1 << day for day in _dates(rule.by_year_day, size, Skip.OMIT))
    if rule.by_day:
        mask &= sum(_EVERY_WEEK << (weekday.day - first) % 7 for weekday in rule.by_day)
    return mask


def _named_days(rule: Rule, year: Year) -> set[int] | None:
    found: list[set[int]] = []
    if rule.by_week_number:
        found.append(year.weeks(rule.by_week_number, rule.week_start))
    if rule.by_year_day:
        found.append(_dates(rule.by_year_day, year.size, rule.skip))
    if rule.by_month_day:
        months = rule.by_month or range(1, 13)
        found.append(_month_dates(year, months, rule.by_month_day, rule.skip))
    if not found:
        return None
    if rule.by_month and not rule.by_month_day:
        allowed = year.months(rule.by_month)
        if year.size - 1 in allowed:
            allowed.add(year.size)  # day 366 moved forward belongs to December still
        if 0 in allowed:
            allowed.add(-1)  # and day -366 moved backward to January
        found.append(allowed)
    return set.intersection(*found)


def _month_dates(year: Year, months: Iterable[int], numbers: Iterable[int], skip: Skip) -> set[int]:
    return {
        year.begins[month - 1] + day
        for month in months
        for day in _dates(numbers, year.lengths[month - 1], skip)
    }


def _dates(numbers: Iterable[int], length: int, skip: Skip) -> set[int]:
    days = set()
    for number in numbers:
        if -length <= number <= length:
            days.add(number - 1 if number > 0 else length + number)
        elif skip is not Skip.OMIT:
            # Beyond the end, or counted back beyond the beginning: the day on either side.
            beside = length if number > 0 else 0
            days.add(beside if skip is Skip.FORWARD else beside - 1)
    return days


def _spans(rule: Rule, year: Year) -> list[tuple[int, int]]:
    if not rule.by_month:
        return [(0, year.size)]
    return [(year.begins[month - 1], year.lengths[month - 1]) for month in rule.by_month]


def _weekdays(weekdays: Iterable[Weekday], first: int, begin: int, length: int) -> set[int]:
    days: set[int] = set()
    for day, ordinal in weekdays:
        every = range(begin + (day - first) % 7, begin + length, 7)
        if ordinal == 0:
            days.update(every)
        elif abs(ordinal) <= len(every):
            days.add(every[ordinal - 1 if ordinal > 0 else ordinal])
    return days


def _is_listed(rule: Rule, year: Year, day: int) -> bool:
    begin, length = next(
        ((begin, length) for begin, length in _spans(rule, year) if begin <= day < begin + length),
        (0, year.size),
    )
    first = (year.first + begin) % 7
    return any(_is(weekday, day - begin, first, length) for weekday in rule.by_day)


def _is(weekday: Weekday, day: int, first: int, length: int) -> bool:
    if (first + day) % 7 != weekday.day:
        return False
    if day >= length:  # moved forward onto the next 1st
        return weekday.ordinal in (0, 1)
    if day < 0:  # moved backward onto the last day before
        return weekday.ordinal in (0, -1)
    if weekday.ordinal >= 0:
        return weekday.ordinal in (0, day // 7 + 1)
    return -weekday.ordinal == (length - 1 - day) // 7 + 1

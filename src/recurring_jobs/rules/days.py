"""The days that pass a rule's day parts, found by arithmetic on whole years."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from recurring_jobs.rules.periods import is_leap, year_mask

if TYPE_CHECKING:
    from recurring_jobs.rules.rule import Rule

LAST_DAY = date.max.toordinal()


class Days:
    """
    The days, as ordinals, that pass BYMONTH, BYMONTHDAY, BYYEARDAY and BYDAY as filters.

    For rules that are DAILY or finer. A year costs one table look-up, so the sparsest
    rule is searched to the year 9999 in milliseconds.
    """

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._masks: dict[tuple[int, int], int] = {}
        self.all = not (rule.by_month or rule.by_month_day or rule.by_year_day or rule.by_day)

    def __contains__(self, ordinal: int) -> bool:
        if self.all:
            return True
        there = date.fromordinal(ordinal)
        begin, _, mask = self._year(there.year)
        return mask >> ordinal - begin & 1 == 1

    def next(self, ordinal: int, step: int = 1, phase: int = 0) -> int | None:
        """
        Return the first day from *ordinal* on that passes and is *phase* modulo *step*.
        """
        ordinal += (phase - ordinal) % step
        if self.all:
            return ordinal if ordinal <= LAST_DAY else None
        while ordinal <= LAST_DAY:
            begin, size, mask = self._year(date.fromordinal(ordinal).year)
            if step > 1:
                mask &= _every(step) << ordinal - begin
            mask >>= ordinal - begin
            if mask:
                return ordinal + (mask & -mask).bit_length() - 1
            ordinal = begin + size
            ordinal += (phase - ordinal) % step
        return None

    def nth(self, index: int, first: int, step: int) -> int | None:
        """
        Return the *index*-th, from 0, of the days *first*, *first* + *step*, ... that pass.
        """
        if self.all:
            ordinal = first + index * step
            return ordinal if ordinal <= LAST_DAY else None
        ordinal = first
        while ordinal <= LAST_DAY:
            begin, size, mask = self._year(date.fromordinal(ordinal).year)
            mask = (mask & _every(step) << ordinal - begin) >> ordinal - begin
            held = mask.bit_count()
            if index < held:
                for _ in range(index):
                    mask &= mask - 1
                return ordinal + (mask & -mask).bit_length() - 1
            index -= held
            ordinal = begin + size
            ordinal += (first - ordinal) % step
        return None

    def is_empty(self) -> bool:
        """
        Tell whether no day of any year passes.
        """
        return not self.all and not any(
            self._mask(first, size) for first in range(7) for size in (365, 366)
        )

    def _year(self, year: int) -> tuple[int, int, int]:
        before = year - 1
        begin = before * 365 + before // 4 - before // 100 + before // 400 + 1
        size = 365 + is_leap(year)
        first = (begin + 6) % 7
        return begin, size, self._mask(first, size)

    def _mask(self, first: int, size: int) -> int:
        mask = self._masks.get((first, size))
        if mask is None:
            mask = self._masks[first, size] = year_mask(self._rule, first, size)
        return mask


def _every(step: int) -> int:
    pattern = _PATTERNS.get(step)
    if pattern is None:
        pattern = sum(1 << bit for bit in range(0, 366, step))
        if len(_PATTERNS) < 1_000:
            _PATTERNS[step] = pattern
    return pattern


_PATTERNS: dict[int, int] = {}

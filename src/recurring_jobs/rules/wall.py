"""Rules that are DAILY or coarser: wall times, found from any point without a walk."""

from __future__ import annotations

from datetime import date, datetime
from itertools import islice
from math import gcd
from typing import TYPE_CHECKING

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules.clock import Times
from recurring_jobs.rules.days import LAST_DAY
from recurring_jobs.rules.frequency import Frequency, Skip
from recurring_jobs.rules.patterns import CYCLES, DAYS_OF_A_CYCLE, Period, periods

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurring_jobs.rules.rule import Rule

MOST_COUNTED = 20_000


class WallTimes:
    """
    The wall times of *rule* from *start* on, as written, before its zone is looked at.

    All are naive. *start* is without microseconds; *dated* tells that it was a date.
    """

    def __init__(self, rule: Rule, start: datetime, *, dated: bool = False) -> None:
        self.start = start
        self.times = Times(rule, start, dated=dated)
        self._rule = rule

    def since(self, wall: datetime) -> Iterator[datetime]:
        """
        Yield the wall times that are not before *wall*, nor before the start, ascending.
        """
        wall = max(wall, self.start)
        if self._rule.by_set_position:
            return self._chosen_since(wall)
        if self.times.only is None:
            return self._product_since(wall)
        return self._single_since(wall.toordinal() + self.times.rank(wall))

    def nth(self, number: int, wall: datetime) -> datetime | None:
        """
        Return the wall time that is *number*, from 1, of those not before *wall*.

        Whole periods are counted, not walked through. None if there are fewer. Raise
        InvalidRuleError where times must be counted one by one and are too many.
        """
        wall = max(wall, self.start)
        if self._rule.skip is not Skip.OMIT:  # periods overlap, so their sizes do not add up
            if number > MOST_COUNTED:
                problem = f"is more than {MOST_COUNTED:,}, too many to count with SKIP."
                raise InvalidRuleError("COUNT", str(number), problem)
            return next(islice(self.since(wall), number - 1, None), None)
        if self._rule.frequency is Frequency.DAILY:
            return self._nth_daily(number - 1, wall)
        return self._nth_of_periods(number - 1, wall)

    def _single_since(self, first: int) -> Iterator[datetime]:
        time, combine, fromordinal = self.times.only, datetime.combine, date.fromordinal
        assert time is not None  # noqa: S101  chosen by since()
        for day in self._days_since(first):
            yield combine(fromordinal(day), time)

    def _product_since(self, wall: datetime) -> Iterator[datetime]:
        times, first = self.times, wall.toordinal()
        for day in self._days_since(first):
            there = date.fromordinal(day)
            for index in range(times.rank(wall) if day == first else 0, times.size):
                yield datetime.combine(there, times[index])

    def _chosen_since(self, wall: datetime) -> Iterator[datetime]:
        done = None
        for begin, days in self._periods(wall.toordinal()):
            for index in self._chosen(len(days)):
                found = self._slot(begin, days, index)
                if found is None or found < wall:
                    continue
                if done is None or found > done:
                    done = found
                    yield found

    def _days_since(self, first: int) -> Iterator[int]:
        done = first - 1
        for begin, days in self._periods(first):
            for offset in days:
                day = begin + offset
                if day > done:
                    if day > LAST_DAY:
                        return
                    done = day
                    yield day

    def _periods(self, first: int) -> Iterator[Period]:
        if self._rule.frequency is not Frequency.DAILY:
            return periods(self._rule, self.start, first)
        return self._daily(first)

    def _daily(self, first: int) -> Iterator[Period]:
        following, step = self._rule.days.next, self._rule.interval
        phase = self.start.toordinal()
        day = following(first, step, phase)
        while day is not None:
            yield day, (0,)
            day = following(day + step, step, phase)

    def _chosen(self, days: int) -> tuple[int, ...]:
        # BYSETPOS counts over days times times, so a place is found by division alone.
        total = days * self.times.size
        memory = self._rule.memory
        found = memory.get(("places", total))
        if found is None:
            places = (
                place - 1 if place > 0 else total + place for place in self._rule.by_set_position
            )
            found = tuple(sorted({place for place in places if 0 <= place < total}))
            memory["places", total] = found
        return found

    def _slot(self, begin: int, days: tuple[int, ...], index: int) -> datetime | None:
        day, time = divmod(index, self.times.size)
        ordinal = begin + days[day]
        if not 1 <= ordinal <= LAST_DAY:
            return None
        return datetime.combine(date.fromordinal(ordinal), self.times[time])

    def _slots(self, days: tuple[int, ...]) -> range | tuple[int, ...]:
        if self._rule.by_set_position:
            return self._chosen(len(days))
        return range(len(days) * self.times.size)

    def _passed(self, begin: int, days: tuple[int, ...], wall: datetime) -> int:
        slots = self._slots(days)
        low, high = 0, len(slots)
        while low < high:
            middle = (low + high) // 2
            found = self._slot(begin, days, slots[middle])
            if found is not None and found < wall:
                low = middle + 1
            else:
                high = middle
        return low

    def _nth_daily(self, index: int, wall: datetime) -> datetime | None:
        rule, phase = self._rule, self.start.toordinal()
        first = rule.days.next(wall.toordinal(), rule.interval, phase)
        slots = self._slots((0,))
        if first is None or not slots:
            return None
        index += self._passed(first, (0,), wall)
        day = rule.days.nth(index // len(slots), first, rule.interval)
        return None if day is None else self._slot(day, (0,), slots[index % len(slots)])

    def _nth_of_periods(self, index: int, wall: datetime) -> datetime | None:
        cycle = CYCLES[self._rule.frequency]
        cycle_days = DAYS_OF_A_CYCLE * (self._rule.interval // gcd(cycle, self._rule.interval))
        opened, total = None, 0
        walk = self._periods(wall.toordinal())
        for begin, days in walk:
            if opened is None:
                opened = begin
                index += self._passed(begin, days, wall)
            elif begin >= opened + cycle_days and total:
                # A whole cycle of the calendar was counted: leap over as many as fit.
                begin += index // total * cycle_days  # noqa: PLW2901
                index %= total
                if begin > LAST_DAY:
                    return None
                return self._nth_from(index, begin)
            held = len(self._slots(days))
            if index < held:
                return self._slot(begin, days, self._slots(days)[index])
            index -= held
            total += held
        return None

    def _nth_from(self, index: int, begin: int) -> datetime | None:
        for first, days in self._periods(begin):
            slots = self._slots(days)
            if index < len(slots):
                return self._slot(first, days, slots[index])
            index -= len(slots)
        return None

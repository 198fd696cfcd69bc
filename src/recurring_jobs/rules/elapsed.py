"""Rules that are HOURLY or finer: instants a fixed number of real seconds apart."""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules.frequency import Frequency
from recurring_jobs.rules.hits import Hits, Window, find_hits
from recurring_jobs.rules.zones import DAY, EPOCH, FOREVER, Segment, seconds, segment_at, to_utc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from recurring_jobs.rules.rule import Rule

MOST_COUNTED = 5_000
_MOST_STEPS = 6_000
_PATIENCE = 64  # steps of a search after which solving is cheaper
_STEPS_OF_A_SEGMENT = 30  # what the look-up of a clock change costs, in steps of the search
LAST_SECOND = seconds(FOREVER) - 1
_EPOCH_DAY = EPOCH.toordinal()
_UNITS = {Frequency.HOURLY: 3_600, Frequency.MINUTELY: 60, Frequency.SECONDLY: 1}


class ElapsedTimes:
    """
    The instants of *rule* from *start* on, in whole seconds since 1970.

    An instant may lie in every INTERVAL-th unit after the start's. What BY parts finer than
    the frequency leave open stays as far into the unit as the start is; all others are
    tested on the local clock of the instant itself.
    """

    def __init__(self, rule: Rule, start: datetime) -> None:
        assert start.tzinfo is not None  # noqa: S101  checked by the caller
        self.start = seconds(to_utc(start))
        self._rule = rule
        self._zone = start.tzinfo
        self._unit = _UNITS[rule.frequency]
        self._step = rule.interval * self._unit
        into = (start.minute * 60 + start.second) % self._unit
        self._period = self.start - into
        # The part of each period that instants may lie in.
        self._window, self._width = self.start, 1
        self._minutes: tuple[int, ...] = (into // 60,)
        self._keeps_second = False
        if rule.frequency is Frequency.HOURLY and rule.by_minute:
            self._window, self._width, self._minutes = self._period, 3_600, rule.by_minute
            self._keeps_second = not rule.by_second
        elif rule.frequency < Frequency.SECONDLY and rule.by_second:
            self._window, self._width = self.start - into % 60, 60
        self._seconds = rule.by_second or (start.second,)
        self._is_plain = (
            self._width == 1
            and rule.days.all
            and not (rule.by_hour or rule.by_minute or rule.by_second)
        )
        self._solved: dict[int, Hits | None] = {}
        self._passed = -1  # the last day that passed the day parts

    def since(self, second: int, last: int = LAST_SECOND) -> Iterator[int]:
        """
        Yield the instants that are not before *second*, nor before the start, ascending.

        None are looked for after *last*. Raise InvalidRuleError where that is so far that
        the search would have no bound.
        """
        second = max(second, self.start)
        if self._rule.by_set_position:
            return self._chosen_since(second, last)
        if self._is_plain:
            first = second + (self.start - second) % self._step
            return iter(range(first, last + 1, self._step))
        return self._filtered_since(second, last)

    def nth(self, number: int, second: int) -> int | None:
        """
        Return the instant that is *number*, from 1, of those not before *second*.

        None if there are fewer. Raise InvalidRuleError where instants must be counted one
        by one and are too many.
        """
        if not self._is_plain and number > MOST_COUNTED:
            problem = f"is more than {MOST_COUNTED:,}. Resume from a cursor, or name UNTIL."
            raise InvalidRuleError("COUNT", str(number), problem)
        found = self.since(second)
        if self._is_plain and not self._rule.by_set_position:
            place = next(found, LAST_SECOND) + (number - 1) * self._step
            return place if place < LAST_SECOND else None
        return next(islice(found, number - 1, None), None)

    def _filtered_since(self, second: int, last: int) -> Iterator[int]:
        found = self._find(second, last)
        while found is not None:
            yield found
            found = self._find(found + 1, last)

    def _chosen_since(self, second: int, last: int) -> Iterator[int]:
        found = self._find(second - (second - self._period) % self._step, last)
        while found is not None:
            period = found - (found - self._period) % self._step
            for instant in self._chosen(period, found):
                if second <= instant <= last:
                    yield instant
            found = self._find(period + self._unit, last)

    def _chosen(self, period: int, first: int) -> list[int]:
        segment = segment_at(self._zone, first)
        inside = segment.begin <= period and period + self._unit <= segment.end
        if inside and (period + segment.offset) % self._unit == 0:
            inner = len(self._seconds)
            total = len(self._minutes) * inner
            return [
                period + self._minutes[place // inner] * 60 + self._seconds[place % inner]
                if self._unit > 1
                else first
                for place in self._places(total if self._unit > 1 else 1)
            ]
        held = []
        instant: int | None = first
        while instant is not None:
            held.append(instant)
            instant = self._find(instant + 1, period + self._unit - 1)
        return [held[place] for place in self._places(len(held))]

    def _places(self, total: int) -> list[int]:
        places = (place - 1 if place > 0 else total + place for place in self._rule.by_set_position)
        return sorted({place for place in places if 0 <= place < total})

    def _find(self, second: int, last: int) -> int | None:
        steps = tried = 0
        is_possible = False
        while second <= last:
            segment = segment_at(self._zone, second)
            steps += _STEPS_OF_A_SEGMENT
            hits = self._hits(segment.offset) if tried > _PATIENCE else None
            end = min(_end(segment), last + 1)
            while second < end:
                following = self._advance(second, segment)
                if following is None or following == second:
                    return following if second <= last else None
                tried += 1
                second = following
                if hits is not None:
                    second = min(hits.next(second), end) if hits.seconds else end
                elif tried == _PATIENCE:
                    hits = self._hits(segment.offset)
                if tried + steps > 2 * _MOST_STEPS:
                    raise self._too_rare()
            if tried > _PATIENCE and (hits is None or hits.seconds):
                is_possible = True
            if tried + steps > _MOST_STEPS and second <= last:
                # So many clock changes on, either no offset lets the two meet, or one may.
                if is_possible:
                    raise self._too_rare()
                return None
        return None

    def _advance(self, second: int, segment: Segment) -> int | None:
        """
        Return *second* if it is an instant of the rule, else how far the next may be.
        """
        behind = (second - self._window) % self._step
        if behind >= self._width:
            return second + self._step - behind
        rule = self._rule
        day, clock = divmod(second + segment.offset, DAY)
        if day != self._passed:
            if not rule.days.all and day + _EPOCH_DAY not in rule.days:
                return self._next_day(day, segment)
            self._passed = day
        hour, rest = divmod(clock, 3_600)
        if rule.by_hour and hour not in rule.by_hour:
            place = bisect_right(rule.by_hour, hour)
            hours = (*rule.by_hour, 24)[place]
            return _within(segment, second + hours * 3_600 - clock)
        minute, rest = divmod(rest, 60)
        if rule.by_minute and minute not in rule.by_minute:
            place = bisect_right(rule.by_minute, minute)
            minutes = (*rule.by_minute, 60)[place]
            return _within(segment, second + (minutes - minute) * 60 - rest)
        return self._next_second(second, rest, segment)

    def _next_second(self, second: int, rest: int, segment: Segment) -> int:
        if self._keeps_second:
            return _within(segment, second + (self.start - second) % 60)
        wanted = self._rule.by_second
        if wanted and rest not in wanted:
            following = (*wanted, 60)[bisect_right(wanted, rest)]
            return _within(segment, second + following - rest)
        return second

    def _next_day(self, day: int, segment: Segment) -> int | None:
        found = self._rule.days.next(day + _EPOCH_DAY + 1)
        if found is None:
            return None
        second = (found - _EPOCH_DAY) * DAY - segment.offset
        if second < segment.end:
            return second
        # Another offset holds there: stop short, by more than offsets can differ.
        return max(int(segment.end), second - 2 * DAY)

    def _hits(self, offset: int) -> Hits | None:
        if offset not in self._solved:
            wanted = self._rule.by_second
            if self._keeps_second:
                wanted = ((self.start + offset) % 60,)
            window = Window(self._window, self._step, self._width)
            self._solved[offset] = find_hits(self._rule, window, wanted, offset)
        return self._solved[offset]

    def _too_rare(self) -> InvalidRuleError:
        return InvalidRuleError(
            "Rule", str(self._rule), "meets its interval too rarely to be followed from this start."
        )


def _within(segment: Segment, second: int) -> int:
    return min(second, _end(segment))


def _end(segment: Segment) -> int:
    return int(min(segment.end, LAST_SECOND))

"""One rule on one start: the rule's own times, with RDATE added and EXDATE taken away."""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules.frequency import Frequency
from recurring_jobs.rules.moments import Moment
from recurring_jobs.rules.streams import ElapsedStream, WallStream
from recurring_jobs.rules.zones import FOREVER, from_utc, wall_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from recurring_jobs.rules.rule import Rule
    from recurring_jobs.rules.streams import Item
    from recurring_jobs.rules.tally import Cursor

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class Expansion:
    """
    The times of *rule* for an aware *start*, or for a date.

    Raise InvalidRuleError if the start is naive, or a date for a rule of hours.
    """

    def __init__(self, rule: Rule, start: date, cursor: Cursor | None = None) -> None:
        self._rule = rule
        self.is_dated = not isinstance(start, datetime)
        begin = self.instant("start", start)
        if self.is_dated and rule.frequency >= Frequency.HOURLY:
            problem = f"is a date without a time, which FREQ={rule.frequency.name} needs."
            raise InvalidRuleError("start", str(start), problem)
        if begin.microsecond:
            begin = begin.replace(microsecond=0)
        self._begin = begin
        self._start = begin
        if isinstance(start, datetime):
            self._start = start.replace(microsecond=0) if start.microsecond else start
        self.zone = self._start.tzinfo
        stream = ElapsedStream if rule.frequency >= Frequency.HOURLY else WallStream
        self._stream = stream(rule, self._start, begin, cursor)

    def given(self, item: Item) -> Any:
        """
        Return *item* as a host gives times: an aware datetime, or a date.
        """
        return item[1].date() if self.is_dated else item[1]

    def named(self, item: Item) -> Moment:
        """
        Return *item* as EXDATE names it.
        """
        if item[2] is None:
            return Moment(item[0], "Z")
        return Moment(item[2], is_date=self.is_dated)

    def instant(self, name: str, moment: date) -> datetime:
        """
        Return *moment* as a naive time in UTC, or a date as its midnight.

        Raise InvalidRuleError naming it if it is not of the same kind as the start.
        """
        if isinstance(moment, datetime):
            if self.is_dated:
                raise InvalidRuleError(name, str(moment), "has a time, but the start is a date.")
            offset = moment.utcoffset()
            if offset is None:
                raise InvalidRuleError(name, str(moment), "is naive. Give it a time zone.")
            try:
                return datetime.combine(moment, moment.time()) - offset
            except OverflowError:
                problem = "is not within the years 1 to 9999 in UTC."
                raise InvalidRuleError(name, str(moment), problem) from None
        if not self.is_dated:
            raise InvalidRuleError(name, str(moment), "is a date, but the start has a time.")
        return datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  a date

    def since(self, instant: datetime | None, before: datetime = FOREVER) -> Iterator[Item]:
        """
        Yield the times from *instant* on, in order, each instant once.

        Those after *before* are not looked for, but may be among them.
        """
        if instant is None or instant < self._begin:
            instant = self._begin
        found = self._stream.since(instant, before)
        if self._rule.rdates:
            found = _distinct(merge(found, self._added(instant), key=itemgetter(0)))
        if self._rule.exdates:
            is_excluded = self._exclusion()
            found = (item for item in found if not is_excluded(item))
        return found

    def last_before(self, bound: datetime) -> Item | None:
        """
        Return the last time before *bound*, found by halving, or None.
        """
        found = self._first(self._begin, bound)
        if found is None:
            return None
        width = _DAY
        while width < bound - found[0]:
            later = self._first(bound - width, bound)
            if later is not None:
                found = later
                break
            width *= 2
        high = bound
        while (later := self._first(found[0] + _SECOND, high)) is not None:
            found = later
            middle = found[0] + (high - found[0]) / 2
            later = self._first(middle, high)
            if later is None:
                high = middle
            else:
                found = later
        return found

    def _first(self, instant: datetime, bound: datetime) -> Item | None:
        found = next(self.since(instant, bound), None)
        return found if found is not None and found[0] < bound else None

    def _added(self, instant: datetime) -> Iterator[Item]:
        found = (self.item("RDATE", moment) for moment in self._rule.rdates)
        return iter(sorted((item for item in found if item[0] >= instant), key=itemgetter(0)))

    def item(self, part: str, moment: Moment) -> Item:
        """
        Return *moment*, a value of *part* (RDATE or EXDATE), as one of the times.

        Raise InvalidRuleError if it is not of the same kind as the start.
        """
        zone = self.zone
        if zone is None:
            if not moment.is_date:
                raise InvalidRuleError(part, str(moment), "has a time, but the start is a date.")
            return moment.wall, moment.wall, moment.wall
        if moment.is_date:
            wall = datetime.combine(moment.wall, self._start.time())
            moment = moment._replace(wall=wall, is_date=False)
        try:
            instant = moment.instant(zone)
            at = from_utc(instant, zone)
        except OverflowError:
            problem = "is not within the years 1 to 9999 in UTC."
            raise InvalidRuleError(part, str(moment), problem) from None
        if at.fold or self._rule.frequency >= Frequency.HOURLY:
            return instant, at, None
        return instant, at, wall_of(at) if moment.zone else moment.wall

    def _exclusion(self) -> Callable[[Item], bool]:
        days, instants = set(), set()
        for moment in self._rule.exdates:
            if moment.is_date:
                days.add(moment.wall.date())
            elif not self.is_dated:
                instants.add(self.item("EXDATE", moment)[0])

        def is_excluded(item: Item) -> bool:
            instant, at, wall = item
            return instant in instants or (wall or at).date() in days

        return is_excluded


def nominal_name(item: Item) -> str:
    """
    Return the name that stays when the time zone database changes (RECURRENCE-ID).
    """
    instant, _, wall = item
    if wall is None:
        return _compact(instant) + "Z"
    return _compact(wall)


def _distinct(items: Iterator[Item]) -> Iterator[Item]:
    done = None
    for item in items:
        if item[0] != done:
            done = item[0]
            yield item


def _compact(naive: datetime) -> str:
    return naive.isoformat().replace("-", "").replace(":", "")

"""A rule's times on one start as a stream of instants: on the wall clock, or by elapsed time."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from recurring_jobs.rules.elapsed import LAST_SECOND, ElapsedTimes
from recurring_jobs.rules.tally import Cursor, last_instant, last_wall
from recurring_jobs.rules.wall import WallTimes
from recurring_jobs.rules.zones import EPOCH, FOREVER, from_utc, localise, seconds, to_utc, wall_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from recurring_jobs.rules.rule import Rule

    # The instant, naive in UTC; the real local time; the wall time as written, if any.
    Item = tuple[datetime, datetime, datetime | None]

_LOOK_BACK = timedelta(hours=26)  # longer than any gap


class WallStream:
    """
    The times of a DAILY or coarser *rule* on *start*, whose instant is *begin*.

    Gaps move a time forward, folds hold it once, and two that meet are one.
    """

    def __init__(self, rule: Rule, start: datetime, begin: datetime, cursor: Cursor | None) -> None:
        self._rule = rule
        self._begin = begin
        self._cursor = cursor
        self._zone = start.tzinfo
        self._start = wall_of(start)
        self._walls = WallTimes(rule, self._start, dated=start.tzinfo is None)

    def since(self, instant: datetime, before: datetime = FOREVER) -> Iterator[Item]:
        """
        Yield the times from *instant* on, in order, and look for none after *before*.
        """
        if instant > min(self._end, before):
            return iter(())
        walls = self._walls.since(self._wall_before(instant))
        if self._rule.count:
            walls = self._counted(walls)
        if self._zone is None:
            return self._dates(walls)
        return self._localised(walls, self._zone, instant)

    def _dates(self, walls: Iterator[datetime]) -> Iterator[Item]:
        end = self._end
        for wall in walls:
            if wall > end:
                return
            yield wall, wall, wall

    def _localised(
        self, walls: Iterator[datetime], zone: tzinfo, since: datetime
    ) -> Iterator[Item]:
        # What a gap moves forward may come after later wall times, or meet one of them.
        moved: list[Item] = []
        end = self._end
        try:
            for wall in walls:
                instant, at, gap = localise(wall, zone)
                if gap:
                    moved.append((instant, at, wall))
                    continue
                if moved:
                    yield from _flush(moved, instant, since, end)
                if instant < self._begin:
                    # The start is in the second pass of a fold, and so is this.
                    at = at.replace(fold=1)
                    instant = to_utc(at)
                if instant > end:
                    return
                if instant >= since:
                    yield instant, at, wall
        except OverflowError:  # the last hours of the year 9999
            pass
        yield from (item for item in moved if since <= item[0] <= end)

    def _counted(self, walls: Iterator[datetime]) -> Iterator[datetime]:
        sure = self._last_if_none_meet
        for wall in walls:
            if sure is not None and wall > sure:
                sure = self._last
                if sure is not None and wall > sure:
                    return
            yield wall

    def _wall_before(self, instant: datetime) -> datetime:
        # No time at or after the instant is written before what this returns.
        zone = self._zone
        if instant <= self._begin:
            return self._start
        if zone is None:
            return instant
        try:
            local = from_utc(instant, zone)
            offset, before = zone.utcoffset(local), zone.utcoffset(local - _LOOK_BACK)
        except OverflowError:
            return instant
        assert offset is not None  # noqa: S101  a zone knows its offset
        assert before is not None  # noqa: S101
        wall = instant + offset
        return wall if offset <= before else wall - (offset - before)

    @cached_property
    def _end(self) -> datetime:
        return _until(self._rule, self._zone)

    @cached_property
    def _last_if_none_meet(self) -> datetime | None:
        return last_wall(self._walls, self._rule.count or 0, self._cursor, None)

    @cached_property
    def _last(self) -> datetime | None:
        return last_wall(self._walls, self._rule.count or 0, self._cursor, self._zone)


class ElapsedStream:
    """
    The times of an HOURLY or finer *rule* on *start*, whose instant is *begin*.
    """

    def __init__(self, rule: Rule, start: datetime, begin: datetime, cursor: Cursor | None) -> None:
        assert start.tzinfo is not None  # noqa: S101  dates were refused
        self._rule = rule
        self._begin = begin
        self._cursor = cursor
        self._zone = start.tzinfo
        self._elapsed = ElapsedTimes(rule, start)

    def since(self, instant: datetime, before: datetime = FOREVER) -> Iterator[Item]:
        """
        Yield the times from *instant* on, in order, and look for none after *before*.
        """
        first = seconds(instant) + (instant.microsecond > 0)
        if self._rule.count and self._cursor is None and instant <= self._begin:
            found = self._elapsed.since(first, min(seconds(before), LAST_SECOND))
            return self._on_the_clock(islice(found, self._rule.count))
        end = min(self._end, before)
        if instant > end:
            return iter(())
        return self._on_the_clock(self._elapsed.since(first, min(seconds(end), LAST_SECOND)))

    def _on_the_clock(self, found: Iterator[int]) -> Iterator[Item]:
        zone = self._zone
        try:
            for second in found:
                instant = EPOCH + timedelta(seconds=second)
                yield instant, from_utc(instant, zone), None
        except OverflowError:  # the last hours of the year 9999
            return

    @cached_property
    def _end(self) -> datetime:
        if self._rule.count:
            last = last_instant(self._elapsed, self._rule.count, self._cursor)
            return FOREVER if last is None else EPOCH + timedelta(seconds=last)
        return _until(self._rule, self._zone)


def _flush(moved: list[Item], instant: datetime, since: datetime, end: datetime) -> Iterator[Item]:
    while moved and moved[0][0] <= instant:
        item = moved.pop(0)
        if item[0] != instant and since <= item[0] <= end:
            yield item


def _until(rule: Rule, zone: tzinfo | None) -> datetime:
    if rule.until is None:
        return FOREVER
    if zone is None:
        return rule.until.wall
    try:
        return rule.until.last_instant(zone)
    except OverflowError:
        return FOREVER

"""Where COUNT ends, without walking there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules.zones import EPOCH, is_fixed, localise, seconds, segments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from recurring_jobs.rules.elapsed import ElapsedTimes
    from recurring_jobs.rules.wall import WallTimes


class Cursor(NamedTuple):
    """How far a rule with COUNT has come: *number* times, the last of them named *nominal*."""

    nominal: str
    number: int


MOST_WALKED = 5_000
MOST_YEARS = 150
MOST_IN_GAPS = 1_000
_HALF_A_DAY = timedelta(hours=12)


def last_wall(
    walls: WallTimes, number: int, cursor: Cursor | None, zone: tzinfo | None
) -> datetime | None:
    """
    Return the wall time that is *number* of the rule, or None if it has fewer.

    Two wall times that a gap of *zone* makes one instant count as one.
    """
    begin = walls.start
    if cursor is not None:
        number -= cursor.number
        begin = _read(cursor.nominal) + timedelta(seconds=1)
    if number < 1:
        return begin - timedelta(seconds=1)
    if zone is None or is_fixed(zone):
        return walls.nth(number, begin)
    if number <= MOST_WALKED:
        return _walk(walls, number, begin, zone)
    found, extra = walls.nth(number, begin), 0
    while found is not None:
        merged = _merged(walls, begin, found, zone)
        if merged == extra:
            break
        extra = merged
        found = walls.nth(number + extra, begin)
    return found


def last_instant(elapsed: ElapsedTimes, number: int, cursor: Cursor | None) -> int | None:
    """
    Return the instant that is *number* of the rule, or None if it has fewer.
    """
    begin = elapsed.start
    if cursor is not None:
        number -= cursor.number
        begin = seconds(_read(cursor.nominal)) + 1
    return begin - 1 if number < 1 else elapsed.nth(number, begin)


def _read(nominal: str) -> datetime:
    try:
        return datetime.fromisoformat(nominal.removesuffix("Z"))
    except ValueError:
        raise InvalidRuleError("cursor", nominal, "is not the name of an occurrence.") from None


def _walk(walls: WallTimes, number: int, begin: datetime, zone: tzinfo) -> datetime | None:
    moved = set()
    for wall in walls.since(begin):
        try:
            instant, _, gap = localise(wall, zone)
        except OverflowError:
            return None
        if gap:
            moved.add(instant)
        elif instant in moved:
            continue
        number -= 1
        if not number:
            return wall
    return None


def _merged(walls: WallTimes, begin: datetime, last: datetime, zone: tzinfo) -> int:
    if walls.times.size == 1:
        # One time a day meets another only where a whole day is left out.
        elapsed = localise(last, zone)[0] - localise(begin, zone)[0]
        if abs(elapsed - (last - begin)) < _HALF_A_DAY:
            return 0
    if last.year - begin.year > MOST_YEARS:
        reason = f"reaches over more than {MOST_YEARS} years"
        raise _too_far(reason)
    pairs = (
        pair for gap, size in _gaps(begin, last, zone) for pair in _pairs(walls, gap, size, last)
    )
    met = 0
    for place, (wall, size) in enumerate(pairs):
        if place > MOST_IN_GAPS:
            reason = f"has more than {MOST_IN_GAPS:,} times in gaps"
            raise _too_far(reason)
        met += next(walls.since(wall + size), None) == wall + size
    return met


def _too_far(reason: str) -> InvalidRuleError:
    problem = f"{reason} of local clocks. Resume from a cursor, or name UNTIL."
    return InvalidRuleError("COUNT", "", problem)


def _gaps(begin: datetime, last: datetime, zone: tzinfo) -> Iterator[tuple[datetime, timedelta]]:
    offset = None
    for year in range(max(begin.year - 1, 1), min(last.year + 1, 9998) + 1):
        for segment in segments(zone, year):
            if offset is not None and segment.offset > offset:
                opens = EPOCH + timedelta(seconds=int(segment.begin) + offset)
                size = timedelta(seconds=segment.offset - offset)
                yield opens, size
            offset = segment.offset


def _pairs(
    walls: WallTimes, gap: datetime, size: timedelta, last: datetime
) -> Iterator[tuple[datetime, timedelta]]:
    # The wall times in a gap, each of which may meet the one a gap's length later.
    if gap + size < walls.start or gap > last:
        return
    for wall in walls.since(gap):
        if wall >= gap + size or wall + size > last:
            return
        yield wall, size

"""From wall time to instants: gaps move forward, folds happen once, the first time."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  naive times in UTC are the currency of this room
EARLIEST, FOREVER = datetime.min, datetime.max  # noqa: DTZ901
DAY = 86_400
STILL = timedelta(0)
_SECOND = timedelta(seconds=1)
_PROBE = timedelta(days=5)  # no zone ever changed and changed back within five days


class Segment(NamedTuple):
    """A stretch of seconds since 1970 in UTC, end excluded, with one offset in seconds."""

    begin: float
    end: float
    offset: int


def localise(wall: datetime, zone: tzinfo) -> tuple[datetime, datetime, timedelta]:
    """
    Return the instant, naive in UTC, the real local time of *wall*, and how far it moved.

    A time in a gap moves forward by the gap (RFC 5545, 3.3.5), an ambiguous one is the
    first of the two. Raise OverflowError outside the years 1 to 9999.
    """
    # combine() is several times as fast as replace().
    clock = wall.time()
    at = datetime.combine(wall, clock, zone)
    offset = zone.utcoffset(at)
    late = zone.utcoffset(datetime.combine(wall, _second_pass(clock), zone))
    assert offset is not None  # noqa: S101  a zone knows its offset
    if late != offset:
        assert late is not None  # noqa: S101
        if late > offset:
            gap = late - offset
            return wall - offset, at + gap, gap
    return wall - offset, at, STILL


def to_utc(moment: datetime) -> datetime:
    """
    Return the aware *moment* as a naive time in UTC.
    """
    offset = moment.utcoffset()
    assert offset is not None  # noqa: S101  callers check
    return wall_of(moment) - offset


def wall_of(moment: datetime) -> datetime:
    """
    Return what the clock shows at the aware *moment*, as a naive time with fold 0.
    """
    wall = datetime.combine(moment, moment.time())
    return wall.replace(fold=0) if wall.fold else wall


def from_utc(instant: datetime, zone: tzinfo) -> datetime:
    """
    Return the naive UTC *instant* as an aware time in *zone*.
    """
    return zone.fromutc(datetime.combine(instant, instant.time(), zone))


def seconds(naive: datetime) -> int:
    """
    Return whole seconds since 1970.
    """
    gone = naive - EPOCH
    return gone.days * DAY + gone.seconds


def is_fixed(zone: tzinfo) -> bool:
    """
    Tell whether *zone* has one offset for ever.
    """
    return zone.utcoffset(None) is not None


def segment_at(zone: tzinfo, second: int) -> Segment:
    """
    Return the stretch around *second*, cut at calendar years, that has one offset.
    """
    if is_fixed(zone):
        offset = zone.utcoffset(None)
        assert offset is not None  # noqa: S101
        return Segment(float("-inf"), float("inf"), _whole(offset))
    for segment in segments(zone, (EPOCH + timedelta(seconds=second)).year):
        if second < segment.end:
            return segment
    raise OverflowError("date value out of range")


@lru_cache(maxsize=4096)
def segments(zone: tzinfo, year: int) -> tuple[Segment, ...]:
    """
    Return the stretches of constant offset of one year, counted in UTC.
    """
    first = datetime(year, 1, 1)  # noqa: DTZ001
    last = FOREVER if year == 9999 else datetime(year + 1, 1, 1)  # noqa: DTZ001
    found = []
    begin, offset, probe = first, _offset(first, zone), first
    while probe < last:
        following = probe + min(_PROBE, last - probe)
        if _offset(min(following, last - _SECOND), zone) != _offset(probe, zone):
            change = _change(probe, min(following, last - _SECOND), zone)
            found.append(Segment(seconds(begin), seconds(change), offset))
            begin, offset = change, _offset(change, zone)
            following = change
        probe = following
    found.append(Segment(seconds(begin), seconds(last), offset))
    return tuple(found)


@lru_cache(maxsize=4096)
def _second_pass(clock: time) -> time:
    return clock.replace(fold=1)


def _change(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    before = _offset(low, zone)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(instant: datetime, zone: tzinfo) -> int:
    try:
        local = from_utc(instant, zone).utcoffset()
    except OverflowError:  # the first and last day of datetime's range
        local = timedelta(0)
    assert local is not None  # noqa: S101
    return _whole(local)


def _whole(offset: timedelta) -> int:
    return offset.days * DAY + offset.seconds

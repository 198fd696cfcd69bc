"""A slow and obvious reading of the clock contract, to hold the engine against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from recurring_jobs.rules import Rule

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@cache
def transitions(zone: ZoneInfo, first: int, last: int) -> list[datetime]:
    """
    Return the instants, in UTC, at which the clocks of *zone* change.
    """
    found = []
    instant = datetime(first, 1, 1, tzinfo=UTC)
    step = timedelta(days=1)
    while instant.year <= last:
        following = instant + step
        if _offset(following, zone) != _offset(instant, zone):
            found.append(_change(instant, following, zone))
        instant = following
    return found


def on_the_wall(walls: Iterable[datetime], zone: ZoneInfo) -> list[datetime]:
    """
    Return the real times of naive wall times: gaps forward, folds first, each once.
    """
    found = set()
    for wall in walls:
        # An offset from before a gap, applied after it, is what moves the time forward.
        found.add(wall.replace(tzinfo=zone).astimezone(UTC))
    return [instant.astimezone(zone) for instant in sorted(found)]


def by_elapsed_time(rule: Rule, start: datetime, step: timedelta, end: datetime) -> list[datetime]:
    """
    Return every instant *step* apart from *start* whose local clock passes the BY parts.
    """
    found = []
    instant = start.astimezone(UTC)
    while instant < end:
        local = instant.astimezone(start.tzinfo)
        if _passes(rule, local):
            found.append(local)
        instant += step
    return found


def _passes(rule: Rule, local: datetime) -> bool:
    return (
        (not rule.by_month or local.month in rule.by_month)
        and (not rule.by_month_day or local.day in rule.by_month_day)
        and (not rule.by_day or local.weekday() in [day.day for day in rule.by_day])
        and (not rule.by_hour or local.hour in rule.by_hour)
        and (not rule.by_minute or local.minute in rule.by_minute)
        and (not rule.by_second or local.second in rule.by_second)
    )


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    before = _offset(low, zone)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=1) // 2)
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()

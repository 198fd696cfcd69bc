"""Time zones as iCalendar components, from the same database that rules are expanded with."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from recurring_jobs.rules.zones import EPOCH, is_fixed, segments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

#: The first year whose clock changes are told, and how many years after the present one.
FIRST_YEAR: Final = EPOCH.year
YEARS_AHEAD: Final = 15


def vtimezone(zone: ZoneInfo, now: datetime) -> bytes:
    """
    Return the VTIMEZONE of *zone*, with its changes up to 15 years after *now*.

    Empty for UTC, which needs none. icalendar's own (7.3) lets summer time begin an hour
    late, since it writes DTSTART on the new clock where RFC 5545 (3.6.5) wants the old.
    """
    return _vtimezone(zone, now.year + YEARS_AHEAD)


class _Change(NamedTuple):
    before: timedelta
    after: timedelta
    name: str
    is_summer: bool


@lru_cache(maxsize=64)
def _vtimezone(zone: ZoneInfo, last_year: int) -> bytes:
    import icalendar
    from icalendar.timezone import is_utc

    if is_utc(datetime.now(zone)):
        return b""
    whole = icalendar.Timezone()
    whole.add("tzid", zone.key)
    onsets: dict[_Change, list[datetime]] = defaultdict(list)
    for change, onset in _changes(zone, last_year):
        onsets[change].append(onset)
    for change, (first, *others) in onsets.items():
        part = icalendar.TimezoneDaylight() if change.is_summer else icalendar.TimezoneStandard()
        part.add("dtstart", first)
        if others:
            part.add("rdate", others)
        part.add("tzoffsetfrom", change.before)
        part.add("tzoffsetto", change.after)
        part.add("tzname", change.name)
        whole.add_component(part)
    return bytes(whole.to_ical())


def _changes(zone: ZoneInfo, last_year: int) -> Iterator[tuple[_Change, datetime]]:
    first = EPOCH.replace(tzinfo=UTC).astimezone(zone)
    before = first.utcoffset() or timedelta()
    yield _Change(before, before, first.tzname() or "", bool(first.dst())), EPOCH
    if is_fixed(zone):
        return
    for year in range(FIRST_YEAR, last_year + 1):
        for segment in segments(zone, year):
            after = timedelta(seconds=segment.offset)
            if after != before:
                onset = EPOCH + timedelta(seconds=int(segment.begin))
                there = onset.replace(tzinfo=UTC).astimezone(zone)
                change = _Change(before, after, there.tzname() or "", bool(there.dst()))
                yield change, onset + before
                before = after

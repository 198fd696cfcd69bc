"""How a calendar program reads a file: icalendar parses, dateutil expands, the VTIMEZONEs count."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta

import icalendar
from dateutil.rrule import rrulestr


def events_in(content: bytes) -> list[icalendar.Event]:
    """Return the VEVENTs of a calendar."""
    return icalendar.Calendar.from_ical(content).walk("VEVENT")


def shown_before(content: bytes, last: datetime) -> list[str]:
    """
    Return what a calendar program shows before *last*, in order.

    Date-times are in UTC, dates as they are: ``2026-03-02T08:00Z Water the plants``.
    """
    calendar = icalendar.Calendar.from_ical(content)
    zones = {str(each["TZID"]): Zone.of(each) for each in calendar.walk("VTIMEZONE")}
    events = calendar.walk("VEVENT")
    replaced = {
        (str(each["UID"]), _text(each["RECURRENCE-ID"]))
        for each in events
        if "RECURRENCE-ID" in each
    }
    shown = [
        f"{when} {event['SUMMARY']}"
        for event in events
        for name, when in _times(event, zones, last)
        if "RECURRENCE-ID" in event or (str(event["UID"]), name) not in replaced
    ]
    return sorted(shown)


@dataclass
class Zone:
    """A VTIMEZONE: its changes as instants, naive in UTC, and the offset that each begins."""

    onsets: list[datetime]
    offsets: list[timedelta]

    @classmethod
    def of(cls, component: icalendar.Timezone) -> Zone:
        changes = []
        for part in component.subcomponents:
            before, after = part["TZOFFSETFROM"].td, part["TZOFFSETTO"].td
            walls = {part["DTSTART"].dt, *_listed(part, "RDATE")}
            changes += [(wall - before, after) for wall in walls]
        return cls(*map(list, zip(*sorted(changes), strict=True)))

    def at(self, instant: datetime) -> timedelta:
        return self.offsets[max(bisect_right(self.onsets, instant) - 1, 0)]

    def instant(self, wall: datetime) -> datetime:
        """Return the first instant of *wall*, or in a gap what the offset before it gives."""
        found = [wall - offset for offset in set(self.offsets) if self.at(wall - offset) == offset]
        return min(found) if found else wall - self.at(wall - timedelta(days=1))


def _times(event, zones, last: datetime):
    """Yield the name of each time of *event* before *last*, and how it is shown."""
    start = event["DTSTART"]
    zone = zones.get(start.params.get("TZID", ""))
    is_date = not isinstance(start.dt, datetime)
    left_out = _listed(event, "EXDATE")
    for wall in sorted({_naive(start.dt), *_ruled(event, zone, last), *_listed(event, "RDATE")}):
        at = zone.instant(wall) if zone else wall
        if wall not in left_out and at < _naive(last):
            yield f"{wall:%Y%m%dT%H%M%S}", f"{at:%Y-%m-%d}" if is_date else f"{at:%Y-%m-%dT%H:%MZ}"


def _ruled(event, zone, last: datetime):
    if "RRULE" not in event:
        return
    parts = event["RRULE"].to_ical().decode().split(";")
    until = [_naive(each) for each in event["RRULE"].get("UNTIL", [])]
    text = ";".join(part for part in parts if not part.startswith("UNTIL="))
    for wall in rrulestr(text, dtstart=_naive(event["DTSTART"].dt)):
        at = zone.instant(wall) if zone else wall
        if wall > _naive(last) + timedelta(days=1) or (until and at > until[0]):
            return
        yield wall


def _listed(event, name: str) -> set[datetime]:
    lines = event.get(name, [])
    listed = lines if isinstance(lines, list) else [lines]
    return {_naive(each.dt) for line in listed for each in line.dts}


def _naive(at) -> datetime:
    """Return what is written, without the zone."""
    if not isinstance(at, datetime):
        return datetime(at.year, at.month, at.day)  # noqa: DTZ001  a date
    return at.replace(tzinfo=None)


def _text(value) -> str:
    return f"{_naive(value.dt):%Y%m%dT%H%M%S}"

"""Times as a rule's text writes them: a date, a local time, a zoned time or an instant."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules.zones import localise

if TYPE_CHECKING:
    from datetime import tzinfo

LAST_OF_DAY = timedelta(days=1) - timedelta(microseconds=1)

_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII)


class Moment(NamedTuple):
    """
    One value of UNTIL, RDATE or EXDATE.

    *zone* is empty for local times and dates, ``Z`` for instants, else an IANA name.
    """

    wall: datetime
    zone: str = ""
    is_date: bool = False

    def __str__(self) -> str:
        if self.is_date:
            return f"{self.wall:%Y%m%d}" if self.wall.year > 999 else _padded(self.wall)[:8]
        return _padded(self.wall) + ("Z" if self.zone == "Z" else "")

    def instant(self, local: tzinfo) -> datetime:
        """
        Return the instant as a naive time in UTC, local times being read in *local*.

        Raise OverflowError where UTC has no such year.
        """
        if self.zone == "Z":
            return self.wall
        zone = ZoneInfo(self.zone) if self.zone else local
        return localise(self.wall, zone)[0]

    def last_instant(self, local: tzinfo) -> datetime:
        """
        Return what UNTIL means: the instant itself, or the end of the local day.
        """
        if not self.is_date:
            return self.instant(local)
        # fold=1 reads an ambiguous end of day as the later one, and one that falls into
        # a gap as the instant at which the gap begins.
        end = (self.wall + LAST_OF_DAY).replace(tzinfo=local, fold=1)
        return end.astimezone(UTC).replace(tzinfo=None)


def parse_moment(part: str, text: str, zone: str = "") -> Moment:
    """
    Read ``20260302``, ``20260302T090000`` or ``20260302T090000Z``.

    Raise InvalidRuleError naming *part*.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise InvalidRuleError(part, text, "is not a date such as 20260302 or 20260302T090000Z.")
    year, month, day, hour, minute, second, mark = match.groups()
    try:
        # Without leap seconds, RFC 5545 (3.3.12) reads second 60 as second 59.
        clock = (int(hour), int(minute), min(int(second), 59)) if hour else ()
        wall = datetime(int(year), int(month), int(day), *clock)  # noqa: DTZ001  a wall time
    except ValueError:
        raise InvalidRuleError(part, text, "is not a date of the calendar.") from None
    if hour and int(second) > 60:
        raise InvalidRuleError(part, text, "is not a date of the calendar.")
    if mark and zone:
        raise InvalidRuleError(part, text, "is in UTC and has a TZID. Give one of them.")
    return Moment(wall, "Z" if mark else zone if hour else "", not hour)


def check_zone(part: str, name: str) -> str:
    """
    Return *name* if it is in the IANA database, else raise InvalidRuleError.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidRuleError(part, name, "is not the name of a time zone.") from None
    return name


def _padded(wall: datetime) -> str:
    return wall.isoformat(timespec="seconds").replace("-", "").replace(":", "")

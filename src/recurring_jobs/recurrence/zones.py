"""The one place where the name of a time zone becomes a time zone."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError

from recurring_jobs.exceptions import UnknownTimeZoneError


def zone_named(name: str) -> ZoneInfo:
    """
    Return the time zone called *name*; an empty name is the project's ``TIME_ZONE``.

    Raise UnknownTimeZoneError when the IANA database does not have it.
    """
    wanted = name or settings.TIME_ZONE
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # ValueError: a path; OSError: a folder of the database, such as "America".
        raise UnknownTimeZoneError(wanted, _known_zones()) from None


def validate_zone(name: str) -> None:
    """
    Raise ValidationError, with the nearest known name, when *name* is no time zone.
    """
    try:
        zone_named(name)
    except UnknownTimeZoneError as error:
        raise ValidationError(str(error), code="unknown_time_zone") from error


@cache
def _known_zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))

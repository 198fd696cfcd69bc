"""Every: fires on a fixed grid of real time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidTriggerError
from recurring_jobs.periodic.triggers.base import Trigger, gettext_noop, in_utc, instant_text

if TYPE_CHECKING:
    from recurring_jobs.periodic.triggers.base import Gettext

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Units as django-celery-beat names them, largest first: length, words for one, for many.
_UNITS = {
    "days": (timedelta(days=1), gettext_noop("every day"), gettext_noop("every %(count)d days")),
    "hours": (
        timedelta(hours=1),
        gettext_noop("every hour"),
        gettext_noop("every %(count)d hours"),
    ),
    "minutes": (
        timedelta(minutes=1),
        gettext_noop("every minute"),
        gettext_noop("every %(count)d minutes"),
    ),
    "seconds": (
        timedelta(seconds=1),
        gettext_noop("every second"),
        gettext_noop("every %(count)d seconds"),
    ),
    "microseconds": (timedelta(microseconds=1), "", gettext_noop("every %(count)d microseconds")),
}
_LARGEST_INTEGER = 2_147_483_647


@dataclass(frozen=True, init=False)
class Every(Trigger):
    """
    Fires on a fixed grid: ``Every(minutes=15)`` is at :00, :15, :30 and :45 UTC.

    The grid counts in real time from *anchor* (aware), or from the Unix epoch, so restarts
    and slow runs never shift it. Raise InvalidTriggerError for less than a second.
    """

    interval: timedelta
    anchor: datetime | None
    timezone: str | None = field(default="UTC", repr=False, compare=False)

    def __init__(
        self,
        interval: timedelta | None = None,
        *,
        seconds: float = 0,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
        anchor: datetime | None = None,
    ) -> None:
        if interval is not None and not isinstance(interval, timedelta):
            raise InvalidTriggerError(
                "Every", interval, "give a timedelta, or seconds=, minutes=, hours= or days=."
            )
        parts = {"seconds": seconds, "minutes": minutes, "hours": hours, "days": days}
        object.__setattr__(self, "interval", _length(interval, parts))
        object.__setattr__(
            self, "anchor", None if anchor is None else in_utc("Every", "anchor", anchor)
        )
        shown = str(self.interval)
        if self.interval < timedelta(seconds=1):
            raise InvalidTriggerError("Every", shown, "must be at least one second.")
        if self.units()[0] > _LARGEST_INTEGER:
            raise InvalidTriggerError("Every", shown, "is too long to be kept that finely.")

    def next_after(self, instant: datetime) -> datetime | None:
        anchor = self.anchor or _EPOCH
        steps = (instant - anchor) // self.interval + 1
        try:
            return anchor + steps * self.interval
        except OverflowError:
            return None

    def units(self) -> tuple[int, str]:
        """Return the interval in the largest unit that divides it, such as ``(3, "hours")``."""
        name = next(name for name, unit in _UNITS.items() if not self.interval % unit[0])
        return self.interval // _UNITS[name][0], name

    def describe(self, gettext: Gettext | None = None) -> str:
        _ = gettext or str
        count, unit = self.units()
        one, many = _UNITS[unit][1:]
        text = _(one) if count == 1 else _(many) % {"count": count}
        if self.anchor is None:
            return text
        return _("%(every)s, counted from %(anchor)s") % {
            "every": text,
            "anchor": instant_text(self.anchor),
        }

    def spec(self) -> dict[str, Any]:
        count, unit = self.units()
        anchor = None if self.anchor is None else self.anchor.isoformat()
        return {"every": count, "unit": unit, "anchor": anchor}

    def __str__(self) -> str:
        return self.describe()


def _length(interval: timedelta | None, parts: dict[str, float]) -> timedelta:
    try:
        return (interval or timedelta(0)) + timedelta(**parts)
    except (OverflowError, TypeError, ValueError):
        given = {name: value for name, value in parts.items() if value}
        raise InvalidTriggerError("Every", given, "is no length of time.") from None

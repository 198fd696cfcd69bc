"""Solar: fires with the sun."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidTriggerError, did_you_mean
from recurring_jobs.periodic.triggers.base import Trigger, gettext_noop
from recurring_jobs.periodic.triggers.sun import EVENTS, next_sun_event

if TYPE_CHECKING:
    from datetime import datetime

    from recurring_jobs.periodic.triggers.base import Gettext

_NAMES = {
    "dawn_astronomical": gettext_noop("dawn astronomical"),
    "dawn_nautical": gettext_noop("dawn nautical"),
    "dawn_civil": gettext_noop("dawn civil"),
    "sunrise": gettext_noop("sunrise"),
    "solar_noon": gettext_noop("solar noon"),
    "sunset": gettext_noop("sunset"),
    "dusk_civil": gettext_noop("dusk civil"),
    "dusk_nautical": gettext_noop("dusk nautical"),
    "dusk_astronomical": gettext_noop("dusk astronomical"),
}


@dataclass(frozen=True, init=False)
class Solar(Trigger):
    """
    Fires with the sun: ``Solar("sunrise", 48.85, 2.35)``, in degrees north and east.

    *event* is one of Celery's: sunrise, solar_noon, sunset, and ``dawn_`` or ``dusk_`` followed
    by civil, nautical or astronomical. Raise InvalidTriggerError.
    """

    event: str
    latitude: float
    longitude: float
    timezone: str | None = field(default="UTC", repr=False, compare=False)

    def __init__(self, event: str, latitude: float, longitude: float) -> None:
        if event not in EVENTS:
            near = did_you_mean(str(event), EVENTS)
            raise InvalidTriggerError(
                "Solar", event, f"is not known.{near} Use one of {', '.join(EVENTS)}."
            )
        object.__setattr__(self, "event", event)
        object.__setattr__(self, "latitude", _degrees("latitude", latitude, 90))
        object.__setattr__(self, "longitude", _degrees("longitude", longitude, 180))

    def next_after(self, instant: datetime) -> datetime | None:
        return next_sun_event(self.event, self.latitude, self.longitude, instant)

    def describe(self, gettext: Gettext | None = None) -> str:
        _ = gettext or str
        return _("%(event)s at %(latitude)s, %(longitude)s") % {
            "event": _(_NAMES[self.event]),
            "latitude": f"{self.latitude:g}",
            "longitude": f"{self.longitude:g}",
        }

    def spec(self) -> dict[str, Any]:
        return {"solar": self.event, "latitude": self.latitude, "longitude": self.longitude}

    def __str__(self) -> str:
        return self.describe()


def _degrees(name: str, value: float, most: int) -> float:
    if not -most <= float(value) <= most:  # not-a-number is refused as well
        raise InvalidTriggerError("Solar", value, f"{name} must be between -{most} and {most}.")
    return round(float(value), 6)

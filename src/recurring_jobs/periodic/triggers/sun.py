"""When the sun rises, sets, stands highest or passes a twilight: for Solar triggers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import acos, asin, atan2, cos, degrees, radians, sin

#: Altitude of the sun's centre in degrees, and whether the sun is on its way up.
EVENTS: dict[str, tuple[float, bool]] = {
    "dawn_astronomical": (-18, True),
    "dawn_nautical": (-12, True),
    "dawn_civil": (-6, True),
    "sunrise": (-0.833, True),
    "solar_noon": (90, True),
    "sunset": (-0.833, False),
    "dusk_civil": (-6, False),
    "dusk_nautical": (-12, False),
    "dusk_astronomical": (-18, False),
}
_DAY = timedelta(days=1)
_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


def next_sun_event(
    event: str, latitude: float, longitude: float, after: datetime
) -> datetime | None:
    """
    Return the first *event* later than *after*, to the second, in UTC.

    Good to a minute between the polar circles (Meeus, Astronomical Algorithms,
    chapters 15 and 25, low accuracy). None when it does not happen within 366 days,
    as sunrise at a pole.
    """
    day = after.astimezone(UTC) - 2 * _DAY
    for number in range(370):
        at = _on_day(event, latitude, longitude, day + number * _DAY)
        if at is not None and at > after:
            return at
    return None


def _on_day(event: str, latitude: float, longitude: float, day: datetime) -> datetime | None:
    midday = day.replace(hour=12, minute=0, second=0, microsecond=0)
    altitude, rising = EVENTS[event]
    at = midday - timedelta(hours=longitude / 15)
    for _ in range(4):  # each round halves the error of taking the sun as standing still
        declination, equation = _sun(at)
        noon = midday - timedelta(hours=longitude / 15) - equation
        if event == "solar_noon":
            at = noon
            continue
        angle = _hour_angle(altitude, latitude, declination)
        if angle is None:
            return None
        away = timedelta(hours=angle / 15)
        at = noon - away if rising else noon + away
    return (at + timedelta(milliseconds=500)).replace(microsecond=0)


def _hour_angle(altitude: float, latitude: float, declination: float) -> float | None:
    flat, tilt = radians(latitude), radians(declination)
    if abs(latitude) == 90:
        return None
    cosine = (sin(radians(altitude)) - sin(flat) * sin(tilt)) / (cos(flat) * cos(tilt))
    return degrees(acos(cosine)) if -1 <= cosine <= 1 else None


def _sun(at: datetime) -> tuple[float, timedelta]:
    """Return the sun's declination in degrees and the equation of time."""
    days = (at - _J2000) / _DAY
    anomaly = radians((357.52911 + 0.98560028 * days) % 360)
    mean = (280.46646 + 0.98564736 * days) % 360
    centre = 1.914602 * sin(anomaly) + 0.019993 * sin(2 * anomaly) + 0.000289 * sin(3 * anomaly)
    longitude = radians(mean + centre - 0.00569)
    tilt = radians(23.43929 - 3.56e-7 * days)
    declination = degrees(asin(sin(tilt) * sin(longitude)))
    ascension = degrees(atan2(cos(tilt) * sin(longitude), cos(longitude)))
    equation = (mean - 0.0057183 - ascension + 180) % 360 - 180
    return declination, timedelta(minutes=4 * equation)

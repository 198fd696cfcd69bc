"""What Celery's own schedules mean, as triggers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery.schedules import crontab, schedule, solar

from recurring_jobs.exceptions import InvalidTriggerError
from recurring_jobs.periodic.triggers import At, Cron, Every, Solar, Trigger

if TYPE_CHECKING:
    from celery import Celery

#: What Celery keeps as it was written, under these names with _orig_ before them.
_CRONTAB_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


def as_trigger(value: object, *, app: Celery, timezone: str | None = None) -> Trigger:
    """
    Return *value* as a trigger.

    Taken are triggers, a crontab as text, a timedelta, a number of seconds, and what
    ``CELERY_BEAT_SCHEDULE`` may hold: Celery's ``crontab``, ``schedule`` and ``solar``,
    django-celery-beat's ``clocked``. A crontab object is read in its own zone, else in
    *timezone*, else in that of *app*, as Celery does. Raise InvalidTriggerError for
    anything else.
    """
    if isinstance(value, Trigger):
        return value
    if isinstance(value, str):
        return Cron(value)
    if isinstance(value, timedelta):
        return Every(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Every(seconds=value)
    return _from_celery(value, timezone or str(app.timezone))


def _from_celery(value: object, timezone: str) -> Trigger:
    read: Any = value  # celery-types knows few of the attributes
    if isinstance(value, crontab):
        fields = {name: getattr(read, f"_orig_{name}") for name in _CRONTAB_FIELDS}
        return Cron(**fields, timezone=str(vars(read).get("tz") or timezone))
    if isinstance(value, schedule):
        return Every(read.run_every)
    if isinstance(value, solar):
        return Solar(read.event, read.lat, read.lon)
    if hasattr(value, "clocked_time"):
        return At(read.clocked_time)
    raise InvalidTriggerError(
        type(value).__name__,
        value,
        "is not a schedule. Give Cron, Every, RRule, At, Solar or one of Celery's.",
    )

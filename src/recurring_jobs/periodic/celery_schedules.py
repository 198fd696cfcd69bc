"""What Celery's own schedules mean, as triggers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery.schedules import crontab, schedule, solar

from recurring_jobs.exceptions import InvalidTriggerError
from recurring_jobs.periodic.triggers import At, Cron, Every, RRule, Solar, Trigger

if TYPE_CHECKING:
    from celery import Celery

#: What Celery keeps as it was written, under these names with _orig_ before them.
_CRONTAB_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


def as_trigger(
    value: object, *, app: Celery, timezone: str | None = None, is_relative: bool = False
) -> Trigger:
    """
    Return *value* as a trigger.

    Taken are triggers, a crontab as text, a timedelta, a number of seconds, and what
    ``CELERY_BEAT_SCHEDULE`` may hold: Celery's ``crontab``, ``schedule`` and ``solar``,
    django-celery-beat's ``clocked``. A crontab object is read in its own zone, else in
    *timezone*, else in that of *app*, as Celery does. A length of time that *is_relative*
    is rounded to days, hours or minutes. Raise InvalidTriggerError for anything else.
    """
    if isinstance(value, Trigger):
        return value
    if isinstance(value, str):
        return Cron(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = Every(seconds=value).interval
    if isinstance(value, timedelta):
        if not is_relative:
            return Every(value)
        value = schedule(value, relative=True)
    return _from_celery(value, timezone or str(app.timezone))


def _rounded(interval: timedelta, timezone: str) -> Trigger:
    """Return what *interval* means where it is relative: whole days, hours or minutes."""
    if (days := interval // timedelta(days=1)) > 0:
        # From midnight to midnight, as people count days.
        rule = f"FREQ=DAILY;INTERVAL={days}"
        return RRule(rule, start="2000-01-01T00:00", timezone=timezone)
    units = (timedelta(hours=1), timedelta(minutes=1))
    unit = next((unit for unit in units if interval >= unit), None)
    return Every(interval // unit * unit if unit else interval)


def _from_celery(value: object, timezone: str) -> Trigger:
    read: Any = value  # celery-types knows few of the attributes
    if isinstance(value, crontab):
        fields = {name: getattr(read, f"_orig_{name}") for name in _CRONTAB_FIELDS}
        return Cron(**fields, timezone=str(vars(read).get("tz") or timezone))
    if isinstance(value, schedule):
        is_rounded = read.relative and read.run_every
        return _rounded(read.run_every, timezone) if is_rounded else Every(read.run_every)
    if isinstance(value, solar):
        return Solar(read.event, read.lat, read.lon)
    if hasattr(value, "clocked_time"):
        return At(read.clocked_time)
    raise InvalidTriggerError(
        type(value).__name__,
        value,
        "is not a schedule. Give Cron, Every, RRule, At, Solar or one of Celery's.",
    )

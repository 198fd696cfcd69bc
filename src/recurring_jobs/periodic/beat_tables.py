"""django-celery-beat's tables as we read them: when a task fires, and all that a plan compares."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Case, CharField, ExpressionWrapper, F, When
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from recurring_jobs.exceptions import (
    InvalidTriggerError,
    RecurringJobsError,
    UnknownTimeZoneError,
)
from recurring_jobs.periodic.declarations import DEFAULTS, SCHEDULE_OPTIONS
from recurring_jobs.periodic.options import as_json
from recurring_jobs.periodic.plan import Stored
from recurring_jobs.periodic.trigger_rows import TRIGGER_COLUMNS
from recurring_jobs.periodic.triggers import At, Cron, Every, RRule, Solar, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from recurring_jobs.periodic.models import Schedule

_BATCH_SIZE = 500


def trigger_of(task: PeriodicTask) -> Trigger:
    """
    Return when *task* fires, as its rows say.

    Raise InvalidTriggerError or UnknownTimeZoneError for rows that cannot be read: none or
    several schedules set, an interval below a second, fields, a rule or a zone that are not.
    """
    schedule: Schedule | None = getattr(task, "recurring_schedule", None)
    if schedule is not None and schedule.rule:
        name = schedule.rule_timezone or "UTC"
        return RRule(schedule.rule, start=schedule.rule_start, timezone=name)
    chosen = [name for name in TRIGGER_COLUMNS if getattr(task, f"{name}_id") is not None]
    if len(chosen) != 1:
        raise InvalidTriggerError(
            "PeriodicTask",
            task.name,
            f"has {' and '.join(chosen) or 'no schedule'} set."
            " Set exactly one of interval, crontab, solar and clocked.",
        )
    if chosen == ["interval"]:
        return _every(task.interval, schedule)
    if chosen == ["crontab"]:
        return _cron(task)
    if chosen == ["solar"]:
        return Solar(task.solar.event, float(task.solar.latitude), float(task.solar.longitude))
    return At(task.clocked.clocked_time)


def trigger_key(trigger: Trigger) -> str:
    """Return a fingerprint of *trigger* that is the same in every process and release."""
    text = json.dumps(trigger.spec(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def bump(using: str | None = None) -> None:
    """Tell schedulers that something changed: one update of django-celery-beat's marker."""
    manager = PeriodicTasks.objects.using(using) if using else PeriodicTasks.objects
    manager.update_or_create(ident=1, defaults={"last_update": timezone.now()})


def loaded_tasks(using: str) -> QuerySet[PeriodicTask]:
    """
    Return all periodic tasks with their trigger rows and schedule, in one query.

    A crontab whose zone does not exist spoils only its own row: the zone is read as text,
    since django-celery-beat's column raises while the whole result is fetched.
    """
    return tasks_with_triggers(using).select_related("recurring_schedule")


def tasks_with_triggers(using: str) -> QuerySet[PeriodicTask]:
    """Return what ``loaded_tasks`` does, for a caller that has the schedules already."""
    tasks: QuerySet[PeriodicTask] = (
        PeriodicTask.objects.using(using)
        .select_related(*TRIGGER_COLUMNS)
        .defer("crontab__timezone")
        .annotate(crontab_zone=ExpressionWrapper(F("crontab__timezone"), CharField()))
    )
    return tasks


def hand_made_tasks(*, using: str) -> QuerySet[PeriodicTask]:
    """Return the tasks that did not come from code, by name."""
    return loaded_tasks(using).exclude(recurring_schedule__declared_in__gt="").order_by("name")


def unclear_tasks(*, using: str) -> list[PeriodicTask]:
    """Return the tasks that a person made and that have no trigger row, or several."""
    is_set = (
        Case(When(**{f"{kind}__isnull": False, "then": 1}), default=0) for kind in TRIGGER_COLUMNS
    )
    return list(
        hand_made_tasks(using=using).alias(triggers=reduce(add, is_set)).exclude(triggers=1)
    )


def read_stored(names: Iterable[str], *, now: datetime, using: str) -> dict[str, Stored]:
    """
    Return the schedules that came from code, and those of *names* that a person made.

    One query while all of *names* came from code, and one more per 500 of the others.
    """
    tasks = list(loaded_tasks(using).filter(recurring_schedule__declared_in__gt=""))
    missing = sorted(set(names) - {task.name for task in tasks})
    for at in range(0, len(missing), _BATCH_SIZE):
        tasks += loaded_tasks(using).filter(name__in=missing[at : at + _BATCH_SIZE])
    return {task.name: stored_of(task, now=now) for task in tasks}


def stored_of(task: PeriodicTask, *, now: datetime) -> Stored:
    """Return *task*, with its trigger rows and schedule, as a plan compares it."""
    schedule: Schedule | None = getattr(task, "recurring_schedule", None)
    try:
        trigger = trigger_of(task)
        spec = trigger.spec()
        is_past = not task.enabled and _is_past(task, trigger, now)
        is_over = not task.enabled and _has_ended(task, trigger, now)
    except RecurringJobsError as error:
        spec, is_past, is_over = {"unreadable": str(error)}, False, False
    values = {
        "task": task.task,
        "trigger": spec,
        "args": _from_text(task.args, []),
        "kwargs": _from_text(task.kwargs, {}),
        "queue": task.queue or None,
        "exchange": task.exchange or None,
        "routing_key": task.routing_key or None,
        "priority": task.priority,
        "headers": _from_text(task.headers, {}),
        "expires": task.expire_seconds,
        "description": task.description,
        "enabled": task.enabled,
        "one_off": task.one_off,
        "start_time": as_json(task.start_time),
        "end_time": as_json(task.expires),
        **{
            name: as_json(DEFAULTS[name] if schedule is None else getattr(schedule, name))
            for name in SCHEDULE_OPTIONS
        },
    }
    if schedule is not None:
        values["remaining_fires"] = _count_given(schedule)
    return Stored(
        name=task.name,
        values=values,
        applied={} if schedule is None else schedule.applied,
        kept={} if schedule is None else schedule.kept,
        declared_in="" if schedule is None else schedule.declared_in,
        is_withdrawn=schedule is not None and schedule.withdrawn_at is not None,
        is_over=is_over,
        is_past=is_past,
    )


def _count_given(schedule: Schedule) -> int | None:
    """Return from what *schedule* counts down: what is less than the code's word came of it."""
    given, left = schedule.applied.get("remaining_fires"), schedule.remaining_fires
    return given if given is not None and left is not None and left < given else left


def _is_past(task: PeriodicTask, trigger: Trigger, now: datetime) -> bool:
    return trigger.is_over(now) or (task.expires is not None and task.expires <= now)


def _has_ended(task: PeriodicTask, trigger: Trigger, now: datetime) -> bool:
    """Return whether *task* has fired for the last time, and was not paused before that."""
    if not task.total_run_count:
        return False
    schedule: Schedule | None = getattr(task, "recurring_schedule", None)
    if task.one_off or trigger.is_over(now) or (schedule and schedule.remaining_fires == 0):
        return True
    if task.expires is None or task.last_run_at is None:
        return False
    following = trigger.next_after(task.last_run_at)
    return following is None or following >= task.expires


def _every(row: IntervalSchedule, schedule: Schedule | None) -> Every:
    if row.period not in dict(IntervalSchedule.PERIOD_CHOICES):
        raise InvalidTriggerError("Every", row.period, "is not a unit of time.")
    anchor = None if schedule is None else schedule.anchored_at
    try:
        return Every(timedelta(**{row.period: row.every}), anchor=anchor)
    except OverflowError:
        raise InvalidTriggerError("Every", f"{row.every} {row.period}", "is too long.") from None


def _cron(task: PeriodicTask) -> Cron:
    zone = vars(task).get("crontab_zone")  # only there when read by loaded_tasks()
    try:
        row = task.crontab
        zone = str(row.timezone) if zone is None else zone
    except ValidationError as error:  # django-celery-beat's column refuses to be read
        raise UnknownTimeZoneError("; ".join(error.messages)) from None
    return Cron(
        minute=row.minute,
        hour=row.hour,
        day_of_month=row.day_of_month,
        month_of_year=row.month_of_year,
        day_of_week=row.day_of_week,
        timezone=zone,
    )


def _from_text(text: str | None, default: Any) -> Any:
    if not text or text == str(default):
        return default
    try:
        return json.loads(text)
    except ValueError:
        return text

"""Writes a plan into django-celery-beat's tables and ours: in bulk, and only what changes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import DateTimeField, DurationField
from django_celery_beat.models import PeriodicTask

from recurring_jobs.periodic.beat_tables import bump
from recurring_jobs.periodic.declarations import SCHEDULE_OPTIONS
from recurring_jobs.periodic.locking import locked
from recurring_jobs.periodic.models import Schedule
from recurring_jobs.periodic.plan import Change, Kind, Plan
from recurring_jobs.periodic.trigger_edits import columns_beside, point_to
from recurring_jobs.periodic.trigger_rows import TRIGGER_COLUMNS, find_trigger_rows
from recurring_jobs.periodic.triggers import trigger_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurring_jobs.periodic.triggers import Trigger

_BATCH_SIZE = 500
_TASK_COLUMNS = (
    "task",
    "args",
    "kwargs",
    "queue",
    "exchange",
    "routing_key",
    "priority",
    "headers",
    "expires",
    "expire_seconds",
    "description",
    "enabled",
    "one_off",
    "start_time",
    "last_run_at",
    "date_changed",
    *TRIGGER_COLUMNS,
)
_SCHEDULE_COLUMNS = (
    "declared_in",
    "applied",
    "kept",
    "withdrawn_at",
    "rule",
    "rule_start",
    "rule_timezone",
    "anchored_at",
    "trigger_key",
    "next_fire_at",
    "set_aside_reason",
    *SCHEDULE_OPTIONS,
)
#: What is written where only our memory of a row differs.
_MEMORY_COLUMNS = ("declared_in", "applied", "kept", "withdrawn_at")
#: Fields after whose change the next fire is computed anew, from now.
_TIMING = {"trigger", "start_time", "end_time", "enabled"}


def apply_plan(plan: Plan, *, now: datetime, using: str) -> None:
    """
    Write *plan*. Call it inside a transaction.

    Bumps the change marker once, if a schedule changed.
    """
    kept = [change for change in plan.of(Kind.KEEP) if change.is_noted]
    changed = plan.of(Kind.UPDATE, Kind.ADOPT, Kind.REVIVE, Kind.WITHDRAW)
    pruned = plan.of(Kind.PRUNE)
    # All lock rows in one order: schedules, as beats do, then the marker, then tasks, as
    # PeriodicTask.save() does.
    _lock_schedules([change.name for change in [*changed, *kept, *pruned]], using)
    if not plan.is_empty:
        bump(using)
    _create(plan.of(Kind.CREATE), now, using)
    _prune(pruned, using)
    _update(changed, kept, now, using)


def _create(changes: list[Change], now: datetime, using: str) -> None:
    if not changes:
        return
    triggers = _new_triggers(changes)
    rows = find_trigger_rows(triggers.values(), using=using)
    tasks = []
    for change in changes:
        task = PeriodicTask(name=change.name)
        _set_task(task, change, rows, triggers, now)
        tasks.append(task)
    PeriodicTask.objects.using(using).bulk_create(tasks, batch_size=_BATCH_SIZE)
    ids = _ids([change.name for change in changes], using)
    schedules = []
    for change in changes:
        schedule = Schedule(periodic_task_id=ids[change.name])
        _set_schedule(schedule, change, triggers, now)
        schedules.append(schedule)
    Schedule.objects.using(using).bulk_create(schedules, batch_size=_BATCH_SIZE)


def _new_triggers(changes: list[Change]) -> dict[str, Trigger]:
    """Return the trigger that each of *changes* sets, by the schedule's name."""
    return {
        change.name: trigger_from(each.new)
        for change in changes
        for each in change.fields
        if each.field == "trigger"
    }


def _prune(changes: list[Change], using: str) -> None:
    names = [change.name for change in changes]
    for at in range(0, len(names), _BATCH_SIZE):
        rows = PeriodicTask.objects.using(using).filter(name__in=names[at : at + _BATCH_SIZE])
        rows.filter(recurring_schedule__declared_in__gt="").delete()


def _update(changes: list[Change], noted: list[Change], now: datetime, using: str) -> None:
    """Write *changes*, and for *noted* only what we remember."""
    _add_schedules([change.name for change in changes if change.kind is Kind.ADOPT], using)
    stored = _schedules([change.name for change in [*changes, *noted]], using)
    triggers = _new_triggers(changes)
    rows = find_trigger_rows(triggers.values(), using=using)
    for change in [*changes, *noted]:
        schedule = stored[change.name]
        _set_task(schedule.periodic_task, change, rows, triggers, now)
        _set_schedule(schedule, change, triggers, now)
    tasks = [stored[change.name].periodic_task for change in changes if change.fields]
    PeriodicTask.objects.using(using).bulk_update(tasks, _TASK_COLUMNS, batch_size=100)
    both = [stored[change.name] for change in changes]
    Schedule.objects.using(using).bulk_update(both, _SCHEDULE_COLUMNS, batch_size=100)
    ours = [stored[change.name] for change in noted]
    Schedule.objects.using(using).bulk_update(ours, _MEMORY_COLUMNS, batch_size=_BATCH_SIZE)


def _add_schedules(names: list[str], using: str) -> None:
    rows = [Schedule(periodic_task_id=pk) for pk in _ids(names, using).values()]
    # A beat may give these rows a schedule at this moment: the one-to-one column decides.
    Schedule.objects.using(using).bulk_create(rows, ignore_conflicts=True)


def _ids(names: list[str], using: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for at in range(0, len(names), _BATCH_SIZE):
        rows = PeriodicTask.objects.using(using).filter(name__in=names[at : at + _BATCH_SIZE])
        found.update(rows.values_list("name", "pk"))
    return found


def _lock_schedules(names: list[str], using: str) -> None:
    ids = sorted(_ids(names, using).values())
    for at in range(0, len(ids), _BATCH_SIZE):
        rows = Schedule.objects.using(using).filter(periodic_task__in=ids[at : at + _BATCH_SIZE])
        list(locked(rows.order_by("pk"), waits=True).values_list("pk"))


def _schedules(names: list[str], using: str) -> dict[str, Schedule]:
    """Return schedules with their tasks, both locked, by name."""
    found = {}
    for at in range(0, len(names), _BATCH_SIZE):
        rows = Schedule.objects.using(using).select_related("periodic_task")
        rows = rows.filter(periodic_task__name__in=names[at : at + _BATCH_SIZE]).order_by("pk")
        for schedule in locked(rows, waits=True):
            found[schedule.periodic_task.name] = schedule
    return found


def _set_task(
    task: PeriodicTask,
    change: Change,
    rows: Mapping[Trigger, tuple[str, int]],
    triggers: Mapping[str, Trigger],
    now: datetime,
) -> None:
    task.date_changed = now
    for each in change.fields:
        if each.field == "trigger":
            point_to(task, rows[triggers[change.name]])
        elif each.field not in SCHEDULE_OPTIONS:
            _set_task_field(task, each.field, each.new)


def _set_task_field(task: PeriodicTask, field: str, value: Any) -> None:
    if field in {"args", "kwargs", "headers"}:
        setattr(task, field, json.dumps(value))
    elif field == "expires":
        task.expire_seconds = value
        if value is not None:
            task.expires = None  # django-celery-beat refuses a row that has both
    elif field == "end_time":
        task.expires = _instant(value)
        if value is not None:
            task.expire_seconds = None
    elif field == "start_time":
        task.start_time = _instant(value)
    else:
        setattr(task, field, value)
    if field == "enabled" and not value:
        task.last_run_at = None  # as PeriodicTask.save() does


def _set_schedule(
    schedule: Schedule, change: Change, triggers: Mapping[str, Trigger], now: datetime
) -> None:
    fields = {each.field: each.new for each in change.fields}
    schedule.declared_in = change.declared_in[-255:]
    schedule.applied = dict(change.applied or {})
    schedule.kept = dict(change.kept)
    schedule.withdrawn_at = now if change.kind is Kind.WITHDRAW else None
    if fields.keys() & _TIMING:
        schedule.next_fire_at, schedule.trigger_key = None, ""
        schedule.set_aside_reason = ""
    for name in SCHEDULE_OPTIONS:
        if name in fields:
            setattr(schedule, name, _as_column(name, fields[name]))
    if "trigger" in fields:
        for name, value in columns_beside(triggers[change.name]).items():
            setattr(schedule, name, value)


def _as_column(name: str, value: Any) -> Any:
    """Return the JSON value of an option as the column of our Schedule holds it."""
    column = Schedule._meta.get_field(name)
    if isinstance(column, DateTimeField):
        return _instant(value)
    if isinstance(column, DurationField) and value is not None:
        return timedelta(seconds=value)
    return value


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)

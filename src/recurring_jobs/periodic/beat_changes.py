"""Writes a plan into django-celery-beat's tables and ours: in bulk, and only what changes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import connections
from django_celery_beat.models import PeriodicTask

from recurring_jobs.periodic.beat_tables import bump
from recurring_jobs.periodic.models import Schedule
from recurring_jobs.periodic.plan import Change, Kind, Plan
from recurring_jobs.periodic.trigger_rows import TRIGGER_COLUMNS, find_trigger_rows
from recurring_jobs.periodic.triggers import Every, RRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurring_jobs.periodic.declarations import Declaration
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
    "withdrawn_at",
    "rule",
    "rule_start",
    "rule_timezone",
    "anchored_at",
    "misfire",
    "trigger_key",
    "next_fire_at",
    "set_aside_reason",
)
#: Fields after whose change the next fire is computed anew, from now.
_TIMING = {"trigger", "start_time", "enabled"}


def apply_plan(
    plan: Plan, declared: Mapping[str, Declaration], *, now: datetime, using: str
) -> None:
    """
    Write *plan*, made for *declared*. Call it inside a transaction.

    Bumps the change marker once, if a schedule changed.
    """
    if not plan.is_empty:
        bump(using)  # first, as PeriodicTask.save() does: rows are locked in one order by all
    _create(plan.of(Kind.CREATE), declared, now, using)
    _prune(plan.of(Kind.PRUNE), using)
    kept = [change for change in plan.of(Kind.KEEP) if change.is_noted]
    changed = plan.of(Kind.UPDATE, Kind.ADOPT, Kind.REVIVE, Kind.WITHDRAW)
    _update(changed, kept, declared, now, using)


def _create(
    changes: list[Change], declared: Mapping[str, Declaration], now: datetime, using: str
) -> None:
    if not changes:
        return
    new = [declared[change.name] for change in changes]
    rows = find_trigger_rows([declaration.trigger for declaration in new], using=using)
    tasks = []
    for declaration in new:
        task = PeriodicTask(name=declaration.name, date_changed=now)
        for field, value in declaration.values().items():
            _set_task_field(task, field, value)
        _set_trigger(task, rows[declaration.trigger])
        tasks.append(task)
    PeriodicTask.objects.using(using).bulk_create(tasks, batch_size=_BATCH_SIZE)
    ids = _ids([declaration.name for declaration in new], using)
    schedules = []
    for change in changes:
        schedule = Schedule(periodic_task_id=ids[change.name])
        _set_schedule(schedule, change, declared.get(change.name), now)
        schedules.append(schedule)
    Schedule.objects.using(using).bulk_create(schedules, batch_size=_BATCH_SIZE)


def _prune(changes: list[Change], using: str) -> None:
    names = [change.name for change in changes]
    for at in range(0, len(names), _BATCH_SIZE):
        rows = PeriodicTask.objects.using(using).filter(name__in=names[at : at + _BATCH_SIZE])
        rows.filter(recurring_schedule__declared_in__gt="").delete()


def _update(
    changes: list[Change],
    noted: list[Change],
    declared: Mapping[str, Declaration],
    now: datetime,
    using: str,
) -> None:
    """Write *changes*, and for *noted* only what we remember."""
    _add_schedules([change.name for change in changes if change.kind is Kind.ADOPT], using)
    stored = _locked_schedules([change.name for change in [*changes, *noted]], using)
    moved = [
        declared[change.name].trigger
        for change in changes
        if change.name in declared and any(each.field == "trigger" for each in change.fields)
    ]
    rows = find_trigger_rows(moved, using=using)
    for change in [*changes, *noted]:
        schedule, declaration = stored[change.name], declared.get(change.name)
        _set_task(schedule.periodic_task, change, rows, declaration, now)
        _set_schedule(schedule, change, declaration, now)
    tasks = [stored[change.name].periodic_task for change in changes if change.fields]
    PeriodicTask.objects.using(using).bulk_update(tasks, _TASK_COLUMNS, batch_size=100)
    Schedule.objects.using(using).bulk_update(
        list(stored.values()), _SCHEDULE_COLUMNS, batch_size=100
    )


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


def _locked_schedules(names: list[str], using: str) -> dict[str, Schedule]:
    """Return schedules with their tasks, locked in the order in which a beat locks them."""
    found = {}
    for at in range(0, len(names), _BATCH_SIZE):
        rows = Schedule.objects.using(using).select_related("periodic_task")
        rows = rows.filter(periodic_task__name__in=names[at : at + _BATCH_SIZE]).order_by("pk")
        if connections[using].features.has_select_for_update:
            rows = rows.select_for_update()
        for schedule in rows:
            found[schedule.periodic_task.name] = schedule
    return found


def _set_task(
    task: PeriodicTask,
    change: Change,
    rows: Mapping[Trigger, tuple[str, int]],
    declaration: Declaration | None,
    now: datetime,
) -> None:
    task.date_changed = now
    for each in change.fields:
        _set_task_field(task, each.field, each.new)
        if each.field == "trigger" and declaration is not None:
            _set_trigger(task, rows[declaration.trigger])


def _set_task_field(task: PeriodicTask, field: str, value: Any) -> None:
    if field in {"trigger", "misfire"}:
        return
    if field in {"args", "kwargs", "headers"}:
        setattr(task, field, json.dumps(value))
    elif field == "expires":
        task.expire_seconds = value
        if value is not None:
            task.expires = None  # django-celery-beat refuses a row that has both
    elif field == "start_time":
        task.start_time = None if value is None else datetime.fromisoformat(value)
    else:
        setattr(task, field, value)
    if field == "enabled" and not value:
        task.last_run_at = None  # as PeriodicTask.save() does


def _set_trigger(task: PeriodicTask, row: tuple[str, int]) -> None:
    for column in TRIGGER_COLUMNS:
        setattr(task, f"{column}_id", None)
    setattr(task, f"{row[0]}_id", row[1])


def _set_schedule(
    schedule: Schedule, change: Change, declaration: Declaration | None, now: datetime
) -> None:
    fields = {each.field for each in change.fields}
    schedule.declared_in = change.declared_in[-255:]
    schedule.applied = dict(change.applied or {})
    schedule.withdrawn_at = now if change.kind is Kind.WITHDRAW else None
    if fields & _TIMING:
        schedule.next_fire_at, schedule.trigger_key = None, ""
        schedule.set_aside_reason = ""
    if declaration is not None and "misfire" in fields:
        schedule.misfire = declaration.misfire
    if declaration is not None and "trigger" in fields:
        trigger = declaration.trigger
        rule = trigger if isinstance(trigger, RRule) else None
        schedule.rule = rule.text if rule else ""
        schedule.rule_start = rule.start if rule else ""
        schedule.rule_timezone = (rule.timezone if rule else None) or ""
        schedule.anchored_at = trigger.anchor if isinstance(trigger, Every) else None

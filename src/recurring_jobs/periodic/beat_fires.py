"""What firing reads and writes in django-celery-beat's tables, in bulk and narrowly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from recurring_jobs.periodic.beat_tables import bump, loaded_tasks, tasks_with_triggers
from recurring_jobs.periodic.models import Schedule
from recurring_jobs.periodic.trigger_rows import find_trigger_rows
from recurring_jobs.periodic.triggers import Cron

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

BATCH_SIZE = 1000


def tasks_by_id(ids: Iterable[int], *, using: str) -> dict[int, PeriodicTask]:
    """Return the periodic tasks *ids* by primary key, their trigger rows and schedule loaded."""
    return {task.pk: task for task in loaded_tasks(using).filter(pk__in=list(ids))}


def load_tasks(schedules: Iterable[Schedule], *, using: str) -> None:
    """Have each of *schedules* know its periodic task and that one's trigger, by one query."""
    owners = {schedule.periodic_task_id: schedule for schedule in schedules}
    for task in tasks_with_triggers(using).filter(pk__in=list(owners)):
        owners[task.pk].periodic_task = task


def tasks_in_batches(*, using: str) -> Iterator[list[PeriodicTask]]:
    """Yield all periodic tasks that have a schedule, in batches by primary key."""
    last = 0
    while True:
        tasks = loaded_tasks(using).filter(pk__gt=last, recurring_schedule__isnull=False)
        batch = list(tasks.order_by("pk")[:BATCH_SIZE])
        if not batch:
            return
        yield batch
        last = batch[-1].pk


def add_missing_schedules(among: Iterable[int] | None = None, *, using: str) -> int:
    """
    Give each periodic task without a schedule one, and return how many that were.

    Only those whose primary keys are *among*, where that is given.
    """
    missing = PeriodicTask.objects.using(using).filter(recurring_schedule__isnull=True)
    if among is not None:
        missing = missing.filter(pk__in=list(among))
    ids = list(missing.values_list("pk", flat=True))
    for at in range(0, len(ids), BATCH_SIZE):
        rows = [Schedule(periodic_task_id=pk) for pk in ids[at : at + BATCH_SIZE]]
        # Another beat may do the same at this moment: the one-to-one column decides.
        Schedule.objects.using(using).bulk_create(rows, ignore_conflicts=True)
    return len(ids)


def add_result_cleanup(*, using: str) -> None:
    """
    Store Celery's daily clean-up of old results, unless there is one.

    It is what beat's other schedulers do at their start, under the same name.
    """
    name = "celery.backend_cleanup"
    if PeriodicTask.objects.using(using).filter(name=name).exists():
        return
    daily = Cron("0 4 * * *", timezone="UTC")
    _, crontab_id = find_trigger_rows([daily], using=using)[daily]
    PeriodicTask.objects.using(using).bulk_create(
        [PeriodicTask(name=name, task=name, crontab_id=crontab_id, expire_seconds=12 * 3600)],
        # Another beat may do the same at this moment: the unique name decides.
        ignore_conflicts=True,
    )


def names_not_stored(names: Iterable[str], *, using: str) -> list[str]:
    """Return which of *names* no periodic task has."""
    wanted = list(names)
    found: set[str] = set()
    for at in range(0, len(wanted), BATCH_SIZE):
        rows = PeriodicTask.objects.using(using).filter(name__in=wanted[at : at + BATCH_SIZE])
        found.update(rows.values_list("name", flat=True))
    return [name for name in wanted if name not in found]


def mark_fired(ids: Iterable[int], *, at: datetime, times: int, is_over: bool, using: str) -> None:
    """
    Keep the columns that other tools read right: last run, run count, and the end of a one-off.

    No change marker is bumped: a beat of another kind would read all its schedules again
    after each fire.
    """
    rows = PeriodicTask.objects.using(using).filter(pk__in=list(ids))
    changes: dict[str, Any] = {"enabled": False} if is_over else {}
    if times:
        changes |= {"last_run_at": at, "total_run_count": F("total_run_count") + times}
    if changes:
        rows.update(**changes)


def task_of(schedule: Schedule, *, using: str) -> PeriodicTask:
    """Return the periodic task of *schedule* as it is stored now, with its trigger rows."""
    key = schedule.periodic_task_id
    return tasks_by_id([key], using=using)[key]


def set_enabled(task: PeriodicTask, *, enabled: bool, using: str) -> None:
    """Enable or disable *task*, as django-celery-beat's own admin does."""
    bump(using)  # before the row is written, as PeriodicTask.save() does
    rows = PeriodicTask.objects.using(using).filter(pk=task.pk)
    rows.update(enabled=enabled, date_changed=timezone.now())
    task.enabled = enabled


def last_change(*, using: str) -> datetime | None:
    """Return when django-celery-beat's tables were last marked as changed."""
    change: datetime | None = (
        PeriodicTasks.objects.using(using).values_list("last_update", flat=True).first()
    )
    return change

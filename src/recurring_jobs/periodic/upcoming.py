"""When each schedule fires next: worked out anew for those that were changed, and for no other."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models import Q

from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.periodic import beat_fires, beat_tables, policy
from recurring_jobs.periodic.locking import locked
from recurring_jobs.periodic.models import Schedule, ScheduleChange

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from recurring_jobs.periodic.triggers import Trigger

logger = logging.getLogger(__name__)

#: The schedules that cannot be read: they have no next fire, and the index of that finds them.
SET_ASIDE: Final = Q(next_fire_at=None) & ~Q(set_aside_reason="")

#: The columns that this module sets, for the caller to save.
COLUMNS = (
    "trigger_key",
    "next_fire_at",
    "set_aside_reason",
    "paused_at",
    "paused_until",
    "paused_by",
    "pause_reason",
    "resumed_at",
)


def apply_changes(*, now: datetime, using: str, limit: int) -> int:
    """
    Work through at most *limit* notes of changes, and return how many that were.

    Reads only the periodic tasks that the notes name. A task without a schedule gets one.
    """
    notes = ScheduleChange.objects.using(using).order_by("pk")
    if not notes.exists():
        return 0
    with transaction.atomic(using=using):
        noted = list(locked(notes)[:limit])
        ids = {note.periodic_task_id for note in noted}
        beat_fires.add_missing_schedules(ids, using=using)
        _refresh_batch(beat_fires.tasks_by_id(ids, using=using).values(), now, using)
        ScheduleChange.objects.using(using).filter(pk__in=[note.pk for note in noted]).delete()
    return len(noted)


def refresh(*, now: datetime, using: str) -> int:
    """
    Bring all schedules in line with the periodic tasks, and return how many were changed.

    A periodic task without a schedule gets one; one whose trigger was edited, or that was
    enabled or disabled, gets its next fire computed from *now* on, so that an edit never
    creates fires in the past. Needed only where the database notes no changes.
    """
    beat_fires.add_missing_schedules(using=using)
    changed = 0
    for batch in beat_fires.tasks_in_batches(using=using):
        with transaction.atomic(using=using):
            changed += _refresh_batch(batch, now, using)
    return changed


def plan_next(schedule: Schedule, task: Any, trigger: Trigger, now: datetime) -> None:
    """
    Set when *schedule* fires next, from *now* on; nothing is saved.

    Not before the start time nor before the end of a pause; never after it expires.
    """
    origin = now
    for limit in (task.start_time, schedule.paused_until):
        # A start is itself a possible fire: look from just before it.
        if limit is not None and limit > now:
            origin = max(origin, limit - timedelta(microseconds=1))
    schedule.trigger_key = beat_tables.trigger_key(trigger)
    schedule.next_fire_at = within_life(task, trigger.next_after(origin))


def within_life(task: Any, at: datetime | None) -> datetime | None:
    """Return *at*, or None where *task* has expired by then."""
    if at is None or (task.expires and at >= task.expires):
        return None
    return at


def start_of(schedule: Schedule, task: Any, trigger: Trigger, nominal_at: datetime) -> datetime:
    """Return when the fire of *nominal_at* starts: then, or later by the schedule's jitter."""
    if not schedule.jitter:
        return nominal_at
    return nominal_at + policy.jitter_offset(
        f"{schedule.pk}:{task.name}",
        nominal_at,
        jitter=schedule.jitter,
        following=trigger.next_after(nominal_at),
    )


def readable_trigger(schedule: Schedule, task: Any) -> Trigger | None:
    """
    Return when *task* fires; None where that cannot be read.

    Then *schedule* says why, and has no next fire; nothing is saved.
    """
    try:
        trigger = beat_tables.trigger_of(task)
    except RecurringJobsError as error:
        if schedule.set_aside_reason != str(error):
            logger.warning(
                "recurring_jobs.schedule.set_aside",
                extra={"schedule": task.name, "reason": str(error)},
            )
        schedule.set_aside_reason = str(error)
        schedule.next_fire_at = None
        return None
    schedule.set_aside_reason = ""
    return trigger


def end_pause(schedule: Schedule, now: datetime) -> None:
    """Set that *schedule* is no longer paused; nothing is saved."""
    schedule.paused_at = schedule.paused_until = None
    schedule.paused_by = schedule.pause_reason = ""
    schedule.resumed_at = now


def save(schedule: Schedule, using: str, before: tuple[Any, ...], *, but: str = "") -> bool:
    """Write the columns that are no longer as *before*; return whether there were any."""
    changed = [
        name
        for name, old in zip(COLUMNS, before, strict=True)
        if name != but and old != getattr(schedule, name)
    ]
    if changed:
        schedule.save(using=using, update_fields=changed)
    return bool(changed)


def state_of(schedule: Schedule) -> tuple[Any, ...]:
    """Return the columns that this module sets, for ``save`` to compare."""
    return tuple(getattr(schedule, name) for name in COLUMNS)


def _refresh_batch(tasks: Iterable[Any], now: datetime, using: str) -> int:
    changed = 0
    for task in tasks:
        schedule: Schedule = task.recurring_schedule
        before = state_of(schedule)
        _refresh_one(schedule, task, now)
        changed += save(schedule, using, before)
    return changed


def _refresh_one(schedule: Schedule, task: Any, now: datetime) -> None:
    if task.enabled and schedule.is_paused:
        end_pause(schedule, now)  # somebody enabled it, here or in another tool
    if not task.enabled and schedule.paused_until is None:
        schedule.next_fire_at = None
        return
    trigger = readable_trigger(schedule, task)
    if trigger is None:
        return
    is_edited = beat_tables.trigger_key(trigger) != schedule.trigger_key
    if is_edited or schedule.next_fire_at is None or _is_outside(schedule, task):
        plan_next(schedule, task, trigger, now)


def _is_outside(schedule: Schedule, task: Any) -> bool:
    """Return whether the next fire is no longer between the start and the end of *task*."""
    at = schedule.next_fire_at
    return within_life(task, at) is None or bool(task.start_time and at and at < task.start_time)

"""The ledger of fires: claims what is due, exactly once however many beats ask."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from django.db import connections, router, transaction
from django.db.models import Min

from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.periodic import beat_fires, beat_tables, policy, publishing
from recurring_jobs.periodic.clock import database_now
from recurring_jobs.periodic.models import Fire, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recurring_jobs.periodic.triggers import Trigger

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claims:
    """What one pass over the due schedules took."""

    fires: list[Fire]
    is_full: bool


NO_CLAIMS = Claims([], is_full=False)


def claim_due(*, now: datetime, using: str, limit: int) -> Claims:
    """
    Claim the fires that are due at *now*, for at most *limit* schedules.

    Each claim is a row under a unique constraint, written in the transaction that moves
    the schedule's ``next_fire_at`` on, so that of any number of beats one gets each fire
    and a beat killed here leaves either both or neither. Publish what comes back after
    this returns. A schedule that cannot be read is set aside with its reason.
    """
    with transaction.atomic(using=using):
        schedules = _lock_due(now, using, limit)
        tasks = beat_fires.tasks_by_id(
            [schedule.periodic_task_id for schedule in schedules], using=using
        )
        fires: list[Fire] = []
        for schedule in schedules:
            fires += _claim(schedule, tasks[schedule.periodic_task_id], now, using)
    return Claims(fires, is_full=len(schedules) == limit)


def stale_claims(*, now: datetime, older_than: timedelta, using: str, limit: int) -> list[Fire]:
    """Return fires that were claimed before *now* - *older_than* and never published."""
    stale = (
        Fire.objects.using(using)
        .filter(state=Fire.State.CLAIMED, claimed_at__lt=now - older_than)
        .order_by("claimed_at")[:limit]
    )
    return list(stale)


def refresh(*, now: datetime, using: str) -> int:
    """
    Bring the schedules in line with the periodic tasks, and return how many were changed.

    A periodic task without a schedule gets one; one whose trigger was edited, or that was
    enabled or disabled, gets its next fire computed from *now* on, so that an edit never
    creates fires in the past.
    """
    beat_fires.add_missing_schedules(using=using)
    changed = 0
    for batch in beat_fires.tasks_in_batches(using=using):
        with transaction.atomic(using=using):
            changed += _refresh_batch(batch, now, using)
    return changed


def earliest_next_fire(*, using: str) -> datetime | None:
    """Return when the next fire of all schedules is due; None when there is none."""
    earliest: datetime | None = Schedule.objects.using(using).aggregate(
        earliest=Min("next_fire_at")
    )["earliest"]
    return earliest


def fire_now(schedule: Schedule, *, using: str | None = None) -> Fire:
    """
    Fire *schedule* once more at this moment and return the fire, published.

    It has a kind of its own and does not move the next fire. Raise RecurringJobsError
    when the broker does not take the message; then nothing was fired.
    """
    using = using or router.db_for_write(Schedule)
    now = database_now(using)
    task = beat_fires.tasks_by_id([schedule.periodic_task_id], using=using)[
        schedule.periodic_task_id
    ]
    fire = _new_fire(schedule, task.name, policy.Taken(now), Fire.Kind.MANUAL, now)
    fire.save(using=using, force_insert=True)
    try:
        publishing.publish(fire, task)
    except publishing.BROKER_ERRORS as error:
        fire.delete(using=using)
        message = f"{task.name!r} was not fired: the broker did not take it ({error})."
        raise RecurringJobsError(message) from error
    mark_published([fire], now=database_now(using), using=using)
    return fire


def with_tasks(fires: Iterable[Fire], *, using: str) -> list[tuple[Fire, Any]]:
    """Return each of *fires* with its PeriodicTask row, loaded in bulk."""
    fires = list(fires)
    owners = dict(
        Schedule.objects.using(using)
        .filter(pk__in={fire.schedule_id for fire in fires})
        .values_list("pk", "periodic_task_id")
    )
    tasks = beat_fires.tasks_by_id(owners.values(), using=using)
    return [(fire, tasks[owners[fire.schedule_id]]) for fire in fires]


def mark_published(fires: Iterable[Fire], *, now: datetime, using: str) -> None:
    """Record that the messages of *fires* are with the broker."""
    Fire.objects.using(using).filter(
        pk__in=[fire.pk for fire in fires], state=Fire.State.CLAIMED
    ).update(state=Fire.State.PUBLISHED, published_at=now)


def mark_refused(fire: Fire, reason: str, *, using: str) -> None:
    """Record that no message could be made of *fire*, and why; it is not tried again."""
    Fire.objects.using(using).filter(pk=fire.pk, state=Fire.State.CLAIMED).update(
        state=Fire.State.REFUSED, reason=reason
    )


def _lock_due(now: datetime, using: str, limit: int) -> list[Schedule]:
    features = connections[using].features
    due = Schedule.objects.using(using).filter(next_fire_at__lte=now).order_by("next_fire_at")
    if features.has_select_for_update:
        due = due.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
    return list(due[:limit])


def _claim(schedule: Schedule, task: Any, now: datetime, using: str) -> list[Fire]:
    trigger = _readable_trigger(schedule, task)
    if trigger is None or not task.enabled:
        _save(schedule, using, next_fire_at=None)
        return []
    if beat_tables.trigger_key(trigger) != schedule.trigger_key or schedule.next_fire_at is None:
        _reset(schedule, task, trigger, now, using)
        return []
    decision = policy.decide(
        schedule.next_fire_at,
        now=now,
        next_after=trigger.next_after,
        policy=schedule.misfire_policy,
    )
    fires = _record(schedule, task, decision, now, using)
    next_fire_at = _within_life(task, decision.next_fire_at)
    if task.one_off and fires:
        next_fire_at = None
    _save(schedule, using, next_fire_at=next_fire_at)
    beat_fires.mark_fired(task, at=now, times=len(fires), is_over=next_fire_at is None, using=using)
    return fires


def _record(
    schedule: Schedule, task: Any, decision: policy.Decision, now: datetime, using: str
) -> list[Fire]:
    kind = Fire.Kind.SCHEDULED
    taken = decision.taken[:1] if task.one_off else decision.taken
    rows = [_new_fire(schedule, task.name, each, kind, now) for each in taken]
    if decision.missed:
        missed = _new_fire(schedule, task.name, decision.missed, kind, now)
        missed.state = Fire.State.MISSED
        missed.reason = f"Missed while no beat was running (misfire policy: {schedule.misfire})."
        rows.append(missed)
    known = set(
        Fire.objects.using(using)
        .filter(task_id__in=[row.task_id for row in rows])
        .values_list("task_id", flat=True)
    )
    new = [row for row in rows if row.task_id not in known]
    for row in new:
        row.save(using=using, force_insert=True)
    return [row for row in new if row.state == Fire.State.CLAIMED]


def _new_fire(
    schedule: Schedule, name: str, taken: policy.Taken, kind: Fire.Kind, now: datetime
) -> Fire:
    nominal = taken.nominal_at.astimezone(UTC)
    identity = f"recurring_jobs:{schedule.pk}:{name}:{kind.value}:{nominal.isoformat()}"
    return Fire(
        schedule=schedule,
        kind=kind,
        nominal_at=nominal,
        stands_for=taken.stands_for,
        task_id=str(uuid5(NAMESPACE_URL, identity)),
        claimed_at=now,
    )


def _refresh_batch(tasks: list[Any], now: datetime, using: str) -> int:
    changed = 0
    for task in tasks:
        schedule: Schedule = task.recurring_schedule
        if not task.enabled:
            if schedule.next_fire_at is not None:
                _save(schedule, using, next_fire_at=None)
                changed += 1
            continue
        trigger = _readable_trigger(schedule, task)
        if trigger is None:
            if schedule.next_fire_at is not None:
                _save(schedule, using, next_fire_at=None)
                changed += 1
            continue
        is_edited = beat_tables.trigger_key(trigger) != schedule.trigger_key
        if is_edited or schedule.next_fire_at is None:
            changed += _reset(schedule, task, trigger, now, using)
    return changed


def _readable_trigger(schedule: Schedule, task: Any) -> Trigger | None:
    try:
        trigger = beat_tables.trigger_of(task)
    except RecurringJobsError as error:
        if schedule.set_aside_reason != str(error):
            logger.warning(
                "recurring_jobs.schedule.set_aside",
                extra={"schedule": task.name, "reason": str(error)},
            )
            schedule.set_aside_reason = str(error)
            schedule.save(update_fields=["set_aside_reason"])
        return None
    if schedule.set_aside_reason:
        schedule.set_aside_reason = ""
        schedule.save(update_fields=["set_aside_reason"])
    return trigger


def _reset(schedule: Schedule, task: Any, trigger: Trigger, now: datetime, using: str) -> int:
    key = beat_tables.trigger_key(trigger)
    start = max(now, task.start_time) if task.start_time else now
    # A start time is itself a possible fire: look from just before it.
    origin = start - timedelta(microseconds=1) if start > now else start
    next_fire_at = _within_life(task, trigger.next_after(origin))
    if schedule.trigger_key == key and schedule.next_fire_at == next_fire_at:
        return 0
    _save(schedule, using, trigger_key=key, next_fire_at=next_fire_at)
    return 1


def _within_life(task: Any, at: datetime | None) -> datetime | None:
    if at is None or (task.expires and at >= task.expires):
        return None
    return at


def _save(schedule: Schedule, using: str, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(schedule, name, value)
    schedule.save(using=using, update_fields=list(changes))

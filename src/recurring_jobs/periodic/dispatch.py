"""Starts the fires that had to wait: for their time, or for the one before to end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.db import transaction
from django.db.models import Case, F, Q, When

from recurring_jobs.conf import conf
from recurring_jobs.periodic import beat_fires, policy
from recurring_jobs.periodic.locking import locked
from recurring_jobs.periodic.models import Fire, Schedule

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

#: How soon a fire that waits for another is looked at again.
LOOK_AGAIN = timedelta(seconds=1)
#: How long a run that was asked to stop is left alone before it is asked once more.
_ASK_AGAIN = timedelta(seconds=10)
_HELD = (Fire.State.WAITING, Fire.State.BUFFERED)


@dataclass(slots=True)
class Dispatched:
    """What may be published now, and which runs are to be stopped, by their task ids."""

    fires: list[Fire] = field(default_factory=list)
    cancel: list[str] = field(default_factory=list)
    terminate: list[str] = field(default_factory=list)
    is_full: bool = False


def dispatch_due(*, now: datetime, using: str, limit: int) -> Dispatched:
    """
    Decide over held fires whose time has come, for at most *limit* of them.

    All held fires of a schedule are decided together, in one transaction that holds the
    schedule, so that of any number of beats one decides. Publish what comes back after
    this returns.
    """
    with transaction.atomic(using=using):
        due = Fire.objects.using(using).filter(state__in=_HELD, due_at__lte=now)
        owners = list(due.order_by("due_at").values_list("schedule_id", flat=True)[:limit])
        dispatched = Dispatched(is_full=len(owners) == limit)
        if owners:
            rows = Schedule.objects.using(using).filter(pk__in=set(owners)).order_by("pk")
            for schedule in locked(rows):
                _dispatch(schedule, dispatched, now, using)
    return dispatched


def _dispatch(schedule: Schedule, dispatched: Dispatched, now: datetime, using: str) -> None:
    held = {fire.pk: fire for fire in _held(schedule, now, using)}
    running = _running(schedule, now, using)
    pending = [
        policy.Pending(
            fire.pk,
            cast("policy.Overlap", fire.overlap or schedule.overlap),
            is_automatic=fire.kind == Fire.Kind.SCHEDULED,
        )
        for fire in held.values()
    ]
    decision = policy.dispatch(pending, is_running=bool(running))
    started = _start([held[key] for key in decision.start], schedule, now, using)
    dispatched.fires += started
    rows = Fire.objects.using(using).filter(state__in=_HELD)
    if decision.wait:
        rows.filter(pk__in=decision.wait).update(state=Fire.State.BUFFERED, due_at=now + LOOK_AGAIN)
    skipped = rows.filter(pk__in=decision.skip).update(
        state=Fire.State.SKIPPED, due_at=None, reason="An earlier fire was still running."
    )
    dropped = rows.filter(pk__in=decision.drop).update(
        state=Fire.State.DROPPED,
        due_at=None,
        reason=f"{policy.MAX_BUFFERED} fires were waiting.",
    )
    if skipped or dropped:
        Schedule.objects.using(using).filter(pk=schedule.pk).update(
            skipped_count=F("skipped_count") + skipped, dropped_count=F("dropped_count") + dropped
        )
    if decision.stop:
        stopped = _ask_to_stop(running, now, using)
        getattr(dispatched, decision.stop).extend(stopped)


def _held(schedule: Schedule, now: datetime, using: str) -> QuerySet[Fire]:
    held = Fire.objects.using(using).filter(
        Q(state=Fire.State.BUFFERED) | Q(state=Fire.State.WAITING, due_at__lte=now),
        schedule=schedule,
    )
    # A backfill comes last: it must not keep the schedule's own fires waiting.
    is_backfill = Case(When(kind=Fire.Kind.BACKFILL, then=1), default=0)
    return held.order_by(is_backfill, "nominal_at")


def _running(schedule: Schedule, now: datetime, using: str) -> list[str]:
    """
    Return the task ids of fires of *schedule* that have begun, or may, and have not ended.

    A run that waits to retry has not ended. A message that no worker has taken up counts
    for ``BEAT_START_WITHIN``: it may have been purged, and nobody would tell.
    """
    # By its name: the rooms of fires and of runs do not import each other.
    run: Any = apps.get_model("recurring_jobs", "Run")
    unfinished = run.objects.using(using).unfinished().filter(fire__schedule=schedule)
    not_begun = Fire.objects.using(using).filter(
        schedule=schedule,
        state__in=(Fire.State.CLAIMED, Fire.State.PUBLISHED),
        claimed_at__gte=now - conf.beat_start_within,
        runs__isnull=True,
    )
    return [
        *unfinished.values_list("pk", flat=True),
        *not_begun.values_list("task_id", flat=True),
    ]


def _start(fires: list[Fire], schedule: Schedule, now: datetime, using: str) -> list[Fire]:
    """Claim *fires*, as many as the schedule has left; skip the others."""
    automatic = [fire for fire in fires if fire.kind == Fire.Kind.SCHEDULED]
    left = schedule.remaining_fires
    spent = [] if left is None else automatic[left:]
    if spent:
        Fire.objects.using(using).filter(pk__in=[fire.pk for fire in spent]).update(
            state=Fire.State.SKIPPED, due_at=None, reason="No fires remained."
        )
    started = [fire for fire in fires if fire not in spent]
    claimed = [fire for fire in automatic if fire not in spent]
    due_at = now + conf.beat_republish_after
    Fire.objects.using(using).filter(pk__in=[fire.pk for fire in started]).update(
        state=Fire.State.CLAIMED, claimed_at=now, due_at=due_at
    )
    for fire in started:
        fire.state, fire.claimed_at, fire.due_at = Fire.State.CLAIMED, now, due_at
    if claimed or spent:
        _count(schedule, len(claimed), len(spent), now, using)
    return started


def _count(schedule: Schedule, started: int, spent: int, now: datetime, using: str) -> None:
    changes: dict[str, Any] = {
        "taken_count": F("taken_count") + started,
        "skipped_count": F("skipped_count") + spent,
    }
    left = schedule.remaining_fires
    is_over = left is not None and left <= started
    if left is not None:
        changes["remaining_fires"] = max(0, left - started)
    if is_over:
        changes["next_fire_at"] = None
    Schedule.objects.using(using).filter(pk=schedule.pk).update(**changes)
    beat_fires.mark_fired(
        [schedule.periodic_task_id], at=now, times=started, is_over=is_over, using=using
    )


def _ask_to_stop(task_ids: list[str], now: datetime, using: str) -> list[str]:
    """Note on the runs that they are to stop, and return those that are to be told."""
    run: Any = apps.get_model("recurring_jobs", "Run")
    runs = run.objects.using(using).filter(pk__in=task_ids)
    asked = set(runs.filter(cancel_requested_at__gt=now - _ASK_AGAIN).values_list("pk", flat=True))
    told = [task_id for task_id in task_ids if task_id not in asked]
    runs.filter(pk__in=told).update(cancel_requested_at=now)
    return told

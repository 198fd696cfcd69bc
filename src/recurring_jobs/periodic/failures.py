"""Pauses a schedule whose runs have failed too often in a row."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import router, transaction

from recurring_jobs.periodic import beat_fires, upcoming
from recurring_jobs.periodic.clock import database_now
from recurring_jobs.periodic.locking import locked
from recurring_jobs.periodic.models import Fire, Schedule

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)


def pause_if_failing(schedule: Schedule, task: Any, now: datetime) -> bool:
    """
    Pause *schedule* where as many runs in a row have failed as it bears; return whether.

    Its columns are set and not saved; its periodic task is disabled. Runs that were asked
    to stop do not count, nor those from before it was last resumed.
    """
    most = schedule.pause_after_failures
    if not most or not _has_failed(schedule, most):
        return False
    schedule.paused_at, schedule.next_fire_at = now, None
    schedule.pause_reason = f"The last {most} runs failed." if most > 1 else "The last run failed."
    beat_fires.set_enabled(task, enabled=False, using=str(schedule._state.db))
    logger.warning(
        "recurring_jobs.schedule.paused",
        extra={"schedule": task.name, "reason": schedule.pause_reason},
    )
    return True


def on_run_gave_up(*, run_id: str, **_: Any) -> None:
    """Look at the schedule of a run as soon as that has failed for good."""
    using = router.db_for_write(Schedule)
    rows = Schedule.objects.using(using).filter(
        pause_after_failures__isnull=False, paused_at__isnull=True
    )
    due = list(rows.filter(fires__task_id=run_id).values_list("pk", flat=True))
    if not due:
        return
    with transaction.atomic(using=using):
        # The schedule before its periodic task, as beats do: neither waits for the other.
        for schedule in locked(rows.filter(pk__in=due), waits=True):
            before = upcoming.state_of(schedule)
            task = beat_fires.task_of(schedule, using=using)
            if pause_if_failing(schedule, task, database_now(using)):
                upcoming.save(schedule, using, before)


def _has_failed(schedule: Schedule, most: int) -> bool:
    # By its name: the rooms of fires and of runs do not import each other.
    run: Any = apps.get_model("recurring_jobs", "Run")
    bad = {run.State.FAILED.value, run.State.LOST.value}
    fires = Fire.objects.using(schedule._state.db).filter(
        schedule=schedule, runs__state__in=[*bad, run.State.SUCCEEDED.value]
    )
    fires = fires.filter(runs__cancel_requested_at__isnull=True)
    if schedule.resumed_at:
        fires = fires.filter(claimed_at__gt=schedule.resumed_at)
    states = list(fires.order_by("-nominal_at").values_list("runs__state", flat=True)[:most])
    return len(states) == most and set(states) <= bad

"""Schedules and fires as the API tells them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.periodic import beat_tables

if TYPE_CHECKING:
    from datetime import datetime

    from recurring_jobs.models import Fire, Schedule

#: How many fires to come, and how many past ones, are told.
FIRES_TOLD = 10


def schedule_facts(schedule: Schedule) -> dict[str, Any]:
    """Return what a list says of *schedule*, whose periodic task is loaded."""
    task = schedule.periodic_task
    pause = {
        "at": _iso(schedule.paused_at),
        "until": _iso(schedule.paused_until),
        "by": schedule.paused_by,
        "reason": schedule.pause_reason,
    }
    return {
        "id": schedule.pk,
        "name": task.name,
        "task": task.task,
        "state": schedule.state,
        "trigger": _trigger(schedule),
        "next_fire_at": _iso(schedule.next_fire_at),
        "pause": pause if schedule.is_paused else None,
        "set_aside_reason": schedule.set_aside_reason,
        "misfire": schedule.misfire,
        "overlap": schedule.overlap,
        "remaining_fires": schedule.remaining_fires,
        "counts": {
            "taken": schedule.taken_count,
            "missed": schedule.missed_count,
            "skipped": schedule.skipped_count,
            "dropped": schedule.dropped_count,
        },
    }


def with_fires(schedule: Schedule) -> dict[str, Any]:
    """Return what the page of one schedule says: also its next and its last fires."""
    fires = schedule.fires.order_by("-nominal_at")[:FIRES_TOLD]
    return {
        **schedule_facts(schedule),
        "next_fires": [_iso(at) for at in _next_times(schedule)],
        "last_fires": [fire_facts(fire) for fire in fires],
    }


def fire_facts(fire: Fire) -> dict[str, Any]:
    """Return what is said of one fire."""
    return {
        "nominal_at": _iso(fire.nominal_at),
        "kind": str(fire.kind),
        "state": str(fire.state),
        "run_id": fire.task_id,
        "stands_for": fire.stands_for,
        "published_at": _iso(fire.published_at),
        "reason": fire.reason,
    }


def _trigger(schedule: Schedule) -> str | None:
    try:
        return beat_tables.trigger_of(schedule.periodic_task).describe()
    except RecurringJobsError:
        return None


def _next_times(schedule: Schedule) -> list[datetime]:
    """Return when it would fire next, also while it is paused."""
    try:
        found = beat_tables.trigger_of(schedule.periodic_task).times_after(timezone.now())
        return list(islice(found, FIRES_TOLD))
    except RecurringJobsError:
        return []


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()

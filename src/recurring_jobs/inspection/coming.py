"""What will fire in the hours to come, of every kind of trigger, on real time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Final

from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import beat_fires, beat_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

#: How many schedules are told, those that fire next.
MOST_SCHEDULES: Final = 30
#: With more fires than this a schedule is told as firing all the time.
MOST_FIRES: Final = 48


@dataclass(frozen=True)
class Coming:
    """The fires of one schedule in the hours to come; with *is_dense* there are more."""

    schedule: Schedule
    times: tuple[datetime, ...]
    is_dense: bool


def coming_fires(end: datetime, now: datetime | None = None) -> list[Coming]:
    """
    Return what fires before *end*: of the first MOST_SCHEDULES, the next one first.

    Of one that is overdue the first time is past, and the others are those after *now*.
    """
    soon = Schedule.objects.filter(
        next_fire_at__lt=end, periodic_task__enabled=True, set_aside_reason=""
    ).order_by("next_fire_at")[:MOST_SCHEDULES]
    beat_fires.load_tasks(soon, using=soon.db)
    return [_coming(schedule, end, now) for schedule in soon]


def _coming(schedule: Schedule, end: datetime, now: datetime | None) -> Coming:
    expires = schedule.periodic_task.expires
    times = tuple(islice(_times(schedule, min(end, expires or end), now), MOST_FIRES + 1))
    return Coming(schedule, times[:MOST_FIRES], is_dense=len(times) > MOST_FIRES)


def _times(schedule: Schedule, end: datetime, now: datetime | None) -> Iterator[datetime]:
    try:
        trigger = beat_tables.trigger_of(schedule.periodic_task)
    except RecurringJobsError:
        return  # changed a moment ago, and not looked at by a beat yet
    first = schedule.next_fire_at
    if first is None:
        return
    most = 1 if schedule.periodic_task.one_off else schedule.remaining_fires
    times = islice(chain([first], trigger.times_after(max(first, now or first))), most)
    yield from takewhile(lambda at: at < end, times)

"""How runs and fires went lately, in figures that a large table gives cheaply."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Count, F
from django.db.models.functions import TruncHour

from recurring_jobs.models import Fire, Run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

#: How many hours are told one by one.
HOURS: Final = 24
#: Figures of tasks are of this many of the newest runs that ended.
RUNS_LOOKED_AT: Final = 10_000
#: The heat map is of this many of the newest fires.
FIRES_LOOKED_AT: Final = 50_000
#: How many tasks are told.
MOST_TASKS: Final = 10

#: The states of a run that ended badly.
FAILED_STATES: Final = (Run.State.FAILED, Run.State.LOST)

_HOUR = timedelta(hours=1)
_ENDED = (Run.State.SUCCEEDED, *FAILED_STATES)


@dataclass(frozen=True)
class Hour:
    """The runs that were queued in the hour that begins at *at*, and how they ended."""

    at: datetime
    succeeded: int
    failed: int


@dataclass(frozen=True)
class TaskFigures:
    """How the newest runs of one task went; *p50* and *p95* are how long they took."""

    task: str
    runs: int
    failed: int
    p50: timedelta | None
    p95: timedelta | None


def outcomes_by_hour(now: datetime) -> list[Hour]:
    """Return the last 24 hours, the one of *now* last, with the outcomes of their runs."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = last - (HOURS - 1) * _HOUR
    counted: Counter[tuple[datetime, bool]] = Counter()
    groups = (
        Run.objects.filter(state__in=_ENDED, created_at__gte=first)
        .order_by()
        # In UTC, so that an hour that the clocks repeat is two.
        .annotate(hour=TruncHour("created_at", tzinfo=UTC))
        .values_list("hour", "state")
        .annotate(count=Count("pk"))
    )
    for hour, state, count in groups:
        counted[hour, state == Run.State.SUCCEEDED] += count
    hours = [first + number * _HOUR for number in range(HOURS)]
    return [Hour(hour, counted[hour, True], counted[hour, False]) for hour in hours]


def task_figures(now: datetime) -> list[TaskFigures]:
    """
    Return the tasks of the newest runs of a day, those that fail most often first.

    Then those that take longest. At most MOST_TASKS of them.
    """
    newest = (
        Run.objects.filter(state__in=_ENDED, created_at__gte=now - HOURS * _HOUR)
        .order_by("-created_at")
        .values_list("task", "state", F("finished_at") - F("started_at"))[:RUNS_LOOKED_AT]
    )
    runs: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    took: defaultdict[str, list[timedelta]] = defaultdict(list)
    for task, state, lasted in newest:
        runs[task] += 1
        failed[task] += state in FAILED_STATES
        if lasted is not None:
            took[task].append(lasted)
    figures = [
        TaskFigures(task, runs[task], failed[task], *_percentiles(took[task])) for task in runs
    ]
    figures.sort(key=lambda each: (each.failed, each.p95 or timedelta(0)), reverse=True)
    return figures[:MOST_TASKS]


def fires_by_weekday(zone: tzinfo) -> list[list[int]]:
    """
    Return how many of the newest fires had their nominal time in each hour of a week in *zone*.

    Seven lists, Monday first, of 24 numbers.
    """
    newest = Fire.objects.order_by("-pk").values("pk")[:FIRES_LOOKED_AT]
    oldest = newest[FIRES_LOOKED_AT - 1 : FIRES_LOOKED_AT].first()
    rows = Fire.objects.filter(pk__gte=oldest["pk"]) if oldest else Fire.objects.all()
    week = [[0] * 24 for _ in range(7)]
    groups = (
        rows.order_by()
        .annotate(hour=TruncHour("nominal_at", tzinfo=UTC))
        .values_list("hour")
        .annotate(count=Count("pk"))
    )
    for hour, count in groups:
        there = hour.astimezone(zone)
        week[there.weekday()][there.hour] += count
    return week


def _percentiles(values: Sequence[timedelta]) -> tuple[timedelta | None, timedelta | None]:
    """
    Return the median and the 95th percentile by the nearest rank, None of nothing.

    >>> _percentiles([timedelta(seconds=n) for n in range(1, 21)])
    (datetime.timedelta(seconds=10), datetime.timedelta(seconds=19))
    """
    if not values:
        return None, None
    ordered = sorted(values)
    ranks = (-(-len(ordered) * percent // 100) for percent in (50, 95))
    p50, p95 = (ordered[rank - 1] for rank in ranks)
    return p50, p95

"""Who is alive and what is stuck, read from the database alone: no broker is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Count, Max, Q

from recurring_jobs.conf import conf
from recurring_jobs.models import Beat, DeadLetter, Fire, Run, Schedule

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

#: A beat writes down a tick each ten seconds; one that is silent for longer is not alive.
BEAT_SILENT_AFTER: Final = timedelta(seconds=30)
#: A schedule whose next fire is this long past is overdue.
OVERDUE_AFTER: Final = timedelta(seconds=30)
#: A run that gave no sign of life for three heartbeats is lost; by then it is taken up.
REAPED_WITHIN: Final = timedelta(seconds=30)
#: A clock that is further off than this is worth a word.
MOST_SKEW: Final = timedelta(seconds=2)
#: Workers are named by the runs that they had this long ago or later.
WORKERS_SEEN_WITHIN: Final = timedelta(hours=1)
#: More rows than this are not counted.
MOST_COUNTED: Final = 10_000


@dataclass(frozen=True)
class BeatFacts:
    """One beat: how long ago it ticked, and how far the clock of its host is off."""

    name: str
    age: timedelta
    tick_took: timedelta
    clock_skew: timedelta

    @property
    def is_alive(self) -> bool:
        """Whether it ticked lately."""
        return self.age <= BEAT_SILENT_AFTER

    @property
    def has_wrong_clock(self) -> bool:
        """Whether the clock of its host differs from the database's by more than MOST_SKEW."""
        return abs(self.clock_skew) > MOST_SKEW


@dataclass(frozen=True)
class WorkerFacts:
    """One worker: how long ago a run of its gave a sign of life, and how many it has now."""

    name: str
    age: timedelta
    running: int


@dataclass(frozen=True)
class Trouble:
    """Something that waits for a person: how many there are, up to MOST_COUNTED."""

    name: str
    count: int


def beats(now: datetime) -> list[BeatFacts]:
    """Return the beats that did not end as they should have, or run; the last to tick first."""
    return [
        BeatFacts(beat.name, now - beat.ticked_at, beat.tick_took, beat.clock_skew)
        for beat in Beat.objects.order_by("-ticked_at")[:20]
    ]


def workers(now: datetime) -> list[WorkerFacts]:
    """Return the workers whose kept runs gave a sign of life within WORKERS_SEEN_WITHIN."""
    seen = (
        Run.objects.filter(state__in=Run.State.values, heartbeat_at__gte=now - WORKERS_SEEN_WITHIN)
        .exclude(worker="")
        .order_by()
        .values("worker")
        .annotate(
            seen_at=Max("heartbeat_at"),
            running=Count("pk", filter=Q(state=Run.State.RUNNING)),
        )
        .order_by("-seen_at")[:50]
    )
    return [WorkerFacts(each["worker"], now - each["seen_at"], each["running"]) for each in seen]


def overdue_schedules(now: datetime) -> QuerySet[Schedule]:
    """Return the schedules that should have fired by *now*, and that no beat has taken up."""
    return Schedule.objects.filter(
        next_fire_at__lt=now - OVERDUE_AFTER, periodic_task__enabled=True
    )


def stuck_runs() -> QuerySet[Run]:
    """Return the runs that were lost so long ago that somebody should have taken them up."""
    return Run.objects.silent_for(3 * conf.heartbeat + REAPED_WITHIN)


def troubles(now: datetime) -> list[Trouble]:
    """Return what waits for a person at *now*; nothing that there is none of."""
    day = now - timedelta(days=1)
    lists: dict[str, QuerySet[Any]] = {
        "overdue": overdue_schedules(now),
        "set_aside": Schedule.objects.exclude(set_aside_reason=""),
        "stuck": stuck_runs(),
        "dead_letters": DeadLetter.objects.open(),
        "missed": Fire.objects.filter(state=Fire.State.MISSED, claimed_at__gte=day),
        "refused": Fire.objects.filter(state=Fire.State.REFUSED, claimed_at__gte=day),
    }
    counted = {name: rows.order_by()[:MOST_COUNTED].count() for name, rows in lists.items()}
    return [Trouble(name, count) for name, count in counted.items() if count]

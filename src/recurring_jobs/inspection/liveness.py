"""Who is alive and what is stuck, read from the database alone: no broker is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Count

from recurring_jobs.conf import conf
from recurring_jobs.models import Beat, DeadLetter, Fire, Run, Schedule, Worker
from recurring_jobs.periodic import upcoming
from recurring_jobs.recurrence.fields import SET_ASIDE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import Model, QuerySet

#: A beat writes down a tick each ten seconds; one that is silent for longer is not alive.
BEAT_SILENT_AFTER: Final = timedelta(seconds=30)
#: A schedule whose next fire is this long past is overdue.
OVERDUE_AFTER: Final = timedelta(seconds=30)
#: A lost run is taken up within three heartbeats; a busy machine has at least so long.
STUCK_AFTER: Final = timedelta(seconds=20)
#: A worker says each half heartbeat that it lives; one that is silent for longer does not.
WORKER_SILENT_AFTER: Final = timedelta(seconds=20)
#: A run that waits for longer, in a queue that no worker consumes, is left lying.
LYING_AFTER: Final = timedelta(seconds=20)
#: A clock that is further off than this is worth a word.
MOST_SKEW: Final = timedelta(seconds=2)
#: Of more workers than this, those that are silent for longest are left out.
MOST_WORKERS: Final = 50
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
    """One worker: how long ago it gave a sign of life, what it consumes, its runs of now."""

    name: str
    age: timedelta
    queues: tuple[str, ...]
    running: int

    @property
    def is_alive(self) -> bool:
        """Whether it gave a sign of life lately."""
        return self.age <= _worker_silent_after()


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
    """Return the workers that did not end as they should have, or run; the living ones first."""
    rows = list(Worker.objects.order_by("-seen_at")[:MOST_WORKERS])
    running = dict(
        Run.objects.filter(state=Run.State.RUNNING, worker__in=[row.name for row in rows])
        .order_by()
        .values_list("worker")
        .annotate(Count("pk"))
    )
    found = [
        WorkerFacts(row.name, now - row.seen_at, tuple(row.queues), running.get(row.name, 0))
        for row in rows
    ]
    return sorted(found, key=lambda each: (not each.is_alive, each.name))


def overdue_schedules(now: datetime) -> QuerySet[Schedule]:
    """Return the schedules that should have fired by *now*, and that no beat has taken up."""
    return Schedule.objects.filter(
        next_fire_at__lt=now - OVERDUE_AFTER, periodic_task__enabled=True
    )


def stuck_runs() -> QuerySet[Run]:
    """Return the runs that were lost so long ago that somebody should have taken them up."""
    return Run.objects.silent_for(max(STUCK_AFTER, 3 * conf.heartbeat))


def living_workers(now: datetime) -> QuerySet[Worker]:
    """Return the workers that gave a sign of life lately."""
    return Worker.objects.filter(seen_at__gte=now - _worker_silent_after()).order_by("name")


def queues_left_lying(now: datetime) -> list[str]:
    """Return the queues in which a run waits, and that no living worker consumes."""
    oldest = Run.objects.filter(state=Run.State.QUEUED, created_at__lt=now - LYING_AFTER).order_by(
        "created_at"
    )
    waiting = set(oldest.exclude(queue="").values_list("queue", flat=True)[:MOST_COUNTED])
    if not waiting:
        return []
    consumed = {name for worker in living_workers(now) for name in worker.queues}
    return sorted(waiting - consumed)


def count_up_to(rows: QuerySet[Any], most: int = MOST_COUNTED) -> int:
    """Return how many *rows* there are, up to *most*, so that the count stays cheap."""
    return rows.order_by()[:most].count()


def troubles(now: datetime) -> list[Trouble]:
    """Return what waits for a person at *now*; nothing that there is none of."""
    day = now - timedelta(days=1)
    lists: dict[str, QuerySet[Any]] = {
        "overdue": overdue_schedules(now),
        "set_aside": Schedule.objects.filter(upcoming.SET_ASIDE),
        "stuck": stuck_runs(),
        "dead_letters": DeadLetter.objects.open(),
        "missed": Fire.objects.filter(state=Fire.State.MISSED, claimed_at__gte=day),
        "refused": Fire.objects.filter(state=Fire.State.REFUSED, claimed_at__gte=day),
    }
    counted = {name: count_up_to(rows) for name, rows in lists.items()}
    return [Trouble(name, number) for name, number in counted.items() if number]


def templates_set_aside(models: Iterable[type[Model]]) -> dict[type[Model], int]:
    """
    Return for each of *models*, those of templates, how many the generator set aside.

    Those that have none are left out. It takes one probe of an index for each.
    """
    counted = {
        model: count_up_to(model._base_manager.filter(recurrence_due_at=SET_ASIDE))
        for model in models
    }
    return {model: number for model, number in counted.items() if number}


def _worker_silent_after() -> timedelta:
    return max(WORKER_SILENT_AFTER, 2 * conf.heartbeat)

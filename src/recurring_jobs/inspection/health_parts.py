"""Is it well: each part asked for facts in the database, and on demand the broker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, InterfaceError

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import BrokerAwayError, NotMigratedError, UnknownHealthPartError
from recurring_jobs.inspection.apps import loaded_app
from recurring_jobs.inspection.databases import missing_migrations
from recurring_jobs.inspection.liveness import (
    beats,
    count_up_to,
    overdue_schedules,
    queues_left_lying,
    stuck_runs,
)
from recurring_jobs.inspection.queues import consumed_queues, queue_sizes
from recurring_jobs.inspection.workers import workers_queues
from recurring_jobs.models import Fire, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime


#: A claimed fire that is this much older than a beat would republish it is not getting out:
#: with the ten seconds of BEAT_REPUBLISH_AFTER that is told within half a minute.
_UNSENT_AFTER: Final = timedelta(seconds=15)
#: More rows than this are not counted.
_MOST_COUNTED: Final = 1000


@dataclass(frozen=True)
class Part:
    """One part of the whole: *problem* says what is wrong with it, and is empty if nothing."""

    name: str
    problem: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.problem


def health(now: datetime, parts: Iterable[str] = ()) -> list[Part]:
    """
    Return how each of *parts* is at *now*; without any named, those that ask no broker.

    Raise UnknownHealthPartError for a name that is none of ALL_PARTS.
    """
    chosen = tuple(parts) or DATABASE_PARTS
    for name in chosen:
        if name not in _PARTS:
            raise UnknownHealthPartError(name, ALL_PARTS)
    found = []
    for name in chosen:
        try:
            found.append(Part(name, _PARTS[name](now)))
        except (DatabaseError, InterfaceError) as error:
            # Its text may name the server and its user.
            found.append(Part(name, f"The database does not answer: {type(error).__name__}."))
    return found


def _migrations(_now: datetime) -> str:
    missing = missing_migrations()
    return str(NotMigratedError(missing)) if missing else ""


def _beats(now: datetime) -> str:
    if any(beat.is_alive for beat in beats(now)):
        return ""
    if not Schedule.objects.filter(periodic_task__enabled=True).exists():
        return ""  # there is nothing to fire
    return "No beat has ticked for 30 seconds."


def _clocks(now: datetime) -> str:
    wrong = [beat for beat in beats(now) if beat.is_alive and beat.has_wrong_clock]
    return " ".join(
        f"The clock of {beat.name} is {beat.clock_skew.total_seconds():+.1f} seconds off."
        for beat in wrong
    )


def _schedules(now: datetime) -> str:
    count = count_up_to(overdue_schedules(now), _MOST_COUNTED)
    return f"{count} overdue." if count else ""


def _fires(now: datetime) -> str:
    before = now - conf.beat_republish_after - _UNSENT_AFTER
    unsent = Fire.objects.filter(state=Fire.State.CLAIMED, claimed_at__lt=before)
    count = count_up_to(unsent, _MOST_COUNTED)
    return f"{count} claimed but not sent: the broker does not take them." if count else ""


def _runs(_now: datetime) -> str:
    count = count_up_to(stuck_runs(), _MOST_COUNTED)
    return f"{count} without a sign of life, and nobody took them up." if count else ""


def _workers(now: datetime) -> str:
    left = queues_left_lying(now)
    return f"Runs wait in {', '.join(left)}, and no worker consumes that." if left else ""


def _broker(_now: datetime) -> str:
    try:
        queue_sizes(loaded_app(), [])
    except BrokerAwayError as error:
        return str(error)
    return ""


def _queues(_now: datetime) -> str:
    app = loaded_app()
    try:
        sizes = queue_sizes(app, consumed_queues(app))
        waiting = {queue: size for queue, size in sizes.items() if size}
        if not waiting:
            return ""
        consumed = {queue for queues in workers_queues(app).values() for queue in queues}
    except BrokerAwayError as error:
        return str(error)
    left = {queue: size for queue, size in waiting.items() if queue not in consumed}
    return " ".join(f"{size} in {queue}, and no worker for it." for queue, size in left.items())


_PARTS: Final[dict[str, Callable[[datetime], str]]] = {
    "migrations": _migrations,
    "beats": _beats,
    "clocks": _clocks,
    "schedules": _schedules,
    "fires": _fires,
    "runs": _runs,
    "workers": _workers,
    "broker": _broker,
    "queues": _queues,
}
#: What can be asked.
ALL_PARTS: Final = tuple(_PARTS)
#: What is asked of the database alone.
DATABASE_PARTS: Final = ALL_PARTS[:-2]

"""The names of the message headers that tell a worker what a run belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Primary key of the fire that the run is for; set by the scheduler.
FIRE = "recurring_jobs_fire"
#: Nominal time of that fire, in ISO format; its kind; how many nominal times it stands for.
NOMINAL = "recurring_jobs_nominal"
KIND = "recurring_jobs_kind"
STANDS_FOR = "recurring_jobs_stands_for"
#: True where the sender has asked for the run to be kept as a row.
TRACKED = "recurring_jobs_tracked"
#: Task id of the dead letter that was sent again as this run.
RETRIED_FROM = "recurring_jobs_retried_from"
#: Tracebacks of earlier attempts, the last one last.
FAILURES = "recurring_jobs_failures"
#: Since when, and how often, a run has looked whether it may begin beside another.
WAITING = "recurring_jobs_waiting"

#: What belongs to one run and is not to be sent along with the next.
OWN = frozenset({FIRE, TRACKED, RETRIED_FROM, FAILURES, WAITING})


@dataclass(frozen=True, slots=True)
class FireFacts:
    """What a run was fired for."""

    #: The time that the schedule names, aware, in UTC; not when it was done.
    nominal_at: datetime
    #: ``scheduled``, ``manual`` or ``backfill``.
    kind: str
    #: How many nominal times it stands for: more than one after misfires.
    stands_for: int
    #: Name of the schedule.
    schedule: str
    #: Primary key of the fire; None for a dead letter that was sent again.
    pk: int | None


def fire_facts(sent: Mapping[str, Any] | None) -> FireFacts | None:
    """Return what the headers *sent* with a message say of its fire; None where they do not."""
    if not sent or NOMINAL not in sent:
        return None
    pk = sent.get(FIRE)
    return FireFacts(
        nominal_at=datetime.fromisoformat(sent[NOMINAL]),
        kind=str(sent.get(KIND, "scheduled")),
        stands_for=int(sent.get(STANDS_FOR, 1)),
        schedule=str(sent.get("periodic_task_name", "")),
        pk=pk if isinstance(pk, int) else None,
    )

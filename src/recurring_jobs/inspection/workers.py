"""What the workers say of themselves when they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from recurring_jobs.inspection.apps import broker_connection

if TYPE_CHECKING:
    from celery import Celery

#: Seconds to wait for answers. Workers that are slower are left out of them.
DEFAULT_TIMEOUT = 1.0


@dataclass(frozen=True)
class ActiveRun:
    """A message that a worker is executing now. Its arguments stay out: they may be secret."""

    worker: str
    task: str
    id: str
    queue: str
    started_at: datetime | None


@dataclass(frozen=True)
class ScheduledRun:
    """A message that a worker holds until its time comes, such as a retry."""

    worker: str
    task: str
    id: str
    eta: str


@dataclass(frozen=True)
class WorkerStats:
    """Figures of one worker: its pool, how many messages it has taken, its age in seconds."""

    worker: str
    pid: int
    pool: str
    concurrency: int
    prefetch: int
    uptime: int
    executed: int


def workers_ping(app: Celery, timeout: float = DEFAULT_TIMEOUT) -> list[str]:
    """Return the names of the workers that answer. Raise BrokerAwayError."""
    return sorted(_ask(app, "ping", timeout))


def workers_active(app: Celery, timeout: float = DEFAULT_TIMEOUT) -> dict[str, list[ActiveRun]]:
    """Return what each worker is executing. Raise BrokerAwayError."""
    return {
        worker: [_active(worker, request) for request in requests]
        for worker, requests in _ask(app, "active", timeout).items()
    }


def workers_reserved(app: Celery, timeout: float = DEFAULT_TIMEOUT) -> dict[str, list[ActiveRun]]:
    """Return what each worker has taken and not begun. Raise BrokerAwayError."""
    return {
        worker: [_active(worker, request) for request in requests]
        for worker, requests in _ask(app, "reserved", timeout).items()
    }


def workers_scheduled(
    app: Celery, timeout: float = DEFAULT_TIMEOUT
) -> dict[str, list[ScheduledRun]]:
    """Return what each worker holds until later, the soonest first. Raise BrokerAwayError."""
    return {
        worker: sorted((_scheduled(worker, entry) for entry in entries), key=lambda each: each.eta)
        for worker, entries in _ask(app, "scheduled", timeout).items()
    }


def workers_registered(app: Celery, timeout: float = DEFAULT_TIMEOUT) -> dict[str, list[str]]:
    """Return the names of the tasks that each worker knows. Raise BrokerAwayError."""
    return {
        worker: sorted(str(line).split(" [")[0] for line in lines)
        for worker, lines in _ask(app, "registered", timeout).items()
    }


def workers_queues(app: Celery, timeout: float = DEFAULT_TIMEOUT) -> dict[str, list[str]]:
    """Return the names of the queues that each worker consumes. Raise BrokerAwayError."""
    return {
        worker: sorted(str(queue["name"]) for queue in queues)
        for worker, queues in _ask(app, "active_queues", timeout).items()
    }


def workers_stats(app: Celery, timeout: float = DEFAULT_TIMEOUT) -> list[WorkerStats]:
    """Return the figures of each worker that answers. Raise BrokerAwayError."""
    answers = _ask(app, "stats", timeout)
    return [_stats(worker, answer) for worker, answer in sorted(answers.items())]


def _ask(app: Celery, question: str, timeout: float) -> dict[str, Any]:
    with broker_connection(app) as connection:
        inspect = app.control.inspect(timeout=timeout, connection=connection)
        answers = getattr(inspect, question)() or {}
    return {
        worker: answer
        for worker, answer in sorted(answers.items())
        if not (isinstance(answer, dict) and "error" in answer)
    }


def _active(worker: str, request: dict[str, Any]) -> ActiveRun:
    started = request.get("time_start")
    return ActiveRun(
        worker=worker,
        task=str(request["name"]),
        id=str(request["id"]),
        queue=str((request.get("delivery_info") or {}).get("routing_key") or ""),
        started_at=None if started is None else datetime.fromtimestamp(started, UTC),
    )


def _scheduled(worker: str, entry: dict[str, Any]) -> ScheduledRun:
    request = entry["request"]
    return ScheduledRun(
        worker=worker,
        task=str(request["name"]),
        id=str(request["id"]),
        eta=str(entry.get("eta") or ""),
    )


def _stats(worker: str, answer: dict[str, Any]) -> WorkerStats:
    pool = answer.get("pool") or {}
    return WorkerStats(
        worker=worker,
        pid=int(answer.get("pid") or 0),
        pool=str(pool.get("implementation") or "").rpartition(":")[2],
        concurrency=int(pool.get("max-concurrency") or 0),
        prefetch=int(answer.get("prefetch_count") or 0),
        uptime=int(answer.get("uptime") or 0),
        executed=sum(int(count) for count in (answer.get("total") or {}).values()),
    )

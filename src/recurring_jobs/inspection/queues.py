"""Which queues the project sends to, and how many messages wait in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from recurring_jobs.inspection.apps import broker_connection
from recurring_jobs.inspection.liveness import living_workers
from recurring_jobs.inspection.workers import (
    DEFAULT_TIMEOUT,
    ActiveRun,
    workers_active,
    workers_reserved,
)
from recurring_jobs.periodic.registry import collect_declarations

if TYPE_CHECKING:
    from celery import Celery
    from kombu import Connection


@dataclass(frozen=True)
class QueueFacts:
    """
    One queue: messages that wait, messages at work, and living workers that consume it.

    *silent* of the workers did not answer in time, so nobody knows what they have at work.
    """

    queue: str
    waiting: int
    at_work: int
    workers: int
    silent: int

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nothing of it waits and nothing is at work."""
        return not self.waiting and not self.at_work and not self.silent


def consumed_queues(app: Celery) -> list[str]:
    """
    Return the queues that workers must consume for nothing to be left lying.

    The default queue comes first; then those that ``task_queues``, declared schedules,
    tasks and ``task_routes`` name. Queues that a router function may choose are not known,
    and declarations that are wrong name none.
    """
    declarations, _problems = collect_declarations(app)
    declared = {each.queue for each in declarations}
    tasks = {getattr(task, "queue", None) for task in app.tasks.values()}
    routed = set(_queues_of(app.conf.task_routes))
    configured = {getattr(queue, "name", queue) for queue in app.conf.task_queues or ()}
    default = str(app.conf.task_default_queue)
    named = {
        str(getattr(each, "name", each)) for each in declared | tasks | routed | configured if each
    }
    return [default, *sorted(named - {default})]


def queue_sizes(app: Celery, queues: Iterable[str]) -> dict[str, int]:
    """Return how many messages wait in each queue; 0 where it does not exist yet."""
    with broker_connection(app) as connection:
        return {queue: _size(connection, queue) for queue in queues}


def queue_facts(
    app: Celery, queues: Iterable[str], timeout: float = DEFAULT_TIMEOUT
) -> list[QueueFacts]:
    """
    Return the facts of each queue: of the broker, of workers, and who these are of the database.

    Work goes from the queue to what a worker has reserved, and to what it executes; they
    are asked in this order, so that nothing slips through in between. What waits for its
    time in a worker, such as a retry, does not count. Raise BrokerAwayError.
    """
    names = list(queues)
    waiting = queue_sizes(app, names)
    reserved, active = workers_reserved(app, timeout), workers_active(app, timeout)
    at_work = Counter(
        queue
        for queue, _id in {(run.queue, run.id) for each in (reserved, active) for run in _all(each)}
    )
    consumers = {each.name: set(each.queues) for each in living_workers(timezone.now())}
    answered = reserved.keys() & active.keys()
    return [
        QueueFacts(
            queue=name,
            waiting=waiting[name],
            at_work=at_work[name],
            workers=sum(name in known for known in consumers.values()),
            silent=sum(
                name in known for worker, known in consumers.items() if worker not in answered
            ),
        )
        for name in names
    ]


def purge_queues(app: Celery, queues: Iterable[str]) -> dict[str, int]:
    """Remove every waiting message of *queues* for good; return how many of each."""
    with broker_connection(app) as connection:
        return {queue: _purge(connection, queue) for queue in queues}


def _all(by_worker: Mapping[str, list[ActiveRun]]) -> Iterable[ActiveRun]:
    return (run for runs in by_worker.values() for run in runs)


def _queues_of(routes: Any) -> Iterable[str]:
    """
    Return the queue names in a ``task_routes`` value: dicts, pairs and lists of them.
    """
    if isinstance(routes, Mapping):
        for route in routes.values():
            queue = route.get("queue") if isinstance(route, Mapping) else route
            if queue:
                yield str(getattr(queue, "name", queue))
    elif isinstance(routes, (list, tuple)):
        is_pair = len(routes) == 2 and isinstance(routes[1], Mapping) and "queue" in routes[1]
        for each in [{routes[0]: routes[1]}] if is_pair else routes:
            yield from _queues_of(each)


def _size(connection: Connection, queue: str) -> int:
    # A channel each: RabbitMQ closes the channel that asked for a queue it does not have.
    channel: Any = connection.channel()
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except connection.channel_errors:
        return 0


def _purge(connection: Connection, queue: str) -> int:
    channel: Any = connection.channel()
    try:
        return int(channel.queue_purge(queue) or 0)
    except connection.channel_errors:
        return 0

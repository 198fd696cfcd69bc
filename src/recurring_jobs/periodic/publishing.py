"""The way from a claimed fire to a message with the broker."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from celery.app import app_or_default

from recurring_jobs.patience import transport_options

if TYPE_CHECKING:
    from recurring_jobs.periodic.models import Fire

#: How many messages go to the broker in one go, where it can take several. Where it goes
#: away meanwhile nobody knows which of them it has, and all are sent again.
TOGETHER = 50
#: Seconds that the broker has for an answer.
PATIENCE = 5.0


def prepare(connection: Any) -> Any:
    """
    Make *connection* notice a broker that accepts and then says nothing; return it.

    Without a limit a beat would wait for such a one for ever. RabbitMQ is asked to confirm
    each message, since it would otherwise be lost in between without a word.
    """
    limits = transport_options(connection.transport_cls)
    if limits:
        connection.connect_timeout = min(connection.connect_timeout or PATIENCE, PATIENCE)
        connection.transport_options = {**limits, **(connection.transport_options or {})}
    return connection


def together(producer: Any) -> tuple[int, AbstractContextManager[Any]]:
    """
    Return how many messages *producer* may send in one go, and within what.

    With Redis that is one round trip for all instead of one for each; they are with the
    broker when the context ends without an error, and not before. Other transports, and a
    kombu before 5.7, send one at a time.
    """
    if not getattr(producer, "supports_batch_publish", False):
        return 1, nullcontext()
    return TOGETHER, producer.batch()


def stop(task_ids: list[str], *, terminate: bool) -> None:
    """
    Have workers drop these messages where they have not begun, or kill what has begun.

    Raise one of patience.BROKER_ERRORS when the broker is away.
    """
    app_or_default().control.revoke(task_ids, terminate=terminate, signal="SIGKILL")


def publish(fire: Fire, task: Any, *, producer: Any = None) -> None:
    """
    Send the message of *fire*, as its PeriodicTask row *task* says.

    The task id is the fire's own, so a second message of one fire is the same run. Raise
    one of BROKER_ERRORS when the broker does not take it.
    """
    app = app_or_default()
    arguments = _arguments(fire, task)
    options = _options(fire, task)
    if producer is not None:
        # A beat tries again by itself, with all that waits, and must not be held up here.
        options |= {"producer": producer, "retry": False}
    known = app.tasks.get(task.task)
    if known is not None:
        known.apply_async(*arguments, **options)
    else:
        app.send_task(task.task, *arguments, **options)


def _arguments(fire: Fire, task: Any) -> tuple[Any, dict[str, Any]]:
    if fire.arguments is not None:  # of a person who fired it by hand
        return fire.arguments["args"], fire.arguments["kwargs"]
    return json.loads(task.args or "[]"), json.loads(task.kwargs or "{}")


def _options(fire: Fire, task: Any) -> dict[str, Any]:
    names = ("queue", "exchange", "routing_key", "priority")
    options = {name: getattr(task, name) for name in names if getattr(task, name) is not None}
    expires = task.expires or task.expire_seconds
    if expires:
        options["expires"] = expires
    schedule = task.recurring_schedule
    limits = {"time_limit": schedule.time_limit, "soft_time_limit": schedule.soft_time_limit}
    options.update({name: limit for name, limit in limits.items() if limit is not None})
    options["task_id"] = fire.task_id
    options["headers"] = {
        **json.loads(task.headers or "{}"),
        "periodic_task_name": task.name,
        "celery_beat_task": True,
        "recurring_jobs_fire": fire.pk,
        "recurring_jobs_nominal": fire.nominal_at.isoformat(),
        "recurring_jobs_kind": str(fire.kind),
        "recurring_jobs_stands_for": fire.stands_for,
    }
    return options

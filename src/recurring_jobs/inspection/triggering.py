"""Sending one run of a task because somebody outside asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from celery import states

from recurring_jobs.exceptions import UnknownTaskError
from recurring_jobs.inspection.apps import broker_of
from recurring_jobs.inspection.arguments import check_arguments
from recurring_jobs.inspection.runs import as_json
from recurring_jobs.runs.failures import type_name
from recurring_jobs.runs.headers import TRACKED
from recurring_jobs.runs.sending import Message, forget, load_tasks, record_queued, send
from recurring_jobs.runs.states import RunState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from celery import Celery


class Mode(StrEnum):
    """Where a triggered run is executed."""

    QUEUED = "queued"
    IN_PROCESS = "in_process"


@dataclass(frozen=True)
class Triggered:
    """What became of a trigger; of a run in a queue only that it is there."""

    id: str
    task: str
    state: str
    exception: str | None = None
    has_result: bool = False
    result: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can carry; a key only where there is something to tell."""
        told = {"id": self.id, "task": self.task, "state": self.state}
        if self.has_result:
            told["result"] = self.result
        if self.exception:
            told["exception"] = self.exception
        return told


def triggerable_task(app: Celery, name: str) -> Any:
    """
    Return the task *name* if its code says ``triggerable = True``.

    The name is only looked up among registered tasks, never imported. Raise
    UnknownTaskError, the same for a task that does not exist and one that may not be
    triggered.
    """
    load_tasks(app)
    task = app.tasks.get(name)
    if getattr(task, "triggerable", False) is not True:
        raise UnknownTaskError(name)
    return task


def trigger_task(
    app: Celery,
    name: str,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    mode: Mode = Mode.QUEUED,
    *,
    run_id: str = "",
) -> Triggered:
    """
    Start one run of *name*: send it to the task's own queue, or execute it here and wait.

    The run is on record before it is sent. Called again with the same *run_id*, for want of
    an answer, it makes no second run. Raise UnknownTaskError, InvalidArgumentError,
    or BrokerAwayError, and then there is no run.
    """
    task = triggerable_task(app, name)
    kwargs = dict(kwargs or {})
    check_arguments(task, args, kwargs)
    run_id = run_id or str(uuid4())
    message = Message(run_id, task.name, list(args), kwargs, queue=_queue_of(app, task))
    run, _is_new = record_queued(message)
    if run.state != RunState.QUEUED:
        return Triggered(run_id, task.name, run.state)
    if mode is Mode.IN_PROCESS:
        return _execute(task, run_id, args, kwargs)
    try:
        with broker_of(app):
            send(message)
    except Exception:
        forget(message)
        raise
    return Triggered(run_id, task.name, str(RunState.QUEUED))


def _execute(task: Any, run_id: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Triggered:
    done = task.apply(
        list(args), dict(kwargs), task_id=run_id, throw=False, headers={TRACKED: True}
    )
    if done.state == states.SUCCESS:
        has_result, result = as_json(done.result)
        return Triggered(run_id, task.name, str(RunState.SUCCEEDED), None, has_result, result)
    if done.state == states.FAILURE:
        return Triggered(run_id, task.name, str(RunState.FAILED), type_name(done.result))
    return Triggered(run_id, task.name, str(RunState.SKIPPED))


def _queue_of(app: Celery, task: Any) -> str:
    options = {"queue": task.queue} if getattr(task, "queue", None) else {}
    queue = app.amqp.router.route(options, task.name).get("queue", "")
    return str(getattr(queue, "name", queue))

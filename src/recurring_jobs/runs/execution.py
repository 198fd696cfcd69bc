"""What is known of one attempt at a run, gathered from a task's request or a raw message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recurring_jobs.conf import conf
from recurring_jobs.runs import failures, headers
from recurring_jobs.runs.arguments import (
    StoredArguments,
    parameter_names,
    redactor_for,
    stored_arguments,
)
from recurring_jobs.runs.redaction import REDACTED
from recurring_jobs.runs.task import BaseTaskWithRetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from recurring_jobs.runs.redaction import Redactor


@dataclass(frozen=True, slots=True)
class Execution:
    """One attempt at a run: of which task, for whom, where, with which arguments."""

    task_id: str
    task: str
    root_id: str = ""
    #: Counted from 1; 0 before the first, and where it is not known.
    attempt: int = 0
    worker: str = ""
    queue: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    parameters: Sequence[str] = ()
    redactor: Redactor = field(default_factory=redactor_for)
    #: Whether it goes on under the id of another task that was replaced with it.
    is_replacement: bool = False

    @property
    def fire_id(self) -> int | None:
        """Primary key of the fire that the run is for."""
        value = self.headers.get(headers.FIRE)
        return value if isinstance(value, int) else None

    @property
    def retried_from(self) -> str:
        """Task id of the dead letter that was sent again as this run."""
        return str(self.headers.get(headers.RETRIED_FROM) or "")

    def stored_arguments(self) -> StoredArguments:
        """Return the arguments as they are stored."""
        return stored_arguments(
            self.args, self.kwargs, redactor=self.redactor, names=self.parameters
        )

    def stored_headers(self) -> dict[str, Any]:
        """Return the headers that are to travel along when the run is sent again."""
        sent = {name: value for name, value in self.headers.items() if name not in headers.OWN}
        stored = stored_arguments((), sent, redactor=self.redactor)
        return {name: value for name, value in stored.kwargs.items() if value != REDACTED}

    def facts(self) -> dict[str, Any]:
        """Return what a log record says of the run."""
        return {"task": self.task, "run_id": self.task_id, "attempt": self.attempt}


def execution_of(
    task: Any,
    request: Any,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Execution:
    """Return the execution that *request* of *task* is, or of *args* where those are given."""
    return Execution(
        task_id=request.id,
        task=task.name,
        root_id=request.root_id or request.id,
        attempt=(request.retries or 0) + 1,
        worker=request.hostname or "",
        queue=queue_of(request.delivery_info),
        headers=request.headers or {},
        args=args if args is not None else request.args or (),
        kwargs=kwargs if kwargs is not None else request.kwargs or {},
        parameters=parameter_names(task),
        redactor=redactor_for(task),
        is_replacement=bool(request.replaced_task_nesting),
    )


def execution_named(
    task_id: str,
    task_name: str,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    *,
    task: Any = None,
    **known: Any,
) -> Execution:
    """Return an execution without a request: one to be sent, or one reported by its id."""
    return Execution(
        task_id=task_id,
        task=task_name,
        args=args or (),
        kwargs=kwargs or {},
        parameters=parameter_names(task),
        redactor=redactor_for(task),
        **known,
    )


def facts_of(task: Any, request: Any) -> dict[str, Any]:
    """Return what a log record says of an attempt."""
    attempt = (request.retries or 0) + 1
    return {"task": task.name, "run_id": request.id, "attempt": attempt}


def queue_of(delivery_info: Mapping[str, Any] | None) -> str:
    """Return the queue that a message came by; empty where an exchange chose it."""
    info = delivery_info or {}
    return str(info.get("routing_key") or "") if not info.get("exchange") else ""


def is_kept(task: Any, request: Any) -> bool:
    """Return whether the runs of *task* that *request* belongs to are kept as rows."""
    sent = request.headers or {}
    if headers.FIRE in sent or headers.TRACKED in sent:
        return True
    if any(getattr(task, asks, False) for asks in ("tracked", "triggerable", "no_overlap")):
        return True
    return isinstance(task, BaseTaskWithRetry) and conf.track_runs == "all"


def tracebacks_of(execution: Execution, last: str) -> list[str]:
    """Return the tracebacks of all known attempts, *last* being that of this one."""
    earlier = failures.earlier_tracebacks(execution.headers)
    return [*earlier, failures.shortened(last, execution.redactor)] if last else earlier

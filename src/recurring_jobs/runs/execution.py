"""What is known of one attempt at a run, gathered from a task's request or a raw message."""

from __future__ import annotations

import os
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
from recurring_jobs.runs.attempts import HOLD
from recurring_jobs.runs.redaction import REDACTED
from recurring_jobs.runs.task import BaseTaskWithRetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from recurring_jobs.runs.redaction import Redactor

#: What the message of a run said that is said again when a person sends it.
_SAID_AGAIN = (
    *("exchange", "routing_key", "priority"),
    *("time_limit", "soft_time_limit", "ignore_result"),
)


@dataclass(frozen=True, slots=True)
class Execution:
    """One attempt at a run: of which task, for whom, where, with which arguments."""

    task_id: str
    task: str
    root_id: str = ""
    #: Counted from 1; 0 before the first, and where it is not known.
    attempt: int = 0
    worker: str = ""
    pid: int | None = None
    queue: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    parameters: Sequence[str] = ()
    redactor: Redactor = field(default_factory=redactor_for)
    #: Whether it goes on under the id of another task that was replaced with it.
    is_replacement: bool = False
    #: Token of the start that this is told of; empty where a parent process tells.
    holder: str = ""
    #: Whether that start is on record.
    is_on_record: bool = False
    #: Whether a worker has begun it, by what a parent process tells.
    was_started: bool = False
    #: Whether the broker has handed out its message before.
    is_redelivered: bool = False
    #: Whether the task runs whatever is found here: one of another class.
    cannot_be_stopped: bool = False
    #: The request that it was gathered from.
    request: Any = None

    @property
    def fire_id(self) -> int | None:
        """Primary key of the fire that the run is for."""
        value = self.headers.get(headers.FIRE)
        return value if isinstance(value, int) else None

    @property
    def retried_from(self) -> str:
        """Task id of the dead letter that was sent again as this run."""
        return str(self.headers.get(headers.RETRIED_FROM) or "")

    @property
    def is_likely_new(self) -> bool:
        """Whether nobody has had a reason yet to make the row of the run."""
        return (
            self.attempt == 1
            and not self.is_redelivered
            and not self.is_replacement
            and headers.TRACKED not in self.headers
        )

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

    def stored_options(self) -> dict[str, Any]:
        """Return what the message says beside the arguments, to send it again just so."""
        if self.request is None:
            return {}
        return stored_arguments((), message_options(self.request), redactor=self.redactor).kwargs

    def options_said_again(self) -> dict[str, Any]:
        """Return what the message says beside arguments, headers and queue that is to stay so."""
        return {} if self.request is None else said_again(message_options(self.request))

    def facts(self) -> dict[str, Any]:
        """Return what a log record says of the run."""
        return {"task": self.task, "run_id": self.task_id, "attempt": self.attempt}


def execution_of(
    task: Any,
    request: Any,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    was_started: bool = False,
) -> Execution:
    """Return the execution that *request* of *task* is, or of *args* where those are given."""
    hold = getattr(request, HOLD, None)
    return Execution(
        task_id=request.id,
        task=task.name,
        root_id=request.root_id or request.id,
        attempt=(request.retries or 0) + 1,
        worker=request.hostname or "",
        pid=os.getpid(),
        queue=queue_of(request.delivery_info),
        headers=request.headers or {},
        args=args if args is not None else request.args or (),
        kwargs=kwargs if kwargs is not None else request.kwargs or {},
        parameters=parameter_names(task),
        redactor=redactor_for(task),
        is_replacement=bool(request.replaced_task_nesting),
        holder=hold.token if hold else "",
        is_on_record=bool(hold and hold.is_on_record),
        was_started=was_started,
        is_redelivered=is_redelivered(request),
        cannot_be_stopped=not isinstance(task, BaseTaskWithRetry),
        request=request,
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


def message_options(request: Any) -> dict[str, Any]:
    """Return the options of ``apply_async`` that make the message of *request* once more."""
    options = {
        name: value
        for name, value in request.as_execution_options().items()
        if value not in (None, [], {}, 0, "") and name != "task_id"
    }
    if "ignore_result" in vars(request):
        options["ignore_result"] = request.ignore_result
    info = request.delivery_info or {}
    queue = queue_of(info)
    known = ("priority",) if queue else ("priority", "exchange", "routing_key")
    options.update({name: info[name] for name in known if info.get(name) is not None})
    return {**options, "queue": queue} if queue else options


def said_again(options: Mapping[str, Any], queue: str = "") -> dict[str, Any]:
    """
    Return what of *options* goes with a message that a person sends again to *queue*.

    Not when it was to begin, when to be dropped, nor to whom it had to answer.
    """
    said = {name: options[name] for name in _SAID_AGAIN if name in options}
    return {**said, "queue": queue} if queue and "exchange" not in said else said


def is_redelivered(request: Any) -> bool:
    """Return whether the broker has handed out the message of *request* before."""
    return bool((getattr(request, "delivery_info", None) or {}).get("redelivered"))


def facts_of(task: Any, request: Any) -> dict[str, Any]:
    """Return what a log record says of an attempt."""
    attempt = (request.retries or 0) + 1
    return {"task": task.name, "run_id": request.id, "attempt": attempt}


def queue_of(delivery_info: Mapping[str, Any] | None) -> str:
    """Return the queue that a message came by; empty where an exchange chose it."""
    info = delivery_info or {}
    return str(info.get("routing_key") or "") if not info.get("exchange") else ""


def is_kept(task: Any, request: Any) -> bool:
    """Return whether the run of *task* that *request* (or an Execution) belongs to is kept."""
    sent = request.headers
    if sent and (headers.FIRE in sent or headers.TRACKED in sent):
        return True
    if not isinstance(task, BaseTaskWithRetry):
        # A class of the host's may say so too.
        return bool(getattr(task, "tracked", False) or getattr(task, "triggerable", False))
    if task.tracked or task.triggerable or task.no_overlap:
        return True
    # What comes once more may have killed a worker: from now on that is counted.
    is_again = isinstance(request, Execution) and request.is_redelivered
    return is_again or is_redelivered(request) or conf.track_runs == "all"


def tracebacks_of(execution: Execution, last: str) -> list[str]:
    """Return the tracebacks of all known attempts, *last* being that of this one."""
    earlier = failures.earlier_tracebacks(execution.headers)
    return [*earlier, failures.shortened(last, execution.redactor)] if last else earlier

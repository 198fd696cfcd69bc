"""Listens to Celery and keeps runs and dead letters; what goes wrong here harms no task."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.states import IGNORED, REJECTED, SUCCESS
from django.db import Error as DatabaseError
from django.db import connections, router

from recurring_jobs import tallies
from recurring_jobs.exceptions import RunLostError
from recurring_jobs.runs import failures, guard, rows, unbegun
from recurring_jobs.runs.attempts import HOLD
from recurring_jobs.runs.endings import give_up
from recurring_jobs.runs.execution import (
    execution_named,
    execution_of,
    facts_of,
    is_kept,
    queue_of,
)
from recurring_jobs.runs.heartbeats import Hold, heart
from recurring_jobs.runs.models import Run
from recurring_jobs.runs.overlap import overlap_policy
from recurring_jobs.runs.progress import Progress
from recurring_jobs.runs.receivers import at_the_edge, harmless
from recurring_jobs.runs.states import RunState
from recurring_jobs.runs.task import BaseTaskWithRetry, seconds_until
from recurring_jobs.signals import run_retried, run_succeeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery.exceptions import Retry

logger = logging.getLogger(__name__)

#: Marks on a request that was ignored although its run goes on elsewhere, or has ended.
_NOT_OVER = ("duplicate", "waits")
#: Where a request keeps when its attempt began, by the clock of its process.
_BEGAN_AT = "recurring_jobs_began_at"


class _Unstored(threading.local):
    """The request of this thread whose task has succeeded, and its result was not stored."""

    request: Any = None

    def take(self, task_id: str) -> Any:
        """Return the request of the run *task_id*, once; None where it is another's."""
        request, self.request = self.request, None
        return request if request is not None and request.id == task_id else None


_unstored = _Unstored()


def connect() -> None:
    """Connect the recorder to Celery's signals; a second call changes nothing."""
    receivers: dict[Any, Any] = {
        signals.task_prerun: on_prerun,
        signals.task_success: on_success,
        signals.task_retry: on_retry,
        signals.task_failure: on_failure,
        signals.task_postrun: on_postrun,
        signals.task_internal_error: on_internal_error,
        signals.task_revoked: unbegun.on_revoked,
        signals.task_unknown: unbegun.on_unknown,
        signals.task_rejected: unbegun.on_rejected,
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver, weak=False, dispatch_uid=f"recurring_jobs.{receiver.__name__}")
    signals.worker_init.connect(
        _come_last, weak=False, dispatch_uid="recurring_jobs.recorder.come_last"
    )


def _come_last(**_: Any) -> None:
    # By now Celery's own receiver is there, which closes the connections before each task:
    # ours, opened to record the start, is to serve the task and its end as well.
    uid = f"recurring_jobs.{on_prerun.__name__}"
    signals.task_prerun.disconnect(dispatch_uid=uid)
    signals.task_prerun.connect(on_prerun, weak=False, dispatch_uid=uid)


def on_prerun(task: Any, **_: Any) -> None:
    """Record that an attempt begins, and stop what is a copy of its message."""
    # Called for every task of the worker, as are the next two: no step more than is needed.
    request = task.request
    vars(request)[_BEGAN_AT] = time.monotonic()
    if request.is_eager and isinstance(task, BaseTaskWithRetry):
        task.hide_arguments()  # which have no message to come with
    if _is_kept(task, request):
        _begin(task=task, request=request)
    elif isinstance(task, BaseTaskWithRetry) and logger.isEnabledFor(logging.INFO):
        logger.info("recurring_jobs.run.started", extra=facts_of(task, request))


def on_success(sender: Any, runtime: float | None = None, **_: Any) -> None:
    """Record that a run has succeeded."""
    request = sender.request
    if runtime is None:  # Celery tells it since 5.7
        now = time.monotonic()
        runtime = now - vars(request).get(_BEGAN_AT, now)
    if _is_kept(sender, request):
        _succeed(sender=sender, request=request, runtime=runtime)
    elif isinstance(sender, BaseTaskWithRetry):
        _say_succeeded(sender, request, runtime)


def on_postrun(task: Any, state: str | None = None, retval: Any = None, **_: Any) -> None:
    """Record the ends that Celery has no signal for: rejected and ignored."""
    request = task.request
    if state != SUCCESS or HOLD in vars(request):
        _end(task=task, request=request, state=state, retval=retval)


@harmless
def _begin(task: Any, request: Any) -> None:
    if overlap_policy(task) and not guard.find_place(task):
        return
    facts = facts_of(task, request)
    if not _start(task, request) and isinstance(task, BaseTaskWithRetry):
        # The base class looks for this before it runs the task.
        request.recurring_jobs_duplicate = True
        guard.give_back(task)
        logger.warning("recurring_jobs.run.duplicate", extra=facts)
        return
    vars(request)["recurring_jobs_progress"] = Progress(task, request)
    logger.info("recurring_jobs.run.started", extra=facts)


@harmless
def _succeed(sender: Any, request: Any, runtime: float | None) -> None:
    vars(request)["recurring_jobs_is_stored"] = True

    def tell() -> None:
        if rows.end_run(execution_of(sender, request), RunState.SUCCEEDED):
            _say_succeeded(sender, request, runtime)
        else:
            facts = facts_of(sender, request)
            logger.warning("recurring_jobs.run.not_believed", extra=facts)

    _tell(request, tell)


def _say_succeeded(sender: Any, request: Any, runtime: float | None) -> None:
    if logger.isEnabledFor(logging.INFO):
        facts = {**facts_of(sender, request), "duration": runtime}
        logger.info("recurring_jobs.run.succeeded", extra=facts)
    if run_succeeded.receivers:
        attempt = (request.retries or 0) + 1
        run_succeeded.send_robust(
            sender=sender, run_id=request.id, attempt=attempt, duration=runtime
        )


@harmless
def on_retry(sender: Any, request: Any, reason: Retry | None = None, **_: Any) -> None:
    """Record that an attempt has failed and another will follow."""
    kept = _is_kept(sender, request)
    if reason is None or (not kept and not isinstance(sender, BaseTaskWithRetry)):
        return
    delay = seconds_until(reason.when)  # type: ignore[arg-type]  # no other Real
    facts = facts_of(sender, request)
    if kept:
        execution = execution_of(sender, request)
        exception = failures.sentence(execution, reason.exc)
        comes_in = delay if _is_same(reason, request) else None
        _tell(request, partial(rows.retry_run, execution, exception=exception, delay=comes_in))
        tallies.count("retries", execution.task)
    logger.info(
        "recurring_jobs.run.retried",
        extra={**facts, "delay": delay, "exception_type": _type_of(reason.exc)},
    )
    run_retried.send_robust(
        sender=sender,
        run_id=request.id,
        attempt=facts["attempt"],
        delay=delay,
        exception=reason.exc,
    )


@at_the_edge
def on_failure(
    sender: Any, task_id: str, exception: BaseException, einfo: Any = None, **reported: Any
) -> None:
    """Record that a run has failed for good: its state, and a dead letter."""
    request = sender.request
    if request.id != task_id and (unstored := _unstored.take(task_id)):
        request = unstored
        heart.forgive(getattr(request, HOLD))
    arguments = {"args": reported.get("args"), "kwargs": reported.get("kwargs")}
    if request.id == task_id:
        by_parent = isinstance(exception, (TimeLimitExceeded, WorkerLostError, RunLostError))
        execution = execution_of(sender, request, **arguments, was_started=by_parent)
    else:
        # A task of Celery's class, reported by the parent process: only this is known.
        execution = execution_named(task_id, sender.name, task=sender, **arguments)
    traceback = str(getattr(einfo, "traceback", "") or "")
    _tell(request, partial(give_up, sender, execution, exception, traceback))


@harmless
def on_internal_error(sender: Any, task_id: str, **_: Any) -> None:
    """
    Have the heartbeats tell that a run has succeeded whose result could not be stored.

    Celery goes on to report it as failed; where it can, that counts.
    """
    request = _unstored.request
    if request is not None and request.id == task_id:
        tell = partial(rows.end_run, execution_of(sender, request), RunState.SUCCEEDED)
        heart.owe(getattr(request, HOLD), tell, at_once=False)


@harmless
def _end(task: Any, request: Any, state: str | None, retval: Any) -> None:
    if state == REJECTED and not retval.requeue:
        cause = retval.reason if isinstance(retval.reason, BaseException) else retval
        execution = execution_of(task, request)
        traceback = failures.traceback_text(cause, execution.redactor)
        _tell(request, partial(give_up, task, execution, cause, traceback))
    elif not _is_kept(task, request) or _goes_on(request):
        return
    elif getattr(request, "recurring_jobs_replaced", False):
        # Another task goes on under its id.
        _tell(request, partial(rows.retry_run, execution_of(task, request), exception=""))
    elif state == IGNORED:
        execution = execution_of(task, request)
        reason = getattr(request, "recurring_jobs_skipped", "")
        reason = reason or failures.sentence(execution, retval)
        _tell(request, partial(rows.end_run, execution, RunState.SKIPPED, exception=reason))
    elif hold := getattr(request, HOLD, None):
        if state == REJECTED:
            _tell(request, partial(rows.reopen_run, execution_of(task, request)))
        elif state == SUCCESS and not getattr(request, "recurring_jobs_is_stored", False):
            # Celery is about to say so, when the request has gone.
            _unstored.request = request
        # Else the process is asked to end in the middle of the run.
        heart.let_go(hold)


def _is_kept(task: Any, request: Any) -> bool:
    # Asked of each task several times, and the answer stays the same.
    known: bool | None = vars(request).get("recurring_jobs_kept")
    if known is None:
        known = vars(request)["recurring_jobs_kept"] = is_kept(task, request)
    return known


def _goes_on(request: Any) -> bool:
    return any(getattr(request, f"recurring_jobs_{mark}", False) for mark in _NOT_OVER)


def _start(task: Any, request: Any) -> bool:
    hold = Hold(request.id, task.name)
    setattr(request, HOLD, hold)
    if not _is_in_transaction():
        heart.hold(hold)
    hold.is_on_record = rows.start_run(execution_of(task, request))
    if not hold.is_on_record:
        heart.let_go(hold)
    return hold.is_on_record


def _tell(request: Any, tell: Callable[[], object]) -> None:
    """Write what came of a run; where the database is away, leave that to the heartbeats."""
    hold: Hold | None = getattr(request, HOLD, None)
    if hold is not None:
        took = time.monotonic() - hold.begun_at
        tallies.observe(tallies.ATTEMPT_SECONDS, [took], subject=hold.task)
    try:
        tell()
    except DatabaseError:
        if hold is None or _is_in_transaction():
            raise
        logger.warning("recurring_jobs.run.owed", extra={"run_id": hold.run_id}, exc_info=True)
        heart.owe(hold, tell)
    else:
        if hold is not None:
            heart.let_go(hold)


def _is_same(reason: Retry, request: Any) -> bool:
    """Return whether the next attempt has the arguments and the queue of the one that failed."""
    following = getattr(reason, "sig", None)
    if following is None:
        return False
    here = queue_of(request.delivery_info)
    queue = following.options.get("queue") or here
    return (
        list(following.args) == list(request.args or ())
        and dict(following.kwargs) == dict(request.kwargs or {})
        and str(getattr(queue, "name", queue)) == here
    )


def _is_in_transaction() -> bool:
    # Nobody else sees the row before its transaction ends, nor could beat for it.
    return connections[router.db_for_write(Run)].in_atomic_block


def _type_of(exc: BaseException | None) -> str:
    return failures.type_name(exc) if exc is not None else ""

"""What a worker's parent process knows of its requests, and does when their worker is lost."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from billiard.einfo import ExceptionInfo
from billiard.exceptions import WorkerLostError
from celery.worker import state as worker_state
from celery.worker.request import Request
from django.db import Error as DatabaseError
from django.db import connections
from kombu.asynchronous import get_event_loop
from kombu.exceptions import OperationalError

from recurring_jobs.exceptions import RunLostError
from recurring_jobs.runs import endings, rows
from recurring_jobs.runs.execution import execution_of, is_kept
from recurring_jobs.runs.headers import TRACKED
from recurring_jobs.runs.losses import OnLost
from recurring_jobs.runs.states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celery.app.task import Context

    from recurring_jobs.runs.execution import Execution
    from recurring_jobs.runs.models import Run

logger = logging.getLogger(__name__)

#: What the parent process is told of a child that has ended under its task.
_ENDS = (SystemExit, KeyboardInterrupt)
_LOSSES = (WorkerLostError, *_ENDS)
#: Seconds after which a message comes back that could not be dropped.
COMES_BACK_IN = 1.0


class KnownRequest(Request):
    """
    A request whose run does not depend on Celery's view of a lost worker.

    A hard time limit and a lost worker are reported by the parent process, where the task
    does not run. Celery up to 5.6 hides the request from those who listen, later ones do
    so in part; then queue, attempt and headers would not be known.
    """

    if TYPE_CHECKING:
        _context: Context  # not in the stubs

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001  Celery's signature
        """Report a time limit."""
        with self._shown():
            super().on_timeout(soft, timeout)

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        """Report a failure; a lost worker is dealt with as the task's ``on_lost`` says."""
        exception = getattr(exc_info.exception, "exc", exc_info.exception)
        if self._is_wanted() and isinstance(exception, _ENDS):
            # No failure, as Celery knows from 5.7 on: the message comes back by itself.
            worker_state.task_ready(self)
            return None
        with self._shown():
            if self._is_loss(exception) and not self._has_succeeded():
                error = self._settle_loss()
                if error is None:
                    return None
                if isinstance(error, RunLostError):
                    exc_info = _info_of(error)
            return super().on_failure(exc_info, *args, **kwargs)

    def _announce_cancelled(self, *args: Any, **kwargs: Any) -> None:
        # The worker stops the task. Acknowledged late, its message comes back and may start;
        # else the run is silent from now on, and found by that.
        if not self.acknowledged and is_kept(self.task, self._context):
            try:
                rows.reopen_run(execution_of(self.task, self._context))
            except DatabaseError as error:
                self._log_not_recorded(error)
        super()._announce_cancelled(*args, **kwargs)  # type: ignore[misc]  # not in the stubs

    def _announce_revoked(self, *args: Any, **kwargs: Any) -> None:
        # Celery tells the result back end first; where that is a database which is away, the
        # error would end the worker. The message is dropped when it comes once more.
        try:
            super()._announce_revoked(*args, **kwargs)  # type: ignore[misc]  # not in the stubs
        except DatabaseError as error:
            self._log_not_recorded(error)
            _close_connections()
            self._come_back(COMES_BACK_IN)

    def _come_back(self, seconds: float) -> None:
        """Have the broker hand out the message again, after a while where that can be had."""
        hub = get_event_loop()
        if hub is None:
            self.reject(requeue=True)
        else:
            hub.call_later(seconds, self.reject, True)  # noqa: FBT003  by kombu's timer

    def _is_wanted(self) -> bool:
        """Whether the worker itself has ended the child, or was told to."""
        return bool(self._already_cancelled or self._already_revoked)  # type: ignore[attr-defined]

    def _is_loss(self, exception: BaseException) -> bool:
        return isinstance(exception, _LOSSES) and not self._is_wanted()

    def _has_succeeded(self) -> bool:
        # From Celery 5.7 on: the result was stored before the worker was lost.
        asked = getattr(super(), "_success_was_stored", None)
        if asked is None or not asked():
            return False
        if is_kept(self.task, self._context):
            execution = execution_of(self.task, self._context, was_started=True)
            try:
                rows.end_run(execution, RunState.SUCCEEDED)
            except DatabaseError as error:
                self._log_not_recorded(error)
        return True

    def _settle_loss(self) -> BaseException | None:
        """Deal with the loss; return what is to be reported of it, or None for nothing."""
        execution = execution_of(self.task, self._context, was_started=True)
        try:
            run = _row_of(execution, is_kept=is_kept(self.task, self._context))
            outcome = run and endings.settle_loss(self.task, run, send=self._send_again)
        except (OperationalError, OSError):
            # The broker is away: whoever finds the run silent sends it.
            logger.warning("recurring_jobs.run.not_sent", extra=execution.facts(), exc_info=True)
            outcome = OnLost.RETRY
        except DatabaseError as error:
            self._log_not_recorded(error)
            return error
        if run is not None and outcome in {OnLost.DEAD_LETTER, OnLost.LOST}:
            return endings.loss_of(self.task, run.crashes + 1)
        worker_state.task_ready(self)
        if self.task.acks_late:
            self.acknowledge()
        return None

    def _send_again(self) -> None:
        request = self._context
        sent = {**(request.headers or {}), TRACKED: True}
        self.task.signature_from_request(request, headers=sent).apply_async()

    def _log_not_recorded(self, error: Exception) -> None:
        logger.error("recurring_jobs.run.not_recorded", extra={"run_id": self.id}, exc_info=error)

    @contextmanager
    def _shown(self) -> Iterator[None]:
        self.task.request_stack.push(self._context)
        try:
            yield
        finally:
            self.task.request_stack.pop()


def _close_connections() -> None:
    """Have this process connect anew: nobody else closes what the result back end has used."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def _row_of(execution: Execution, *, is_kept: bool) -> Run | None:
    """Return the row of the lost run; one that was not kept is, from its first crash on."""
    if not is_kept:
        rows.start_run(replace(execution, holder="crashed"))
    return rows.running_at(execution)


def _info_of(error: RunLostError) -> ExceptionInfo:
    try:
        raise error
    except RunLostError:
        return ExceptionInfo()

"""How a run that does not succeed ends: its state, a dead letter, and who is told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from billiard.exceptions import WorkerLostError
from celery import Task
from django.db import router, transaction

from recurring_jobs import tallies
from recurring_jobs.exceptions import RunLostError
from recurring_jobs.runs import failures, locks, rows
from recurring_jobs.runs.execution import is_kept
from recurring_jobs.runs.losses import OnLost, on_loss
from recurring_jobs.runs.models import DeadLetter, Run
from recurring_jobs.runs.overlap import overlap_policy
from recurring_jobs.runs.states import RunState
from recurring_jobs.runs.task import BaseTaskWithRetry
from recurring_jobs.signals import run_gave_up, run_lost

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from recurring_jobs.runs.execution import Execution

logger = logging.getLogger(__name__)


def give_up(task: Any, execution: Execution, exception: BaseException, last_traceback: str) -> None:
    """
    End the run of *execution* for good, with a dead letter where its task is one of ours.

    Nothing is written of a run that has ended before or that somebody else holds.
    """
    is_foreign = isinstance(task, Task) and not isinstance(task, BaseTaskWithRetry)
    has_run = is_kept(task, execution) or (is_foreign and _has_run(execution))
    if is_foreign and not has_run:
        return
    is_lost = isinstance(exception, WorkerLostError | RunLostError)
    state = RunState.LOST if is_lost else RunState.FAILED
    letter, is_new = None, False
    with transaction.atomic(using=router.db_for_write(DeadLetter)):
        if has_run and not rows.end_run(
            execution, state, exception=failures.sentence(execution, exception)
        ):
            logger.warning("recurring_jobs.run.not_believed", extra=execution.facts())
            return
        if not is_foreign and not (is_lost and task.on_lost == OnLost.LOST):
            letter, is_new = rows.keep_letter(execution, exception, last_traceback)
        if overlap_policy(task):
            # The parent process reports a child that was killed with the lock in its hand.
            locks.free_run(execution.task_id)
    if is_new:
        facts = {**execution.facts(), "exception_type": failures.type_name(exception)}
        logger.error("recurring_jobs.run.gave_up", extra=facts)
        run_gave_up.send_robust(
            sender=execution.task,
            run_id=execution.task_id,
            dead_letter=letter,
            exception=exception,
        )


def settle_loss(
    task: Any,
    run: Run,
    *,
    send: Callable[[], None],
    is_sendable: bool = True,
    silent_for: timedelta | None = None,
) -> OnLost | None:
    """
    Deal with *run* of *task*, whose worker or sender was lost; return how, or None if that is done.

    By compare-and-set one of any number of processes does, and only where the run still
    has the holder that was read, silent for *silent_for* where that is given. A run that
    is to go on is sent by calling *send*; where that raises, whoever next finds the run
    silent sends it. Any other is left for ``give_up``. One that was never sent goes on
    whatever the task says of losses.
    """
    token = uuid4().hex
    is_crash = run.state == RunState.RUNNING.value
    is_unsent = run.state == RunState.QUEUED.value
    if not rows.claim_lost(run, token, silent_for=silent_for):
        return None
    crashes = run.crashes + is_crash
    outcome = on_loss(
        OnLost.RETRY if is_unsent else OnLost(getattr(task, "on_lost", OnLost.LOST)),
        crashes=crashes,
        max_crashes=getattr(task, "max_crashes", 1),
        is_sendable=is_sendable,
    )
    if is_crash:
        facts = {"task": run.task, "run_id": run.pk, "attempt": run.attempt}
        told = {"crashes": crashes, "outcome": outcome.value}
        logger.warning(
            "recurring_jobs.run.lost", extra={**facts, **told, "lost_worker": run.worker}
        )
        tallies.count("crashes", run.task)
        run_lost.send_robust(sender=run.task, run_id=run.pk, **told)
    if outcome is OnLost.RETRY:
        send()
        rows.give_back(run.pk, token, may_come_twice=isinstance(task, BaseTaskWithRetry))
    return outcome


def loss_of(task: Any, crashes: int, *, is_sendable: bool = True) -> RunLostError:
    """
    Return the error that a run of *task* ends with that was lost *crashes* times.

    None at all: it was lost before it was sent.
    """
    if crashes and getattr(task, "on_lost", OnLost.LOST) != OnLost.RETRY:
        return RunLostError(crashes)
    if not is_sendable:
        return RunLostError(crashes, "Its arguments are not stored as they were sent.")
    return RunLostError(crashes, f"It may be lost {task.max_crashes} times (max_crashes).")


def _has_run(execution: Execution) -> bool:
    if execution.attempt:
        return False  # The request was there to be asked, and wanted none.
    return Run.objects.using(router.db_for_write(Run)).filter(pk=execution.task_id).exists()

"""Has a run end because a person says so, whether it waits or is at work."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Any

from celery import current_app
from django.db import router
from django.utils import timezone
from kombu.exceptions import OperationalError

from recurring_jobs import tallies
from recurring_jobs.exceptions import RunEndedError
from recurring_jobs.runs import locks
from recurring_jobs.runs.models import Run
from recurring_jobs.runs.states import RunState
from recurring_jobs.runs.task import BaseTaskWithRetry

logger = logging.getLogger(__name__)


class Cancelled(StrEnum):
    """What came of cancelling a run."""

    #: It waited, and has ended.
    ENDED = "ended"
    #: It is at work, and was asked to end.
    ASKED = "asked"
    #: It is at work, and its worker was told to kill it.
    KILLED = "killed"


def cancel(run: Run, *, by: object = None, kill: bool = False) -> Cancelled:
    """
    End *run* where it waits; ask it to end where a worker has it. Return which it was.

    One in the queue or between two attempts has ended when this returns, and whatever
    message of it is under way starts nothing. One at work learns of it from
    ``self.cancel_requested()``, and ends when its task does; with *kill* its worker ends it,
    in a prefork pool. That needs the broker: what it raises is raised, and that the run was
    asked stays. Raise RunEndedError.
    """
    using = router.db_for_write(Run)
    rows = Run.objects.using(using).filter(pk=run.pk)
    now = timezone.now()
    ended: dict[str, Any] = {
        "state": RunState.SKIPPED.value,
        "finished_at": now,
        "cancel_requested_at": now,
        "exception": f"Cancelled by {by}." if by else "Cancelled.",
    }
    outcome = Cancelled.ASKED
    # Held between two attempts means that somebody is sending it again at this moment.
    if rows.waiting().filter(holder="").update(**ended):
        locks.free_run(run.pk)
        tallies.count("runs", run.task, RunState.SKIPPED.value)
        _drop_message(run)
        outcome = Cancelled.ENDED
    elif not rows.unfinished().update(cancel_requested_at=now):
        run.refresh_from_db(using=using)
        raise RunEndedError(run.pk, run.state)
    run.refresh_from_db(using=using)
    if kill and run.state == RunState.RUNNING:
        current_app.control.revoke(run.pk, terminate=True, signal="SIGKILL")
        outcome = Cancelled.KILLED
    facts = {"task": run.task, "run_id": run.pk, "by": "" if by is None else str(by)}
    logger.info("recurring_jobs.run.cancelled", extra={**facts, "outcome": outcome.value})
    return outcome


def _drop_message(run: Run) -> None:
    """Tell workers to drop the message of a task that does not look at its row itself."""
    if isinstance(current_app.tasks.get(run.task), BaseTaskWithRetry):
        return
    try:
        current_app.control.revoke(run.pk)
    except (OperationalError, OSError):
        facts = {"task": run.task, "run_id": run.pk}
        logger.warning("recurring_jobs.run.not_revoked", extra=facts, exc_info=True)

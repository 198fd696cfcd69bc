"""Keeps what became of messages without an attempt that could say so itself."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

from celery.app.task import Context
from celery.exceptions import InvalidTaskError, NotRegistered
from kombu.exceptions import KombuError

from recurring_jobs.runs import failures, locks, rows
from recurring_jobs.runs.endings import give_up
from recurring_jobs.runs.execution import execution_of, facts_of, is_kept
from recurring_jobs.runs.overlap import overlap_policy
from recurring_jobs.runs.receivers import at_the_edge
from recurring_jobs.runs.states import RunState

logger = logging.getLogger(__name__)


@at_the_edge
def on_revoked(
    sender: Any, request: Any, *, terminated: bool = False, expired: bool = False, **_: Any
) -> None:
    """Record that a run was stopped by a person, or not begun in time."""
    if not is_kept(sender, request):
        return
    reason = "Terminated." if terminated else "Expired." if expired else "Revoked."
    state = RunState.FAILED if terminated else RunState.SKIPPED
    execution = execution_of(sender, request, was_started=terminated)
    rows.end_run(execution, state, exception=reason)
    if terminated and overlap_policy(sender):
        locks.free_run(request.id)
    logger.info("recurring_jobs.run.revoked", extra={**facts_of(sender, request), "reason": reason})


@at_the_edge
def on_unknown(message: Any, name: str, **_: Any) -> None:
    """Keep the message of a task that this worker does not know, which Celery drops."""
    _keep_message(message, NotRegistered(name))


@at_the_edge
def on_rejected(message: Any, exc: BaseException | None = None, **_: Any) -> None:
    """Keep a message that this worker cannot read as a task, if it says which it is."""
    _keep_message(message, exc or InvalidTaskError("The message cannot be read."))


def _keep_message(message: Any, exception: BaseException) -> None:
    sent = message.headers or {}
    if not sent.get("id") or not sent.get("task"):
        return
    try:
        args, kwargs, _embed = message.payload
    except (KombuError, TypeError, ValueError):
        logger.exception("recurring_jobs.message.not_read", extra={"run_id": str(sent["id"])})
        return
    request = Context(sent, args=args, kwargs=kwargs, delivery_info=message.delivery_info)
    task = SimpleNamespace(name=sent["task"])
    execution = execution_of(task, request)
    give_up(task, execution, exception, f"{failures.type_name(exception)}: {exception}")

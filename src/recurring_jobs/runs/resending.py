"""Sends the task of a run that has ended once more, as a run of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from django.db import router, transaction

from recurring_jobs.exceptions import NotSendableError, RunGoesOnError
from recurring_jobs.runs import headers
from recurring_jobs.runs.arguments import is_as_sent
from recurring_jobs.runs.execution import said_again
from recurring_jobs.runs.models import DeadLetter, Run
from recurring_jobs.runs.sending import Message, forget, record_queued, send
from recurring_jobs.runs.states import RunState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

logger = logging.getLogger(__name__)


def send_again(
    run: Run,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    once: str = "",
) -> str:
    """
    Send the task of *run* to a worker once more and return the task id of the new run.

    *args* and *kwargs* replace the stored ones. With *once*, any text, calls that give the
    same send one message. It goes out when the surrounding transaction commits; where the
    broker does not take it, the new run is removed and the error is raised.

    Raise RunGoesOnError while *run* has not ended, and NotSendableError where it has an
    open dead letter, which is what to send, or does not hold the arguments as they were.
    """
    using = router.db_for_write(Run)
    stored = run.options if is_as_sent(run.options) else {}
    sent = (stored.get("headers") or {}).items()
    identity = f"recurring_jobs:again:{run.pk}:{once}"
    message = Message(
        task_id=str(uuid5(NAMESPACE_URL, identity) if once else uuid4()),
        task=run.task,
        args=list(run.args if args is None else args),
        kwargs=dict(run.kwargs if kwargs is None else kwargs),
        queue=run.queue,
        root_id=run.root_id or run.pk,
        retried_from=run.pk,
        headers={name: value for name, value in sent if name not in headers.OWN},
        options=said_again(stored, run.queue),
    )
    _refuse_unsendable(run, message)
    with transaction.atomic(using=using):
        # Of any number of calls at once one makes the row, and sends.
        _row, is_first = record_queued(message)
        if is_first:
            transaction.on_commit(lambda: _publish(run, message), using=using)
    return message.task_id


def not_sendable_reason(run: Run) -> str:
    """Return why *run* cannot be sent again with the arguments that are kept; empty if it can."""
    if not RunState(run.state).is_final:
        return str(RunGoesOnError(run, run.state))
    if not is_as_sent([run.args, run.kwargs]):
        return "its arguments were not kept as they were sent."
    return ""


def _refuse_unsendable(run: Run, message: Message) -> None:
    if not RunState(run.state).is_final:
        raise RunGoesOnError(run, run.state)
    letters = DeadLetter.objects.using(router.db_for_write(DeadLetter)).open()
    if letters.filter(task_id=run.pk).exists():
        raise NotSendableError(run, "it has an open dead letter. Send that one.", kind="Run")
    if not is_as_sent([message.args, message.kwargs]):
        problem = "its arguments were not kept as they were sent. Give them anew."
        raise NotSendableError(run, problem, kind="Run")


def _publish(run: Run, message: Message) -> None:
    try:
        send(message)
    except Exception as error:
        forget(message)
        if isinstance(error, TypeError):  # the task refuses these arguments
            raise NotSendableError(run, f"{error}.", kind="Run") from error
        raise
    facts = {"task": run.task, "run_id": run.pk, "sent_as": message.task_id}
    logger.info("recurring_jobs.run.sent_again", extra=facts)

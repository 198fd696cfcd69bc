"""Sends what a person asks for: on record first, so that who is killed over it loses nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from celery import current_app
from celery.app import app_or_default
from django.db import Error as DatabaseError
from django.db import router

from recurring_jobs.runs import headers, rows
from recurring_jobs.runs.arguments import stored_arguments
from recurring_jobs.runs.clock import DatabaseNow
from recurring_jobs.runs.execution import execution_named
from recurring_jobs.runs.models import Run
from recurring_jobs.runs.states import RunState
from recurring_jobs.runs.task import BaseTaskWithRetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from celery import Celery

    from recurring_jobs.runs.querysets import RunQuerySet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """One run that a person has asked for, and how it is sent."""

    task_id: str
    task: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    #: The queue that it will lie in, as far as is known.
    queue: str = ""
    #: Empty where it is the first of its line.
    root_id: str = ""
    #: Id of the run that is sent again as this one.
    retried_from: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    #: What else ``apply_async`` is to be told.
    options: Mapping[str, Any] = field(default_factory=dict)

    def sending_options(self) -> dict[str, Any]:
        """Return what ``apply_async`` is told beside arguments and id."""
        own = {headers.RETRIED_FROM: self.retried_from} if self.retried_from else {}
        root = {"root_id": self.root_id} if self.root_id else {}
        # With this header its worker goes on with the row, whatever the task is.
        return {**self.options, **root, "headers": {**self.headers, **own, headers.TRACKED: True}}


def record_queued(message: Message) -> tuple[Run, bool]:
    """
    Record that *message* is about to be sent; return the row, as it is, and whether it is new.

    It has one lease to be sent in. Then whoever looks for lost runs sends it.
    """
    options = message.sending_options()
    execution = execution_named(
        message.task_id,
        message.task,
        message.args,
        message.kwargs,
        task=known_task(message.task),
        root_id=message.root_id or message.task_id,
        queue=message.queue,
        headers=options["headers"],
    )
    using = router.db_for_write(Run)
    stored = stored_arguments((), options, redactor=execution.redactor).kwargs
    about_to = {"options": stored, "heartbeat_at": DatabaseNow()}
    run = rows.new_run(execution, RunState.QUEUED, about_to)
    if rows.insert_run(run, using):
        return run, True
    return Run.objects.using(using).get(pk=message.task_id), False


def send(message: Message) -> None:
    """
    Send *message*, which is on record, its task known here or not.

    Not where it waited for its transaction for more than a lease, and was sent by others
    since. Raise TypeError where the task refuses the arguments, and what the broker raises;
    call ``forget`` then.
    """
    if not _about_to_be_sent(message).update(heartbeat_at=DatabaseNow()):
        return
    _publish(message)
    try:
        is_safe = isinstance(known_task(message.task), BaseTaskWithRetry)
        resend_at = rows.resend_time() if is_safe else None
        _about_to_be_sent(message).update(heartbeat_at=None, resend_at=resend_at)
    except DatabaseError:
        # It is out. A second copy of it, which will be sent after a lease, starts nothing.
        facts = {"task": message.task, "run_id": message.task_id}
        logger.warning("recurring_jobs.run.sent_untold", extra=facts, exc_info=True)


def forget(message: Message) -> None:
    """Take *message*, which did not go out, off the record."""
    _about_to_be_sent(message).delete()


def known_task(name: str) -> Any:
    """Return the task *name* of the current app, its module imported; None if there is none."""
    app = app_or_default()
    load_tasks(app)
    return app.tasks.get(name)


@lru_cache(maxsize=8)
def load_tasks(app: Celery) -> None:
    """Import the modules that declare the tasks of *app*, once."""
    # A web process or a shell has imported only the task modules that its code uses. Without
    # its class a task has no signature to check arguments by, and no names of secrets.
    app.loader.import_default_modules()
    app.finalize()


def _about_to_be_sent(message: Message) -> RunQuerySet:
    rows_of_it = Run.objects.using(router.db_for_write(Run))
    unsent = rows_of_it.filter(state=RunState.QUEUED.value, holder="", heartbeat_at__isnull=False)
    return unsent.filter(pk=message.task_id)


def _publish(message: Message) -> None:
    options = {**message.sending_options(), "task_id": message.task_id}
    task = known_task(message.task)
    if task is None:
        current_app.send_task(message.task, list(message.args), dict(message.kwargs), **options)
    else:
        task.apply_async(tuple(message.args), dict(message.kwargs), **options)

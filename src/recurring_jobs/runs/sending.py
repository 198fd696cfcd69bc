"""Puts a run on record before its message is sent, and sends that of what ran before."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from celery import current_app
from celery.app import app_or_default
from django.db import router

from recurring_jobs.runs import headers, rows
from recurring_jobs.runs.execution import execution_named
from recurring_jobs.runs.models import Run
from recurring_jobs.runs.states import RunState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from celery import Celery


def record_queued(
    task_id: str,
    task_name: str,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    queue: str | None = None,
    *,
    root_id: str = "",
    retried_from: str = "",
) -> tuple[Run, bool]:
    """
    Record that a run is about to be sent; return its row, as it is, and whether it is new.

    Send the message with the header ``recurring_jobs.runs.headers.TRACKED``, so that the
    worker goes on with the row whatever the task is.
    """
    execution = execution_named(
        task_id,
        task_name,
        args,
        kwargs,
        task=known_task(task_name),
        root_id=root_id or task_id,
        queue=queue or "",
        headers={headers.RETRIED_FROM: retried_from} if retried_from else {},
    )
    using = router.db_for_write(Run)
    run = rows.new_run(execution, RunState.QUEUED, {})
    if rows.insert_run(run, using):
        return run, True
    return Run.objects.using(using).get(pk=task_id), False


def send(
    name: str,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    retried_from: str,
    sent_headers: Mapping[str, Any],
    **options: Any,
) -> None:
    """
    Send the task *name*, known here or not, with *sent_headers* and the options given.

    Its worker finds the run on record, and what it was *retried_from*. Raise TypeError where
    the task refuses the arguments, and what the broker raises.
    """
    own = {headers.TRACKED: True, headers.RETRIED_FROM: retried_from}
    options["headers"] = {**sent_headers, **own}
    task = known_task(name)
    if task is None:
        current_app.send_task(name, args, kwargs, **options)
    else:
        task.apply_async(tuple(args), kwargs, **options)


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

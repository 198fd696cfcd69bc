"""Sends the message of a run that is on record, for something that ran before."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from celery import current_app
from celery.app import app_or_default

from recurring_jobs.runs import headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from celery import Celery


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

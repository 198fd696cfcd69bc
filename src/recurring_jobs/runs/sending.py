"""Sends the message of a run that is on record, for something that ran before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import current_app

from recurring_jobs.runs import headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
    task = current_app.tasks.get(name)
    if task is None:
        current_app.send_task(name, args, kwargs, **options)
    else:
        task.apply_async(tuple(args), kwargs, **options)

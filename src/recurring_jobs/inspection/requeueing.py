"""Sending dead letters again because somebody outside asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurring_jobs.inspection.apps import broker_of, loaded_app
from recurring_jobs.inspection.arguments import check_arguments
from recurring_jobs.runs import dead_letters
from recurring_jobs.runs.sending import load_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet

    from recurring_jobs.models import DeadLetter


def requeue_letter(
    letter: DeadLetter,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    by: object = None,
) -> str:
    """
    Send *letter* again and return the task id of the new run, as ``dead_letters.requeue`` does.

    *args* and *kwargs* that replace the stored ones are checked against the task first.
    Raise InvalidArgumentError, NotSendableError, or BrokerAwayError, and then it is open.
    """
    app = loaded_app()
    load_tasks(app)
    task = app.tasks.get(letter.task)
    if task is not None and (args is not None or kwargs is not None):
        check_arguments(
            task,
            letter.args if args is None else args,
            letter.kwargs if kwargs is None else kwargs,
        )
    with broker_of(app):
        return dead_letters.requeue(letter, args=args, kwargs=kwargs, by=by)


def requeue_letters(letters: QuerySet[DeadLetter], *, by: object = None) -> dead_letters.Requeued:
    """
    Send each open one of *letters* again; return what was and was not.

    Raise BrokerAwayError when the broker is away: those before were sent, the others are open.
    """
    app = loaded_app()
    load_tasks(app)
    with broker_of(app):
        return dead_letters.requeue_all(letters, by=by)

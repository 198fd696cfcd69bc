"""What a person does with a dead letter: send it again, once, or discard it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import router, transaction
from django.utils import timezone

from recurring_jobs.exceptions import NotSendableError
from recurring_jobs.runs.arguments import is_as_sent
from recurring_jobs.runs.execution import said_again
from recurring_jobs.runs.models import DeadLetter
from recurring_jobs.runs.sending import Message, forget, record_queued, send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet

logger = logging.getLogger(__name__)


def requeue(
    letter: DeadLetter | int,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    by: object = None,
) -> str:
    """
    Send *letter* to a worker again and return the task id of the new run.

    *args* and *kwargs* replace the stored ones. However often and by however many this
    is called, the letter is sent once: the others get the id of that run. The message
    goes out when the surrounding transaction commits; where the broker does not take it,
    the letter is open again and the error is raised.

    Raise NotSendableError for a letter that was discarded, that does not hold the
    arguments as they were sent (unless they are given), or whose task refuses them.
    """
    letter = _loaded(letter)
    message = Message(
        task_id=str(uuid4()),
        task=letter.task,
        args=_list(letter, args),
        kwargs=_dict(letter, kwargs),
        queue=letter.queue,
        root_id=letter.root_id,
        retried_from=letter.task_id,
        headers=letter.headers,
        options=said_again(letter.options, letter.queue),
    )
    _refuse_unsendable(letter, message, is_edited=args is not None or kwargs is not None)
    using = router.db_for_write(DeadLetter)
    with transaction.atomic(using=using):
        closed = {"requeued_as": message.task_id, **_closing(by)}
        if not _move(letter, DeadLetter.State.OPEN, DeadLetter.State.REQUEUED, **closed):
            return _sent_before(letter)
        record_queued(message)
        transaction.on_commit(lambda: _publish(letter, message), using=using)
    letter.refresh_from_db(using=using)
    return message.task_id


@dataclass(frozen=True)
class Requeued:
    """What became of many dead letters: the new task ids, and why others were not sent."""

    task_ids: list[str]
    refused: list[NotSendableError]


def requeue_all(letters: QuerySet[DeadLetter], *, by: object = None) -> Requeued:
    """
    Send each open one of *letters* again, the oldest first; return what was and was not.

    Each is a transaction of its own. Where the broker does not take a message the error
    is raised: those before it were sent, it and those after it are open.
    """
    task_ids, refused = [], []
    found = letters.filter(state=DeadLetter.State.OPEN).order_by("failed_at", "pk")
    for letter in found.iterator(chunk_size=200):
        try:
            task_ids.append(requeue(letter, by=by))
        except NotSendableError as error:
            refused.append(error)
    return Requeued(task_ids, refused)


def discard_all(letters: QuerySet[DeadLetter], *, by: object = None) -> int:
    """Close each open one of *letters* without sending it; return how many."""
    found = letters.filter(state=DeadLetter.State.OPEN)
    return sum(discard(letter, by) for letter in found.iterator(chunk_size=200))


def discard(letter: DeadLetter | int, by: object = None) -> bool:
    """Close *letter* without sending it; return False where it was closed before."""
    letter = _loaded(letter)
    is_done = _move(letter, DeadLetter.State.OPEN, DeadLetter.State.DISCARDED, **_closing(by))
    letter.refresh_from_db(using=router.db_for_write(DeadLetter))
    if is_done:
        logger.info("recurring_jobs.dead_letter.discarded", extra=_facts(letter))
    return is_done


def _loaded(letter: DeadLetter | int) -> DeadLetter:
    if isinstance(letter, DeadLetter):
        return letter
    return DeadLetter.objects.using(router.db_for_write(DeadLetter)).get(pk=letter)


def _list(letter: DeadLetter, given: Sequence[Any] | None) -> list[Any]:
    if given is None:
        return list(letter.args)
    if not isinstance(given, list | tuple):
        raise NotSendableError(letter, f"args is {given!r}. Give a list, such as [1, 2].")
    _refuse_not_json(letter, "args", given)
    return list(given)


def _dict(letter: DeadLetter, given: Mapping[str, Any] | None) -> dict[str, Any]:
    if given is None:
        return dict(letter.kwargs)
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        problem = f'kwargs is {given!r}. Give a dict of names, such as {{"user_id": 7}}.'
        raise NotSendableError(letter, problem)
    _refuse_not_json(letter, "kwargs", given)
    return dict(given)


def _refuse_not_json(letter: DeadLetter, name: str, value: object) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotSendableError(letter, f"{name} is not JSON: {error}.") from error


def _refuse_unsendable(letter: DeadLetter, message: Message, *, is_edited: bool) -> None:
    if letter.is_sendable:
        return
    if not is_edited:
        problem = f"{letter.not_sendable_reason} Give the arguments to send it with."
        raise NotSendableError(letter, problem)
    if not is_as_sent([message.args, message.kwargs]):
        problem = f"{letter.not_sendable_reason} Replace each placeholder that is left."
        raise NotSendableError(letter, problem)


def _sent_before(letter: DeadLetter) -> str:
    letter.refresh_from_db(using=router.db_for_write(DeadLetter))
    if letter.state != DeadLetter.State.REQUEUED:
        by = f" by {letter.closed_by}" if letter.closed_by else ""
        raise NotSendableError(letter, f"it was discarded{by}.")
    return letter.requeued_as


def _publish(letter: DeadLetter, message: Message) -> None:
    try:
        send(message)
    except Exception as error:
        _reopen(letter, message)
        if isinstance(error, TypeError):
            raise NotSendableError(letter, f"{error}.") from error
        raise
    facts = {**_facts(letter), "requeued_as": message.task_id}
    logger.info("recurring_jobs.dead_letter.requeued", extra=facts)


def _reopen(letter: DeadLetter, message: Message) -> None:
    using = router.db_for_write(DeadLetter)
    with transaction.atomic(using=using):
        closed = {"requeued_as": "", "closed_by": "", "closed_at": None}
        _move(letter, DeadLetter.State.REQUEUED, DeadLetter.State.OPEN, **closed)
        forget(message)
    letter.refresh_from_db(using=using)


def _move(
    letter: DeadLetter, state: DeadLetter.State, following: DeadLetter.State, **changes: Any
) -> bool:
    """Compare and set: whoever finds the letter in *state* moves it on, alone."""
    rows = DeadLetter.objects.using(router.db_for_write(DeadLetter))
    return bool(rows.filter(pk=letter.pk, state=state).update(state=following, **changes))


def _closing(by: object) -> dict[str, Any]:
    return {"closed_by": "" if by is None else str(by)[:255], "closed_at": timezone.now()}


def _facts(letter: DeadLetter) -> dict[str, Any]:
    return {"task": letter.task, "run_id": letter.task_id, "closed_by": letter.closed_by}

"""Dead letters as the API tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurring_jobs.api.access import Caller
    from recurring_jobs.models import DeadLetter


def letter_facts(letter: DeadLetter) -> dict[str, Any]:
    """Return what a list says of *letter*: of its exception the type, not the text."""
    return {
        "id": letter.pk,
        "run_id": letter.task_id,
        "root_id": letter.root_id,
        "task": letter.task,
        "queue": letter.queue,
        "state": letter.state,
        "exception_type": letter.exception_type,
        "attempts": letter.attempts,
        "failed_at": letter.failed_at.isoformat(),
        "is_sendable": letter.is_sendable,
        "not_sendable_reason": letter.not_sendable_reason,
        "requeued_as": letter.requeued_as or None,
        "closed_by": letter.closed_by,
        "closed_at": letter.closed_at and letter.closed_at.isoformat(),
    }


def with_details(letter: DeadLetter, caller: Caller) -> dict[str, Any]:
    """Return what the page of one letter says: arguments and tracebacks to who may see them."""
    told = letter_facts(letter)
    if caller.allows("view_arguments", letter.task):
        told |= {"args": letter.args, "kwargs": letter.kwargs}
    if caller.allows("view_tracebacks", letter.task):
        told |= {"exception": letter.exception, "tracebacks": letter.tracebacks}
    return told

"""Which dead letters the command is about, and what to send in their place."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from recurring_jobs.management.arguments import read_json
from recurring_jobs.models import DeadLetter

if TYPE_CHECKING:
    from recurring_jobs.runs.models import DeadLetterQuerySet

#: What is told of one dead letter.
SHOWN = (
    "task",
    "task_id",
    "args",
    "kwargs",
    "queue",
    "exception_type",
    "exception",
    "attempts",
    "failed_at",
    "not_sendable_reason",
)


def chosen_letters(options: dict[str, Any]) -> DeadLetterQuerySet:
    """Return the open dead letters that *options* choose."""
    letters = DeadLetter.objects.open()
    if options["id"]:
        letters = letters.filter(task_id=options["id"])
    if options["task"]:
        letters = letters.for_task(options["task"])
    if options["exception"]:
        letters = letters.filter(exception_type=options["exception"])
    if options["hours"] is not None:
        letters = letters.filter(failed_at__gte=timezone.now() - timedelta(hours=options["hours"]))
    return letters


def edited_arguments(options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments given in the place of those of one letter; CommandError for many."""
    kinds: dict[str, type] = {"args": list, "kwargs": dict}
    edited = {
        name: read_json(f"--{name}", options[f"task_{name}"], kind)
        for name, kind in kinds.items()
        if options[f"task_{name}"] is not None
    }
    if edited and not (options["requeue"] and options["id"]):
        message = _("--args and --kwargs change one dead letter: give --id and --requeue too.")
        raise CommandError(message, returncode=2)
    return edited

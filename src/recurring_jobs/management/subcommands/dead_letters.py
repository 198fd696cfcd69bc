"""``dead-letters list``, ``requeue`` and ``discard``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from recurring_jobs.inspection import requeue_letter, requeue_letters
from recurring_jobs.management.subcommands.base import (
    WRONG_USE,
    Subcommand,
    length_in,
    read_json,
    refuse,
)
from recurring_jobs.models import DeadLetter
from recurring_jobs.runs import dead_letters

if TYPE_CHECKING:
    import argparse

    from celery import Celery

    from recurring_jobs.runs.querysets import DeadLetterQuerySet

#: Who closed a dead letter, as its row says.
_WHO: Final = "manage.py recurring_jobs"
#: What is told of one dead letter.
_SHOWN: Final = (
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
#: What is told of each of many.
_LISTED: Final = ("task_id", "task", "exception_type", "attempts", "failed_at")
#: How many are listed one by one.
_MOST_LISTED: Final = 200


class DeadLetters(Subcommand):
    """Parses one of three verbs, each with the same ways to choose."""

    name = "dead-letters"
    help = "Tell the open dead letters; send them again, or close them."
    has_json = False  # each verb has it

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|requeue|discard")
        for verb in (_List, _Requeue, _Discard):
            verb.add_to(verbs)

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        verb = {each.name: each for each in (_List, _Requeue, _Discard)}[options["verb"]]
        verb(self.out, self.err).handle(app, options)


class _Verb(Subcommand):
    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--id", help="Only the one of the run of this id.")
        parser.add_argument("--task", help="Only those of the task of this name.")
        parser.add_argument("--exception", help="Only those of this exception type.")
        parser.add_argument(
            "--hours", type=length_in("hours"), help="Only those of the last so many hours."
        )

    def chosen(self, options: dict[str, Any]) -> DeadLetterQuerySet:
        """Return the open dead letters that *options* choose."""
        letters = DeadLetter.objects.open()
        if options["id"]:
            letters = letters.filter(task_id=options["id"])
        if options["task"]:
            letters = letters.for_task(options["task"])
        if options["exception"]:
            letters = letters.filter(exception_type=options["exception"])
        if options["hours"] is not None:
            letters = letters.filter(failed_at__gte=timezone.now() - options["hours"])
        if options["id"] and not letters.exists():
            message = _("There is no open dead letter of a run of the id %(id)r.")
            refuse(message % {"id": options["id"]})
        return letters


class _List(_Verb):
    """Counts by task and exception, or tells each, or one in full."""

    name = "list"
    help = "Count the open ones by task and exception."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--each", action="store_true", help="Tell each with its id, the newest first."
        )

    def handle(self, app: Celery, options: dict[str, Any]) -> None:  # noqa: ARG002  the base's
        letters = self.chosen(options)
        if options["id"]:
            self.tell(options, letters.values(*_SHOWN).get())
        elif options["each"]:
            found = list(letters.values(*_LISTED)[:_MOST_LISTED])
            rows = [tuple(each.values()) for each in found]
            self.show(options, found, ("id", "task", "exception", "attempts", "failed"), rows)
        else:
            groups = list(letters.groups())
            heads = ("count", "task", "exception", "first", "last")
            keys = ("count", "task", "exception_type", "first_at", "last_at")
            self.show(options, groups, heads, [[each[key] for key in keys] for each in groups])


class _Change(_Verb):
    """Changes many only where somebody says which, or that all are meant."""

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="All that are open.")

    def chosen(self, options: dict[str, Any]) -> DeadLetterQuerySet:
        is_limited = options["hours"] is not None or any(
            options[name] for name in ("id", "task", "exception")
        )
        if is_limited == options["all"]:
            message = _("Say which: --id, --task, --exception or --hours, or else --all.")
            refuse(message, WRONG_USE)
        return super().chosen(options)


class _Requeue(_Change):
    """Sends again."""

    name = "requeue"
    help = "Send each of them again, once."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--args", dest="task_args", help="With --id: send these, a JSON array.")
        parser.add_argument(
            "--kwargs", dest="task_kwargs", help="With --id: send these, a JSON object."
        )

    def handle(self, app: Celery, options: dict[str, Any]) -> None:  # noqa: ARG002  the base's
        letters = self.chosen(options)
        edited = _edited_arguments(options)
        if edited:
            self.tell(options, {"sent_as": requeue_letter(letters.get(), by=_WHO, **edited)})
            return
        done = requeue_letters(letters, by=_WHO)
        for error in done.refused:
            self.err.write(str(error))
        self.tell(options, {"sent": len(done.task_ids), "refused": len(done.refused)})
        if done.refused:
            refuse(_("Not all were sent. Those that were refused stay open."))


class _Discard(_Change):
    """Closes."""

    name = "discard"
    help = "Close them without sending."

    def handle(self, app: Celery, options: dict[str, Any]) -> None:  # noqa: ARG002  the base's
        count = dead_letters.discard_all(self.chosen(options), by=_WHO)
        self.tell(options, {"discarded": count})


def _edited_arguments(options: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[str, type] = {"args": list, "kwargs": dict}
    edited = {
        name: read_json(f"--{name}", options[f"task_{name}"], kind)
        for name, kind in kinds.items()
        if options[f"task_{name}"] is not None
    }
    if edited and not options["id"]:
        refuse(_("--args and --kwargs change one dead letter: give --id too."), WRONG_USE)
    return edited

"""``queues`` and ``purge``: what waits with the broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from recurring_jobs import inspection
from recurring_jobs.management.subcommands.base import Subcommand, refuse
from recurring_jobs.management.terminal import as_table

if TYPE_CHECKING:
    import argparse

    from celery import Celery

    from recurring_jobs.inspection import QueueFacts

#: Seconds between two looks at queues that are to get empty.
_LOOK_EVERY: Final = 1.0


class Queues(Subcommand):
    """Shows what waits, for whom, and waits until nothing does."""

    name = "queues"
    help = (
        "What waits in each queue, what is at work of it, how many workers it has, and how many"
        " of these did not answer."
    )

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        _add_queues(parser)
        parser.add_argument(
            "--until-empty",
            type=float,
            metavar="SECONDS",
            help="Wait so long for nothing to wait and nothing to be at work; else exit with 1.",
        )

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        names = _named(app, options)
        found = inspection.queue_facts(app, names)
        if options["until_empty"] is not None:
            found = self._wait(app, names, found, options["until_empty"])
        heads = ("queue", "waiting", "at work", "workers", "silent")
        rows = [(e.queue, e.waiting, e.at_work, e.workers, e.silent) for e in found]
        self.show(options, found, heads, rows)
        if options["until_empty"] is not None and not all(each.is_empty for each in found):
            message = _("Not empty after %(seconds)g seconds.")
            refuse(message % {"seconds": options["until_empty"]})

    def _wait(
        self, app: Celery, names: list[str], found: list[QueueFacts], seconds: float
    ) -> list[QueueFacts]:
        deadline = time.monotonic() + seconds
        told = ""
        while not all(each.is_empty for each in found) and time.monotonic() < deadline:
            waiting = sum(each.waiting for each in found)
            at_work = sum(each.at_work for each in found)
            silent = sum(each.silent for each in found)
            line = _("%(waiting)d waiting, %(at_work)d at work, %(silent)d silent.") % {
                "waiting": waiting,
                "at_work": at_work,
                "silent": silent,
            }
            if line != told:
                self.note(line)
            told = line
            time.sleep(_LOOK_EVERY)
            found = inspection.queue_facts(app, names)
        return found


class Purge(Subcommand):
    """Removes messages, after a question."""

    name = "purge"
    help = "Remove all waiting messages for good."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        _add_queues(parser)
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        names = _named(app, options)
        if not options["yes"]:
            self._confirm(inspection.queue_sizes(app, names))
        purged = inspection.purge_queues(app, names)
        self.show(options, purged, ("queue", "removed"), list(purged.items()))

    def _confirm(self, sizes: dict[str, int]) -> None:
        self.note(as_table(("queue", "waiting"), list(sizes.items())))
        self.note(_("These messages are removed for good. Type 'purge' to go on: "))
        try:
            answer = input()
        except EOFError:
            answer = ""
        if answer.strip() != "purge":
            refuse(_("Nothing was removed. Where nobody can type, give --yes."))


def _add_queues(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--queues", help="Comma-separated; default: all declared queues.")


def _named(app: Celery, options: dict[str, Any]) -> list[str]:
    typed = options["queues"]
    return typed.split(",") if typed else inspection.consumed_queues(app)

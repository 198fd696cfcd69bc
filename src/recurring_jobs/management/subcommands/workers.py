"""``active``, ``scheduled``, ``registered`` and ``stats``: what workers say of themselves."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext as _

from recurring_jobs import inspection
from recurring_jobs.inspection import DEFAULT_TIMEOUT
from recurring_jobs.management.subcommands.base import Subcommand, refuse
from recurring_jobs.management.terminal import as_json, as_table

if TYPE_CHECKING:
    import argparse

    from celery import Celery


class _Question(Subcommand):
    """Asks all workers, and tells where none answered."""

    heads: ClassVar[tuple[str, ...]]

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--timeout", type=float, default=DEFAULT_TIMEOUT, help="Seconds to wait for answers."
        )

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        found = self.ask(app, options["timeout"])
        rows = self.rows(found)
        if options["json"]:
            self.out.write(as_json(found))
        elif rows:
            self.out.write(as_table(self.heads, rows))
        elif found:
            self.out.write(_("Nothing, on %(count)d worker(s).") % {"count": len(found)})
        if not found:
            message = _("No worker answered within %(seconds)g seconds.")
            refuse(message % {"seconds": options["timeout"]})

    @abstractmethod
    def ask(self, app: Celery, timeout: float) -> Any:
        """Return the answers by worker, or a list of them."""

    @abstractmethod
    def rows(self, found: Any) -> list[Any]:
        """Return the lines of the table."""


class Active(_Question):
    """Messages at work."""

    name = "active"
    help = "What the workers execute now."
    heads = ("worker", "task", "id", "queue", "since")

    def ask(self, app: Celery, timeout: float) -> Any:
        return inspection.workers_active(app, timeout)

    def rows(self, found: Any) -> list[Any]:
        return [
            (run.worker, run.task, run.id, run.queue, run.started_at)
            for runs in found.values()
            for run in runs
        ]


class Scheduled(_Question):
    """Messages that wait for their time."""

    name = "scheduled"
    help = "What the workers hold until later, such as retries."
    heads = ("worker", "task", "id", "due")

    def ask(self, app: Celery, timeout: float) -> Any:
        return inspection.workers_scheduled(app, timeout)

    def rows(self, found: Any) -> list[Any]:
        return [(run.worker, run.task, run.id, run.eta) for runs in found.values() for run in runs]


class Registered(_Question):
    """Tasks that workers know."""

    name = "registered"
    help = "Which tasks the workers know."
    heads = ("worker", "task")

    def ask(self, app: Celery, timeout: float) -> Any:
        return inspection.workers_registered(app, timeout)

    def rows(self, found: Any) -> list[Any]:
        return [(worker, task) for worker, tasks in found.items() for task in tasks]


class Stats(_Question):
    """Pools and counts."""

    name = "stats"
    help = "Figures of each worker."
    heads = ("worker", "pid", "pool", "concurrency", "prefetch", "uptime", "executed")

    def ask(self, app: Celery, timeout: float) -> Any:
        return inspection.workers_stats(app, timeout)

    def rows(self, found: Any) -> list[Any]:
        return [[getattr(each, head) for head in self.heads] for each in found]

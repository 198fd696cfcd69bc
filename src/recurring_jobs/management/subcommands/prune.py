"""``prune``: deletes what is old."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from recurring_jobs.management.subcommands.base import Subcommand, length_in
from recurring_jobs.runs import retention

if TYPE_CHECKING:
    import argparse

    from celery import Celery


class Prune(Subcommand):
    """Asks the retention of runs."""

    name = "prune"
    help = "Delete old runs and closed dead letters."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        days = length_in("days")
        parser.add_argument("--runs", type=days, metavar="DAYS", help="Default: KEEP_RUNS.")
        parser.add_argument(
            "--dead-letters", type=days, metavar="DAYS", help="Default: KEEP_DEAD_LETTERS."
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say how many there are.")

    def handle(self, app: Celery, options: dict[str, Any]) -> None:  # noqa: ARG002  the base's
        pruned = retention.prune(
            keep_runs=options["runs"],
            keep_dead_letters=options["dead_letters"],
            is_dry_run=options["dry_run"],
        )
        self.tell(options, asdict(pruned))

"""One command for those who run the workers: start them, ask them, send to them."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recurring_jobs.exceptions import (
    BrokerAwayError,
    DatabaseAwayError,
    RecurringJobsError,
)
from recurring_jobs.inspection import database_errors, loaded_app
from recurring_jobs.management.subcommands import SUBCOMMANDS
from recurring_jobs.management.subcommands.base import AWAY, EXIT_CODES, WRONG_USE


class Command(BaseCommand):
    """Find the sub-command, and tell its errors as sentences."""

    help = "Run workers and beat, ask them what they do, and trigger tasks."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs.setdefault("epilog", EXIT_CODES)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        subcommands = parser.add_subparsers(dest="do", required=True, metavar="what")
        for each in SUBCOMMANDS:
            each.add_to(subcommands)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        chosen = {each.name: each for each in SUBCOMMANDS}[options["do"]]
        try:
            with database_errors():
                chosen(self.stdout, self.stderr).handle(loaded_app(), options)
        except (BrokerAwayError, DatabaseAwayError) as error:
            raise CommandError(str(error), returncode=AWAY) from error
        except RecurringJobsError as error:
            raise CommandError(str(error), returncode=WRONG_USE) from error

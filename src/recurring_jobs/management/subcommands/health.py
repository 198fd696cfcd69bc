"""``health``: whether all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from recurring_jobs import inspection
from recurring_jobs.inspection import ALL_PARTS
from recurring_jobs.management.subcommands.base import Subcommand, refuse

if TYPE_CHECKING:
    import argparse

    from celery import Celery


class Health(Subcommand):
    """Asks the database, and on demand the broker."""

    name = "health"
    help = "Whether all is well; exit code 1 where not."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "parts", nargs="*", metavar="part", help=f"Only these, of {', '.join(ALL_PARTS)}."
        )
        parser.add_argument("--broker", action="store_true", help="Ask the broker, too.")

    def handle(self, app: Celery, options: dict[str, Any]) -> None:  # noqa: ARG002  the base's
        wanted = options["parts"] or (ALL_PARTS if options["broker"] else ())
        parts = inspection.health(timezone.now(), wanted)
        is_well = all(part.is_well for part in parts)
        found = {"is_well": is_well, "problems": {part.name: part.problem for part in parts}}
        rows = [(part.name, part.problem or "well") for part in parts]
        self.show(options, found, ("part", "state"), rows)
        if not is_well:
            refuse(_("Not all is well."))

"""``manage.py generate_occurrences``: one pass of the generator, by hand or from cron."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils import timezone

from recurring_jobs.exceptions import (
    DatabaseAwayError,
    NotMigratedError,
    UnknownRecurringModelError,
    did_you_mean,
)
from recurring_jobs.inspection import database_errors
from recurring_jobs.management.generators import generate_at_once
from recurring_jobs.management.subcommands.base import AWAY, WRONG_USE
from recurring_jobs.recurrence.occurrences import (
    GenerationReport,
    generate_occurrences,
    recurring_model,
    recurring_models,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from recurring_jobs.recurrence.models import RecurringTemplateMixin


class Command(BaseCommand):
    help = "Make the occurrences that templates need now, and end with their number."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--model",
            action="append",
            metavar="APP.MODEL",
            help="Only this model; may be given several times. Default: all recurring models.",
        )
        parser.add_argument(
            "--limit", type=int, metavar="N", help="Look at no more than N templates in all."
        )
        parser.add_argument(
            "--until",
            metavar="TIME",
            help="Rows up to this day or moment as well, of all templates: 2027-12-31 (to its "
            "end, in TIME_ZONE) or 2027-12-31T12:00+01:00.",
        )
        parser.add_argument(
            "--processes",
            type=int,
            default=1,
            metavar="N",
            help="Work with N processes at once, for a large backlog: up to one for each core. "
            "Not together with --limit, --until and --dry-run. Default: 1.",
        )
        parser.add_argument("--database", metavar="ALIAS", help="Default: as the router says.")
        parser.add_argument("--dry-run", action="store_true", help="Count, and write nothing.")
        parser.add_argument("--json", action="store_true", help="Print the reports as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        models = _models(options["model"])
        _validate(options)
        until = None if options["until"] is None else _moment(options["until"])
        try:
            with database_errors(options["database"]):
                self._generate(models, until, options)
        except DatabaseAwayError as error:
            raise CommandError(str(error), returncode=AWAY) from error
        except NotMigratedError as error:
            raise CommandError(str(error), returncode=WRONG_USE) from error

    def _generate(
        self,
        models: list[type[RecurringTemplateMixin]],
        until: datetime | None,
        options: dict[str, Any],
    ) -> None:
        left = options["limit"]
        reports: dict[str, GenerationReport] = {}
        for model in models:
            label = model._meta.label
            show = partial(self._show_progress, label)
            if options["processes"] > 1:
                report = generate_at_once(
                    options["processes"],
                    label,
                    now=timezone.now(),
                    using=options["database"],
                    on_batch=show,
                )
            else:
                report = generate_occurrences(
                    model,
                    using=options["database"],
                    limit=left,
                    until=until,
                    dry_run=options["dry_run"],
                    on_batch=show,
                )
            left = None if left is None else left - report.templates
            reports[label] = report
            if not options["json"]:
                self.stdout.write(_line(label, report))
        total = sum(reports.values(), GenerationReport())
        if options["json"]:
            self.stdout.write(json.dumps(_document(reports, total, dry_run=options["dry_run"])))
        else:
            made = "that would be made" if options["dry_run"] else "made"
            self.stdout.write(f"Occurrences {made}: {total.created}")
        if total.set_aside:
            message = f"Templates set aside: {total.set_aside}. recurrence_set_aside says why."
            raise CommandError(message)

    def _show_progress(self, label: str, report: GenerationReport) -> None:
        # Over one line, and only where someone is looking.
        if self.stderr.isatty():
            text = f"{label}: {report.templates:,} templates, {report.created:,} rows"
            self.stderr.write(f"\r{text}\x1b[K\r", style_func=str, ending="")


def _models(labels: list[str] | None) -> list[type[RecurringTemplateMixin]]:
    if labels is None:
        return recurring_models()
    try:
        return [recurring_model(label) for label in labels]
    except UnknownRecurringModelError as error:
        raise CommandError(str(error), returncode=WRONG_USE) from error


def _validate(options: dict[str, Any]) -> None:
    limit, alias, processes = options["limit"], options["database"], options["processes"]
    if processes < 1:
        message = f"--processes {processes}: give a number of processes from 1."
        raise CommandError(message, returncode=WRONG_USE)
    alone = [name for name in ("limit", "until", "dry_run") if options[name]]
    if processes > 1 and alone:
        message = (
            f"--processes and --{alone[0].replace('_', '-')} do not go together: leave one out."
        )
        raise CommandError(message, returncode=WRONG_USE)
    if limit is not None and limit < 1:
        message = f"--limit {limit}: give a number of templates from 1."
        raise CommandError(message, returncode=WRONG_USE)
    if alias is not None and alias not in connections:
        message = f"--database {alias!r} is not in DATABASES.{did_you_mean(alias, connections)}"
        raise CommandError(message, returncode=WRONG_USE)


def _moment(text: str) -> datetime:
    try:
        moment = _read(text)
    except ValueError:
        message = f"--until {text!r}: give a day or a moment, such as 2027-12-31."
        raise CommandError(message, returncode=WRONG_USE) from None
    if moment <= timezone.now():
        message = f"--until {text!r} is past. Give a later day or moment."
        raise CommandError(message, returncode=WRONG_USE)
    return moment


def _read(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
    else:
        moment = datetime.combine(day, time.max)
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def _line(label: str, report: GenerationReport) -> str:
    made = f"{report.created} made, {report.updated} changed, {report.removed} removed"
    return f"{label}: {made}, {report.set_aside} set aside (templates: {report.templates})"


def _document(
    reports: dict[str, GenerationReport], total: GenerationReport, *, dry_run: bool
) -> dict[str, Any]:
    return {
        "models": {label: asdict(report) for label, report in reports.items()},
        "total": asdict(total),
        "dry_run": dry_run,
    }

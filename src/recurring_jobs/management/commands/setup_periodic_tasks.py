"""Makes the stored schedules say what the code declares."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, SystemCheckError
from django.db import connections, router
from django.utils import timezone
from django.utils.translation import gettext as _

from recurring_jobs.exceptions import BrokerAwayError, DatabaseAwayError, RecurringJobsError
from recurring_jobs.inspection import broker_connection, database_errors, loaded_app
from recurring_jobs.management.subcommands.base import AWAY, WRONG_USE
from recurring_jobs.models import Schedule
from recurring_jobs.periodic.export import export_declarations
from recurring_jobs.periodic.leftovers import Leftover, find_leftovers
from recurring_jobs.periodic.plan import Change, Drift, FieldChange, Kind, Plan
from recurring_jobs.periodic.sync import sync_schedules

if TYPE_CHECKING:
    from argparse import ArgumentParser

_SIGNS = {
    Kind.CREATE: "+",
    Kind.UPDATE: "~",
    Kind.ADOPT: "~",
    Kind.REVIVE: "+",
    Kind.WITHDRAW: "-",
    Kind.PRUNE: "-",
    Kind.KEEP: "=",
}


_FLAGS = {
    "--dry-run": "Print the plan and change nothing.",
    "--check": "Change nothing and exit 1 when anything differs.",
    "--json": "Print the plan as JSON.",
    "--prune": "Delete schedules whose declaration has gone, instead of disabling them.",
    "--adopt": "Take over rows that a person made under the name of a declaration.",
    "--force": "Put the code's word back where an operator changed a schedule.",
    "--broker": "First make sure that the broker can be reached; exit 3 when it cannot.",
    "--export": "Change nothing; print declarations in Python for the rows that people made.",
}


class Command(BaseCommand):
    """
    Plan, apply and print.

    Exit 1 where something still differs, 2 for a wrong declaration, 3 without a broker.
    """

    help = "Bring django-celery-beat's tables in line with the declared periodic tasks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for flag, meaning in _FLAGS.items():
            parser.add_argument(flag, action="store_true", help=meaning)
        parser.add_argument(
            "--only", nargs="+", metavar="NAME", help="Look at the schedules of these names only."
        )
        parser.add_argument(
            "--database", default=None, choices=tuple(connections), help="Database to change."
        )

    def check(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().check(*args, **kwargs)
        except SystemCheckError as error:
            error.returncode = WRONG_USE  # a wrong declaration is among what the checks find
            raise

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        using = options["database"] or router.db_for_write(Schedule)
        try:
            if options["broker"]:
                with broker_connection(loaded_app()):
                    pass  # it was reached
            with database_errors(using):
                self._read_or_set_up(using, options)
        except (BrokerAwayError, DatabaseAwayError) as error:
            raise CommandError(str(error), returncode=AWAY) from error
        except RecurringJobsError as error:
            raise CommandError(str(error), returncode=WRONG_USE) from error

    def _read_or_set_up(self, using: str, options: dict[str, Any]) -> None:
        if options["export"]:
            text = export_declarations(now=timezone.now(), using=using, only=options["only"])
            self.stdout.write(text, ending="")
        else:
            self._set_up(using, options)

    def _set_up(self, using: str, options: dict[str, Any]) -> None:
        only_plan = options["dry_run"] or options["check"]
        choices = {name: options[name] for name in ("prune", "adopt", "force", "only")}
        plan = sync_schedules(using=using, dry_run=only_plan, **choices)
        leftovers = find_leftovers(using=using)
        if options["json"]:
            document = _as_json(plan, leftovers, is_applied=not only_plan)
            self.stdout.write(json.dumps(document, indent=2))
        else:
            self._print(plan, verbosity=options["verbosity"], is_applied=not only_plan)
            for each in leftovers:
                self.stderr.write(self.style.WARNING(str(each)))
        if plan.conflicts or (options["check"] and plan.differs):
            raise SystemExit(1)

    def _print(self, plan: Plan, *, verbosity: int, is_applied: bool) -> None:
        drift: dict[str, list[Drift]] = {}
        for each in plan.drift:
            drift.setdefault(each.name, []).append(each)
        for change in plan.changes:
            if verbosity >= 1:
                self.stdout.write(_line(change))
            for each in drift.get(change.name, []):
                self.stdout.write(_drift_line(each))
        for name in plan.ended:
            self.stderr.write(_("%(name)r will never fire: its time is past.") % {"name": name})
        for problem in plan.problems:
            self.stderr.write(self.style.ERROR(problem))
        self.stdout.write(_summary(plan, is_applied=is_applied))


def _line(change: Change) -> str:
    head = f"{_SIGNS[change.kind]} {change.name}"
    if change.kind is Kind.CREATE:
        new = {each.field: each.new for each in change.fields}
        return f"{head}: {new['task']}, {_shown('trigger', new['trigger'])}"
    if change.kind is Kind.PRUNE:
        return f"{head}: deleted, its declaration has gone"
    notes = {
        Kind.WITHDRAW: "disabled, its declaration has gone",
        Kind.ADOPT: "taken over",
        Kind.REVIVE: "declared again",
    }
    parts = [notes[change.kind]] if change.kind in notes else []
    if change.kind is not Kind.WITHDRAW:
        parts += [_field_text(each) for each in change.fields]
    return f"{head}: {'; '.join(parts)}" if parts else head


def _field_text(change: FieldChange) -> str:
    old, new = _shown(change.field, change.old), _shown(change.field, change.new)
    note = " (was changed by hand)" if change.replaces_edit else ""
    return f"{change.field} {old} -> {new}{note}"


def _drift_line(drift: Drift) -> str:
    stored, declared = _shown(drift.field, drift.stored), _shown(drift.field, drift.declared)
    if drift.is_kept:
        return f"  = {drift.field} stays {stored}, kept by a person (declared: {declared})"
    return f"  ! {drift.field} stays {stored}, changed by hand (declared: {declared})"


def _shown(field: str, value: Any) -> str:
    if field != "trigger" or not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if value.get("every") == 1 and isinstance(value.get("unit"), str):
        value = {**value, "every": "every", "unit": value["unit"].removesuffix("s")}
    elif "every" in value:
        value = {"word": "every", **value}
    return " ".join(str(part) for part in value.values() if part is not None)


def _summary(plan: Plan, *, is_applied: bool) -> str:
    counts = plan.counts()
    words = {
        "create": ("created", "to create"),
        "update": ("updated", "to update"),
        "adopt": ("adopted", "to adopt"),
        "revive": ("revived", "to revive"),
        "withdraw": ("disabled", "to disable"),
        "prune": ("deleted", "to delete"),
    }
    parts = [
        f"{counts[kind]} {done if is_applied else to_do}"
        for kind, (done, to_do) in words.items()
        if counts[kind]
    ]
    parts.append(f"{counts['keep']} unchanged")
    parts += [f"{counts[kind]} in {kind}" for kind in ("drift", "conflict") if counts[kind]]
    return ", ".join(parts) + "."


def _as_json(plan: Plan, leftovers: list[Leftover], *, is_applied: bool) -> dict[str, Any]:
    return {
        "applied": is_applied,
        "changes": [
            {
                "name": change.name,
                "kind": change.kind.value,
                "fields": [
                    {"field": each.field, "old": each.old, "new": each.new}
                    for each in change.fields
                ],
            }
            for change in plan.changes
        ],
        "drift": [
            {
                "name": each.name,
                "field": each.field,
                "stored": each.stored,
                "declared": each.declared,
                "is_kept": each.is_kept,
            }
            for each in plan.drift
        ],
        "conflicts": [
            {"name": each.name, "declared_in": each.declared_in} for each in plan.conflicts
        ],
        "ended": list(plan.ended),
        "leftovers": [str(each) for each in leftovers],
        "counts": plan.counts(),
    }

"""``runs``, ``status`` and ``trigger``: executions on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from recurring_jobs import inspection
from recurring_jobs.inspection import Mode
from recurring_jobs.management.subcommands.base import (
    WRONG_USE,
    Subcommand,
    length_in,
    read_json,
    refuse,
)
from recurring_jobs.models import DeadLetter, Run

if TYPE_CHECKING:
    import argparse

    from celery import Celery

    from recurring_jobs.inspection import RunStatus

#: How many runs are listed unless another number is typed.
_LISTED: Final = 50


class Runs(Subcommand):
    """Lists the newest."""

    name = "runs"
    help = "The newest runs on record."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--task", help="Only those of the task of this name.")
        parser.add_argument(
            "--state",
            action="append",
            choices=Run.State.values,
            help="Only those in this state; may be given several times.",
        )
        parser.add_argument(
            "--hours", type=length_in("hours"), help="Only those of the last so many hours."
        )
        parser.add_argument(
            "--limit", type=int, default=_LISTED, help=f"At most so many; default: {_LISTED}."
        )

    def handle(self, app: Celery, options: dict[str, Any]) -> None:  # noqa: ARG002  the base's
        if options["limit"] < 1:
            refuse(_("--limit must be at least 1."), WRONG_USE)
        hours = options["hours"]
        found = inspection.newest_runs(
            task=options["task"],
            states=options["state"] or (),
            since=None if hours is None else timezone.now() - hours,
            limit=options["limit"],
        )
        heads = ("id", "task", "state", "attempt", "queued", "took", "exception")
        told = [each.as_dict() for each in found]
        self.show(options, told, heads, [_line(each) for each in found])


class Status(Subcommand):
    """Tells of one run."""

    name = "status"
    help = "What became of a run."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("id", help="The id that trigger printed.")

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        status = inspection.run_status(options["id"])
        if status is None:
            message = _("There is no run of the id %(id)r.")
            if DeadLetter.objects.open().filter(task_id=options["id"]).exists():
                message = _(
                    "The run of the id %(id)r is not kept, but there is a dead letter of it: "
                    "recurring_jobs dead-letters list --id %(id)s"
                )
            refuse(message % {"id": options["id"]})
        self.tell(options, inspection.with_result(status, app).as_dict())


class Trigger(Subcommand):
    """Sends one run."""

    name = "trigger"
    help = "Start one run of a triggerable task."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("task", help="The task's name, such as pricing.tasks.recompute.")
        parser.add_argument(
            "--args", dest="task_args", default="[]", help="Positional arguments, a JSON array."
        )
        parser.add_argument(
            "--kwargs", dest="task_kwargs", default="{}", help="Arguments by name, a JSON object."
        )
        parser.add_argument("--in-process", action="store_true", help="Execute it here and wait.")

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        args = read_json("--args", options["task_args"], list)
        kwargs = read_json("--kwargs", options["task_kwargs"], dict)
        mode = Mode.IN_PROCESS if options["in_process"] else Mode.QUEUED
        triggered = inspection.trigger_task(app, options["task"], args, kwargs, mode)
        self.tell(options, triggered.as_dict())
        if triggered.exception:
            message = _("The run failed with %(exception)s.")
            refuse(message % {"exception": triggered.exception})


def _line(run: RunStatus) -> tuple[object, ...]:
    took = None
    if run.started_at and run.finished_at:
        took = f"{(run.finished_at - run.started_at).total_seconds():.1f} s"
    return (run.id, run.task, run.state, run.attempt, run.queued_at, took, run.exception)

"""One command for those who run the workers: start them, ask them, send to them."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from click import ClickException
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils import timezone
from django.utils.translation import gettext as _

from recurring_jobs import inspection
from recurring_jobs.exceptions import BrokerAwayError, RecurringJobsError
from recurring_jobs.inspection import Mode
from recurring_jobs.inspection.apps import broker_of
from recurring_jobs.management import arguments, processes
from recurring_jobs.management import dead_letters as chosen
from recurring_jobs.management.terminal import as_json, as_table
from recurring_jobs.runs import dead_letters, retention

if TYPE_CHECKING:
    from celery import Celery


#: Exit codes, as the help tells them.
NOTHING_THERE, WRONG_USE, BROKER_AWAY = 1, 2, 3


#: Who closed a dead letter, as its row says.
_WHO = "manage.py recurring_jobs"


class Command(BaseCommand):
    """Parse, ask one service, print what it answered."""

    help = "Run workers and beat, ask them what they do, and trigger tasks."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs.setdefault("epilog", arguments.EXIT_CODES)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_subcommands(parser)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        try:
            app = inspection.loaded_app()
            getattr(self, f"_{options['do'].replace('-', '_')}")(app, options)
        except BrokerAwayError as error:
            raise CommandError(str(error), returncode=BROKER_AWAY) from error
        except RecurringJobsError as error:
            raise CommandError(str(error), returncode=WRONG_USE) from error

    # Processes

    def _worker(self, app: Celery, options: dict[str, Any]) -> None:
        queues = options["queues"] or ",".join(inspection.consumed_queues(app))
        argv = ["worker", f"--loglevel={options['loglevel']}", f"--queues={queues}"]
        argv += arguments.given(options, "concurrency", "pool", "hostname")
        self._become(app, argv)

    def _beat(self, app: Celery, options: dict[str, Any]) -> None:
        argv = ["beat", f"--loglevel={options['loglevel']}", "--pidfile="]
        self._become(app, argv + arguments.given(options, "max_interval"))

    def _dev(self, app: Celery, options: dict[str, Any]) -> None:
        queues = options["queues"] or ",".join(inspection.consumed_queues(app))
        level = f"--loglevel={options['loglevel']}"
        worker = ["worker", level, f"--queues={queues}", *arguments.given(options, "concurrency")]
        commands = {
            "worker": processes.manage_command("recurring_jobs", *worker),
            "beat": processes.manage_command("recurring_jobs", "beat", level),
        }
        self.stderr.write(_("Worker and beat are starting; Ctrl-C stops both."), lambda line: line)
        connections.close_all()
        code = processes.run_together(commands, write=self._write_line)
        if code:
            message = _("A process ended with exit code %(code)d, so the other was stopped.")
            raise CommandError(message % {"code": code}, returncode=code)

    def _flower(self, app: Celery, options: dict[str, Any]) -> None:
        if importlib.util.find_spec("flower") is None:
            message = _(
                "Flower is not installed. Type: pip install 'django-recurring-jobs[flower]'"
            )
            raise CommandError(message, returncode=WRONG_USE)
        auth = options["basic_auth"] or os.environ.get("FLOWER_BASIC_AUTH", "")
        if ":" not in auth:
            message = _(
                "Flower can stop your workers, so it does not start open. Give "
                "--basic-auth user:password, or set FLOWER_BASIC_AUTH=user:password."
            )
            raise CommandError(message, returncode=WRONG_USE)
        # In the environment, where other users of the machine do not see it.
        os.environ["FLOWER_BASIC_AUTH"] = auth
        self._become(
            app, ["flower", f"--address={options['address']}", f"--port={options['port']}"]
        )

    def _become(self, app: Celery, argv: list[str]) -> None:
        # Children of a worker must not share a connection that was opened before them.
        connections.close_all()
        try:
            code = processes.run_celery(app, argv)
        except ClickException as error:
            raise CommandError(error.format_message(), returncode=WRONG_USE) from error
        if code:
            raise SystemExit(code)

    # Questions

    def _active(self, app: Celery, options: dict[str, Any]) -> None:
        found = inspection.workers_active(app, options["timeout"])
        rows = [
            (run.worker, run.task, run.id, run.queue, run.started_at)
            for runs in found.values()
            for run in runs
        ]
        self._answer(options, found, ("worker", "task", "id", "queue", "since"), rows)

    def _scheduled(self, app: Celery, options: dict[str, Any]) -> None:
        found = inspection.workers_scheduled(app, options["timeout"])
        rows = [(run.worker, run.task, run.id, run.eta) for runs in found.values() for run in runs]
        self._answer(options, found, ("worker", "task", "id", "due"), rows)

    def _registered(self, app: Celery, options: dict[str, Any]) -> None:
        found = inspection.workers_registered(app, options["timeout"])
        rows = [(worker, task) for worker, tasks in found.items() for task in tasks]
        self._answer(options, found, ("worker", "task"), rows)

    def _stats(self, app: Celery, options: dict[str, Any]) -> None:
        found = inspection.workers_stats(app, options["timeout"])
        heads = ("worker", "pid", "pool", "concurrency", "prefetch", "uptime", "executed")
        rows = [[getattr(each, head) for head in heads] for each in found]
        self._answer(options, found, heads, rows)

    def _answer(self, options: dict[str, Any], found: Any, heads: Any, rows: Any) -> None:
        if options["json"]:
            self.stdout.write(as_json(found))
        elif rows:
            self.stdout.write(as_table(heads, rows))
        elif found:
            count = len(found)
            self.stdout.write(_("Nothing, on %(count)d worker(s).") % {"count": count})
        if not found:
            message = _("No worker answered within %(seconds)g seconds.")
            raise CommandError(message % {"seconds": options["timeout"]}, returncode=NOTHING_THERE)

    def _health(self, _app: Celery, options: dict[str, Any]) -> None:
        wanted = options["parts"] or (inspection.ALL_PARTS if options["broker"] else ())
        parts = inspection.health(timezone.now(), wanted)
        is_well = all(part.is_well for part in parts)
        if options["json"]:
            problems = {part.name: part.problem for part in parts}
            self.stdout.write(as_json({"is_well": is_well, "problems": problems}))
        else:
            rows = [(part.name, part.problem or "well") for part in parts]
            self.stdout.write(as_table(("part", "state"), rows))
        if not is_well:
            raise CommandError(_("Not all is well."), returncode=NOTHING_THERE)

    def _status(self, app: Celery, options: dict[str, Any]) -> None:
        status = inspection.run_status(options["id"])
        if status is None:
            message = _("There is no run of the id %(id)r.")
            raise CommandError(message % {"id": options["id"]}, returncode=NOTHING_THERE)
        self._tell(options, inspection.with_result(status, app).as_dict())

    # Changes

    def _trigger(self, app: Celery, options: dict[str, Any]) -> None:
        args = arguments.read_json("--args", options["task_args"], list)
        kwargs = arguments.read_json("--kwargs", options["task_kwargs"], dict)
        mode = Mode.IN_PROCESS if options["in_process"] else Mode.QUEUED
        triggered = inspection.trigger_task(app, options["task"], args, kwargs, mode)
        self._tell(options, triggered.as_dict())
        if triggered.exception:
            message = _("The run failed with %(exception)s.")
            raise CommandError(
                message % {"exception": triggered.exception}, returncode=NOTHING_THERE
            )

    def _prune(self, _app: Celery, options: dict[str, Any]) -> None:
        pruned = retention.prune(
            keep_runs=_days(options["runs"]),
            keep_dead_letters=_days(options["dead_letters"]),
            is_dry_run=options["dry_run"],
        )
        self._tell(options, asdict(pruned))

    def _dead_letters(self, app: Celery, options: dict[str, Any]) -> None:
        letters = chosen.chosen_letters(options)
        edited = chosen.edited_arguments(options)
        if options["id"] and not letters.exists():
            message = _("There is no open dead letter of a run of the id %(id)r.")
            raise CommandError(message % {"id": options["id"]}, returncode=NOTHING_THERE)
        if edited:
            with broker_of(app):
                task_id = dead_letters.requeue(letters.get(), by=_WHO, **edited)
            self._tell(options, {"sent_as": task_id})
        elif options["requeue"]:
            with broker_of(app):
                done = dead_letters.requeue_all(letters, by=_WHO)
            for error in done.refused:
                self.stderr.write(str(error))
            self._tell(options, {"sent": len(done.task_ids), "refused": len(done.refused)})
        elif options["discard"]:
            count = dead_letters.discard_all(letters, by=_WHO)
            self._tell(options, {"discarded": count})
        elif options["id"]:
            self._tell(options, letters.values(*chosen.SHOWN).get())
        elif options["json"]:
            self.stdout.write(as_json(list(letters.groups())))
        else:
            heads = ("count", "task", "exception", "first", "last")
            rows = [
                (
                    each["count"],
                    each["task"],
                    each["exception_type"],
                    each["first_at"].isoformat(),
                    each["last_at"].isoformat(),
                )
                for each in letters.groups()
            ]
            self.stdout.write(as_table(heads, rows))

    def _purge(self, app: Celery, options: dict[str, Any]) -> None:
        named = options["queues"]
        queues = named.split(",") if named else inspection.consumed_queues(app)
        if not options["yes"]:
            self._confirm(inspection.queue_sizes(app, queues))
        purged = inspection.purge_queues(app, queues)
        if options["json"]:
            self.stdout.write(as_json(purged))
        else:
            self.stdout.write(as_table(("queue", "removed"), list(purged.items())))

    def _confirm(self, sizes: dict[str, int]) -> None:
        self.stderr.write(as_table(("queue", "waiting"), list(sizes.items())), lambda line: line)
        question = _("These messages are removed for good. Type 'purge' to go on: ")
        try:
            answer = input(question)
        except EOFError:
            answer = ""
        if answer.strip() != "purge":
            message = _("Nothing was removed. Where nobody can type, give --yes.")
            raise CommandError(message, returncode=NOTHING_THERE)

    def _tell(self, options: dict[str, Any], told: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(as_json(told))
            return
        rows = [
            (key, json.dumps(value) if isinstance(value, (dict, list)) else value)
            for key, value in told.items()
        ]
        width = max(len(key) for key, _value in rows)
        for key, value in rows:
            self.stdout.write(
                as_table((key.ljust(width), str("-" if value is None else value)), ())
            )

    def _write_line(self, line: str) -> None:
        self.stdout.write(line, ending="")
        self.stdout.flush()


def _days(given: float | None) -> timedelta | None:
    return None if given is None else timedelta(days=given)

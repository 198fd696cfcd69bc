"""``worker``, ``beat``, ``dev`` and ``flower``: what starts processes."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

from click import ClickException
from django.core.management.base import CommandError
from django.db import connections
from django.utils.translation import gettext as _

from recurring_jobs.inspection import consumed_queues
from recurring_jobs.management import processes
from recurring_jobs.management.subcommands.base import WRONG_USE, Subcommand, given, refuse

if TYPE_CHECKING:
    import argparse

    from celery import Celery


class Worker(Subcommand):
    """Becomes Celery's worker."""

    name = "worker"
    help = "Start a worker for all declared queues."
    has_json = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        _add_worker_options(parser)
        parser.add_argument("--pool", help="prefork, threads, solo, …")
        parser.add_argument("--hostname", help="Name of the worker, such as one@%%h.")

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        argv = ["worker", *_worker_argv(app, options)]
        _become(app, argv + given(options, "pool", "hostname"))


class Beat(Subcommand):
    """Becomes Celery's beat."""

    name = "beat"
    help = "Start a beat; any number may run."
    has_json = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        _add_loglevel(parser)
        parser.add_argument("--max-interval", type=float, help="Longest sleep between two looks.")

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        argv = ["beat", f"--loglevel={options['loglevel']}", "--pidfile="]
        _become(app, argv + given(options, "max_interval"))


class Dev(Subcommand):
    """Runs a worker and a beat as its children."""

    name = "dev"
    help = "Run a worker and a beat in this terminal until Ctrl-C."
    has_json = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        _add_worker_options(parser)

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        level = f"--loglevel={options['loglevel']}"
        worker = ["worker", *_worker_argv(app, options)]
        commands = {
            "worker": processes.manage_command("recurring_jobs", *worker),
            "beat": processes.manage_command("recurring_jobs", "beat", level),
        }
        self.note(_("Worker and beat are starting; Ctrl-C stops both."))
        connections.close_all()
        code = processes.run_together(commands, write=self._write_line)
        if code:
            message = _("A process ended with exit code %(code)d, so the other was stopped.")
            refuse(message % {"code": code}, code)

    def _write_line(self, line: str) -> None:
        self.out.write(line, ending="")
        self.out.flush()


class Flower(Subcommand):
    """Becomes Flower."""

    name = "flower"
    help = "Start Flower, behind a password."
    has_json = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--basic-auth", help="user:password; or set FLOWER_BASIC_AUTH.")
        parser.add_argument("--address", default="127.0.0.1", help="Default: only this machine.")
        parser.add_argument("--port", type=int, default=5555)

    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        if importlib.util.find_spec("flower") is None:
            message = _(
                "Flower is not installed. Type: pip install 'django-recurring-jobs[flower]'"
            )
            refuse(message, WRONG_USE)
        user, _colon, password = (
            options["basic_auth"] or os.environ.get("FLOWER_BASIC_AUTH", "")
        ).partition(":")
        if not user or not password:
            message = _(
                "Flower can stop your workers, so it does not start open. Give "
                "--basic-auth user:password, or set FLOWER_BASIC_AUTH=user:password."
            )
            refuse(message, WRONG_USE)
        # In the environment, where other users of the machine do not see it.
        os.environ["FLOWER_BASIC_AUTH"] = f"{user}:{password}"
        address, port = options["address"], options["port"]
        _become(app, ["flower", f"--address={address}", f"--port={port}"])


def _become(app: Celery, argv: list[str]) -> None:
    # Children of a worker must not share a connection that was opened before them.
    connections.close_all()
    try:
        code = processes.run_celery(app, argv)
    except ClickException as error:
        raise CommandError(error.format_message(), returncode=WRONG_USE) from error
    if code:
        raise SystemExit(code)


def _worker_argv(app: Celery, options: dict[str, Any]) -> list[str]:
    queues = options["queues"] or ",".join(consumed_queues(app))
    level = f"--loglevel={options['loglevel']}"
    return [level, f"--queues={queues}", *given(options, "concurrency")]


def _add_worker_options(parser: argparse.ArgumentParser) -> None:
    _add_loglevel(parser)
    parser.add_argument("--concurrency", type=int, help="Tasks at a time; default: CPU cores.")
    parser.add_argument("--queues", help="Comma-separated; default: all declared queues.")


def _add_loglevel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--loglevel", default="info", help="debug, info, warning or error.")

"""What may be typed after ``manage.py recurring_jobs``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.management.base import CommandError

from recurring_jobs.inspection import ALL_PARTS, DEFAULT_TIMEOUT

if TYPE_CHECKING:
    import argparse

_T = TypeVar("_T", list[Any], dict[str, Any])

_SHAPES: dict[type, str] = {
    list: "an array, such as '[1, 2]'",
    dict: "an object, such as '{\"days\": 7}'",
}

EXIT_CODES = """
exit codes:
  0  done; for worker, beat and dev: stopped as asked
  1  the answer is no: no worker answered, no such run, the run failed, nothing purged,
     not all is well
  2  wrong use: an unknown task, a wrong argument, a wrong declaration, no Celery app
  3  the broker cannot be reached
  dev exits with the code of the process that ended first
"""


def add_subcommands(parser: argparse.ArgumentParser) -> None:
    """Add every sub-command with its options to *parser*."""
    subcommands = parser.add_subparsers(dest="do", required=True, metavar="what")
    _add_processes(subcommands)
    _add_questions(subcommands)
    _add_changes(subcommands)


def read_json(option: str, text: str, kind: type[_T]) -> _T:
    """Return *text* read as JSON of *kind*. Raise CommandError naming *option* otherwise."""
    try:
        value = json.loads(text)
    except ValueError as error:
        message = f"{option} is not JSON: {error}."
        raise CommandError(message, returncode=2) from None
    if not isinstance(value, kind):
        message = f"{option} must be {_SHAPES[kind]}."
        raise CommandError(message, returncode=2)
    return value


def given(options: dict[str, Any], *names: str) -> list[str]:
    """Return the options of *names* that were typed, as Celery wants them."""
    return [
        f"--{name.replace('_', '-')}={options[name]}" for name in names if options[name] is not None
    ]


def _add_processes(subcommands: Any) -> None:
    worker = subcommands.add_parser("worker", help="Start a worker for all declared queues.")
    _add_worker_options(worker)
    worker.add_argument("--pool", help="prefork, threads, solo, …")
    worker.add_argument("--hostname", help="Name of the worker, such as one@%%h.")

    beat = subcommands.add_parser("beat", help="Start a beat; any number may run.")
    _add_loglevel(beat)
    beat.add_argument("--max-interval", type=float, help="Longest sleep between two looks.")

    dev = subcommands.add_parser(
        "dev", help="Run a worker and a beat in this terminal until Ctrl-C."
    )
    _add_worker_options(dev)

    flower = subcommands.add_parser("flower", help="Start Flower, behind a password.")
    flower.add_argument("--basic-auth", help="user:password; or set FLOWER_BASIC_AUTH.")
    flower.add_argument("--address", default="127.0.0.1", help="Default: only this machine.")
    flower.add_argument("--port", type=int, default=5555)


def _add_questions(subcommands: Any) -> None:
    for name, meaning in {
        "active": "What the workers execute now.",
        "scheduled": "What the workers hold until later, such as retries.",
        "registered": "Which tasks the workers know.",
        "stats": "Figures of each worker.",
    }.items():
        question = subcommands.add_parser(name, help=meaning)
        question.add_argument(
            "--timeout", type=float, default=DEFAULT_TIMEOUT, help="Seconds to wait for answers."
        )
        _add_json(question)
    health = subcommands.add_parser("health", help="Whether all is well; exit code 1 where not.")
    health.add_argument(
        "parts", nargs="*", metavar="part", help=f"Only these, of {', '.join(ALL_PARTS)}."
    )
    health.add_argument("--broker", action="store_true", help="Ask the broker, too.")
    _add_json(health)
    status = subcommands.add_parser("status", help="What became of a run.")
    status.add_argument("id", help="The id that trigger printed.")
    _add_json(status)


def _add_changes(subcommands: Any) -> None:
    trigger = subcommands.add_parser("trigger", help="Start one run of a triggerable task.")
    trigger.add_argument("task", help="The task's name, such as pricing.tasks.recompute.")
    trigger.add_argument(
        "--args", dest="task_args", default="[]", help="Positional arguments, a JSON array."
    )
    trigger.add_argument(
        "--kwargs", dest="task_kwargs", default="{}", help="Arguments by name, a JSON object."
    )
    trigger.add_argument("--in-process", action="store_true", help="Execute it here and wait.")
    _add_json(trigger)

    prune = subcommands.add_parser("prune", help="Delete old runs and closed dead letters.")
    prune.add_argument("--runs", type=float, metavar="DAYS", help="Default: KEEP_RUNS.")
    prune.add_argument(
        "--dead-letters", type=float, metavar="DAYS", help="Default: KEEP_DEAD_LETTERS."
    )
    prune.add_argument("--dry-run", action="store_true", help="Only say how many there are.")
    _add_json(prune)

    letters = subcommands.add_parser(
        "dead-letters", help="Count open dead letters by task and exception; send them again."
    )
    letters.add_argument("--id", help="Only the one of the run of this id, told in full.")
    letters.add_argument("--task", help="Only those of the task of this name.")
    letters.add_argument("--exception", help="Only those of this exception type.")
    letters.add_argument("--hours", type=float, help="Only those of the last so many hours.")
    what = letters.add_mutually_exclusive_group()
    what.add_argument("--requeue", action="store_true", help="Send each of them again.")
    what.add_argument("--discard", action="store_true", help="Close them without sending.")
    letters.add_argument(
        "--args",
        dest="task_args",
        help="With --id and --requeue: send these, a JSON array.",
    )
    letters.add_argument(
        "--kwargs", dest="task_kwargs", help="With --id and --requeue: these, a JSON object."
    )
    _add_json(letters)

    purge = subcommands.add_parser("purge", help="Remove all waiting messages for good.")
    purge.add_argument("--queues", help="Comma-separated; default: all declared queues.")
    purge.add_argument("--yes", action="store_true", help="Do not ask.")
    _add_json(purge)


def _add_worker_options(parser: argparse.ArgumentParser) -> None:
    _add_loglevel(parser)
    parser.add_argument("--concurrency", type=int, help="Tasks at a time; default: CPU cores.")
    parser.add_argument("--queues", help="Comma-separated; default: all declared queues.")


def _add_loglevel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--loglevel", default="info", help="debug, info, warning or error.")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON for scripts.")

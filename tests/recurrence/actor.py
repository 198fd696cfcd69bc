"""
One generator as a process of its own: reads a line, does it, answers with a line of JSON.

``python -m tests.recurrence.actor``, on the database of ``DATABASE_URL``, for SQLite in the
transaction mode of ``SQLITE_MODE``. Verbs: migrate, seed N, generate, tally, years, hold,
release, sweep N.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.host.settings")
if os.environ.get("SQLITE_MODE"):
    settings.DATABASES["default"]["OPTIONS"]["transaction_mode"] = os.environ["SQLITE_MODE"]
django.setup()

from django.core.management import call_command  # noqa: E402  after setup()
from django.db import connection, transaction  # noqa: E402
from django.db.models import Count  # noqa: E402

from recurring_jobs.recurrence.occurrences import generate_occurrences  # noqa: E402
from tests.host.models import Todo  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ZONES = ("UTC", "Europe/Paris", "Asia/Tokyo", "America/New_York")


def migrate() -> None:
    call_command("migrate", verbosity=0)


def seed(number: str) -> None:
    """Leave *number* templates in the table, and nothing else."""
    Todo.objects.all().delete()
    Todo.objects.bulk_create(
        Todo(
            title=f"Template {index}",
            due_at=datetime(2026, 1, 1 + index % 28, index % 24, tzinfo=UTC),
            recurrence_rule=("FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY")[index % 3],
            recurrence_timezone=ZONES[index % 4],
        )
        for index in range(int(number))
    )


def generate() -> dict[str, int]:
    return asdict(generate_occurrences(Todo, now=NOW, batch_size=25))


def tally() -> dict[str, int]:
    """Count rows, and templates that have some of their five rows but not all."""
    made = Todo.objects.templates().annotate(made=Count("occurrences"))
    return {
        "rows": Todo.objects.occurrences().count(),
        "partial": made.filter(made__gt=0).exclude(made=5).count(),
        "whole": made.filter(made=5).count(),
        "set_aside": Todo.objects.set_aside().count(),
    }


def years() -> list[int]:
    """Return the years that occurrences fall in."""
    return sorted({row.due_at.year for row in Todo.objects.occurrences()})


def hold() -> None:
    """Give all templates a yearly rule, in a transaction that stays open until release."""
    transaction.set_autocommit(False)
    Todo.objects.templates().update(recurrence_rule="FREQ=YEARLY")


def release() -> None:
    """Commit what hold() did."""
    transaction.commit()
    transaction.set_autocommit(True)


def sweep(number: str) -> list[dict[str, Any]]:
    """
    Kill a generator before and after its first statement, its second, … until it gets through.

    Return what was found after each kill, and after a clean pass that followed.
    """
    seen = []
    for statement in count(1):
        for moment in ("before", "after"):
            seed(number)
            killed = _killed(statement, moment)
            found = tally()
            generate()
            seen.append({"killed": killed, "found": found, "then": tally()})
        if not killed:
            return seen
    raise AssertionError


def _killed(statement: int, moment: str) -> bool:
    connection.close()
    child = os.fork()
    if child == 0:
        with connection.execute_wrapper(_Killer(statement, moment)):
            generate_occurrences(Todo, now=NOW, batch_size=2)
        connection.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        raise ChildProcessError(status)
    return os.WIFSIGNALED(status)


class _Killer:
    """Kills this process with SIGKILL at one moment of one statement."""

    def __init__(self, statement: int, moment: str) -> None:
        self.left = statement
        self.moment = moment

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.left -= 1
        if self.left == 0 and self.moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = execute(*arguments)
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


VERBS: dict[str, Callable[..., Any]] = {
    verb.__name__: verb for verb in (migrate, seed, generate, tally, years, hold, release, sweep)
}

if __name__ == "__main__":
    for line in sys.stdin:
        name, *arguments = line.split()
        print(json.dumps(VERBS[name](*arguments)), flush=True)  # noqa: T201  its answer

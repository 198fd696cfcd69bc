"""
One generator as a process of its own: reads a line, does it, answers with a line of JSON.

``python -m tests.recurrence.actor``, on the database of ``DATABASE_URL``, for SQLite in the
transaction mode of ``SQLITE_MODE``; with ``TABLES=two``, of courses and their lessons.
Verbs: see VERBS at the end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_DNS, uuid5

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.host.settings")
if os.environ.get("SQLITE_MODE"):
    settings.DATABASES["default"]["OPTIONS"]["transaction_mode"] = os.environ["SQLITE_MODE"]
django.setup()

from django.core.management import call_command  # noqa: E402  after setup()
from django.db import IntegrityError, OperationalError, connection, transaction  # noqa: E402  after setup()
from django.db.models import Count  # noqa: E402
from django.db.models.signals import post_init  # noqa: E402
from django.utils import timezone  # noqa: E402

from recurring_jobs.models import change_rule, end, reschedule, skip, split  # noqa: E402
from recurring_jobs.recurrence.insertion import why_built_one_by_one  # noqa: E402
from recurring_jobs.recurrence.layout import layout_of  # noqa: E402
from recurring_jobs.recurrence.occurrences import generate_occurrences  # noqa: E402
from tests.host.models import Errand, Holiday, Lesson, Tag, Todo  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
#: Templates and occurrences in one table, or in two with links between them and a third.
LAYOUT: Any = layout_of(Lesson if os.environ.get("TABLES") == "two" else Todo)
START = LAYOUT.start.source.name
ZONES = ("UTC", "Europe/Paris", "Asia/Tokyo", "America/New_York")


def migrate() -> None:
    call_command("migrate", verbosity=0)


def seed(number: str) -> None:
    """Leave *number* templates in the table, and nothing else."""
    LAYOUT.template.objects.all().delete()
    templates = LAYOUT.template.objects.bulk_create(
        LAYOUT.template(
            title=f"Template {index}",
            recurrence_rule=("FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY")[index % 3],
            recurrence_timezone=ZONES[index % 4],
            **{START: datetime(2026, 1, 1 + index % 28, index % 24, tzinfo=UTC)},
        )
        for index in range(int(number))
    )
    if LAYOUT.linked:
        tag = Tag.objects.get_or_create(name="linked")[0]
        through = LAYOUT.template.topics.through
        through.objects.bulk_create(through(course=each, tag=tag) for each in templates)


def generate() -> dict[str, int]:
    return asdict(generate_occurrences(LAYOUT.template, now=NOW, batch_size=25))


def tally() -> dict[str, int]:
    """Count rows, and templates that have some of their rows but not all, or without links."""
    made = LAYOUT.template.objects.templates().annotate(made=Count("occurrences"))
    rows = LAYOUT.occurrence.objects.occurrences()
    partial = made.filter(made__gt=0).exclude(made=LAYOUT.ahead).count()
    if LAYOUT.linked:
        partial += rows.filter(labels=None).count()
    return {
        "rows": rows.count(),
        "partial": partial,
        "whole": made.filter(made=LAYOUT.ahead).count(),
        "set_aside": LAYOUT.template.objects.set_aside().count(),
    }


def both_ways() -> list[dict[str, list[dict[str, str]]]]:
    """
    Return the rows of some templates as the database makes them, and as Python builds them.
    """
    ways = []
    for built in (False, True):
        for model, _ in SAMPLES:
            layout_of(model).template.objects.all().delete()
        for model, values in SAMPLES:
            layout_of(model).template.objects.create(**values)
        with _listened_to(model for model, _ in SAMPLES) if built else nullcontext():
            ways.append({model.__name__: _rows(model) for model, _ in SAMPLES})
    return ways


SAMPLES: tuple[tuple[type[Any], dict[str, Any]], ...] = (
    (
        Errand,
        {
            "id": uuid5(NAMESPACE_DNS, "errand"),
            "title": 'To "Ærø", {and} back \\ NULL',
            "first_at": datetime(2026, 3, 1, 8, 15, 30, 123456, tzinfo=UTC),
            "back_on": date(2026, 3, 3),
            "cost": Decimal("1234.50"),
            "notes": {"a": [1, None, "ß"]},
            "sheet": "sheets/one.pdf",
            "recurrence_rule": "FREQ=DAILY",
            "recurrence_timezone": "Europe/Paris",
        },
    ),
    (
        Todo,
        {
            "pk": 1,
            "title": "No owner, no reminder, no zone",
            "due_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
            "recurrence_rule": "FREQ=WEEKLY",
        },
    ),
    (
        Lesson,
        {
            "pk": 1,
            "title": "In two tables",
            "first_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
            "first_until": datetime(2026, 3, 1, 10, tzinfo=UTC),
            "recurrence_rule": "FREQ=MONTHLY",
            "recurrence_timezone": "America/New_York",
        },
    ),
    (
        Holiday,
        {
            "pk": 1,
            "name": "A long weekend",
            "first_on": date(2026, 1, 3),
            "last_on": date(2026, 1, 5),
            "recurrence_rule": "FREQ=MONTHLY",
        },
    ),
)


@contextmanager
def _listened_to(models: Iterable[type[Any]]) -> Iterator[None]:
    """Have someone listen to each new instance, so that each row must be one."""
    heard = list(models)
    for model in heard:
        post_init.connect(_listen, sender=model)
    yield
    for model in heard:
        post_init.disconnect(_listen, sender=model)


def _listen(**facts: Any) -> None:
    pass


def _rows(model: type[Any]) -> list[dict[str, str]]:
    layout = layout_of(model)
    generate_occurrences(layout.template, now=NOW)
    why = why_built_one_by_one(layout, "default")
    rows = model.objects.filter(recurrence_parent__isnull=False).order_by("recurrence_id")
    return [
        {"why": why, **{name: _told(name, value) for name, value in row.items()}}
        for row in rows.values()
    ]


def _told(name: str, value: Any) -> str:
    # What is another in each row is told by its kind, and whether it is recent.
    if name == "token":
        return value[32:]
    if name == "id":
        return type(value).__name__
    if name in {"seen_at", "made_at", "changed_at", "created_at"}:
        return str(abs(timezone.now() - value) < timedelta(minutes=1))
    return repr(value)


def years() -> list[int]:
    """Return the years that occurrences fall in."""
    start = LAYOUT.start.target.name
    return sorted({getattr(row, start).year for row in LAYOUT.occurrence.objects.occurrences()})


def hold() -> None:
    """Give all templates a yearly rule, in a transaction that stays open until release."""
    transaction.set_autocommit(False)
    LAYOUT.template.objects.templates().update(recurrence_rule="FREQ=YEARLY")


def release() -> None:
    """Commit what hold() did."""
    transaction.commit()
    transaction.set_autocommit(True)


def generate_held(statement: str) -> dict[str, int]:
    """
    Generate, but answer "held" and wait for a line before the first *statement*, such as INSERT.
    """
    held = []

    def hold_once(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if not held and sql.startswith(statement):
            held.append(sql)
            print(json.dumps("held"), flush=True)  # noqa: T201  its answer
            sys.stdin.readline()
        return execute(sql, *arguments)

    with connection.execute_wrapper(hold_once):
        return generate()


def edit() -> None:
    """Give all templates a yearly rule."""
    LAYOUT.template.objects.templates().update(recurrence_rule="FREQ=YEARLY")


def rename() -> None:
    """Give all templates another title."""
    LAYOUT.template.objects.templates().update(title="Renamed")


def move() -> None:
    """Move the first row of each template to the year 2040."""
    for template in LAYOUT.template.objects.templates():
        row = template.occurrences.order_by("recurrence_id").first()
        moved = datetime(2040, 1, 1, tzinfo=UTC)
        type(row).objects.filter(pk=row.pk).update(**{LAYOUT.start.target.name: moved})


def delete() -> str:
    """Delete all templates; say what the database said to it."""
    try:
        LAYOUT.template.objects.templates().delete()
    except (IntegrityError, OperationalError):  # SQLite: the database is locked
        return "refused"
    return "deleted"


def waiting() -> int:
    """Count the processes that wait for a lock of another; on SQLite, let one come to that."""
    if connection.vendor == "sqlite":  # which tells nobody
        time.sleep(0.3)
        return 1
    with connection.cursor() as cursor:
        cursor.execute(_WAITING[connection.vendor])
        return int(cursor.fetchone()[0])


_WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx AS waiting"
    " JOIN information_schema.processlist AS process ON process.id = trx_mysql_thread_id"
    " WHERE trx_state = 'LOCK WAIT' AND process.db = database()",
}


def hold_pass() -> dict[str, int]:
    """Generate, in a transaction that stays open until release."""
    transaction.set_autocommit(False)
    return generate()


def edit_series(kind: str) -> None:
    """Edit the series of the first template, at its second row or as a whole."""
    template = Todo.objects.templates().order_by("pk")[0]
    row = template.occurrences.order_by("recurrence_id")[1]
    edits: dict[str, Callable[[], Any]] = {
        "skip": lambda: skip(row, now=NOW),
        "reschedule": lambda: reschedule(row, NOW + timedelta(days=20)),
        "split": lambda: split(template, row, now=NOW, title="Split"),
        "change_rule": lambda: change_rule(template, "FREQ=DAILY;INTERVAL=2", now=NOW),
        "end": lambda: end(template, row.due_at, now=NOW),
    }
    edits[kind]()


def hold_series_edit(kind: str) -> None:
    """Edit as edit_series() does, in a transaction that stays open until release."""
    transaction.set_autocommit(False)
    edit_series(kind)


def rows_of_series() -> list[list[str]]:
    """Return what there is of each occurrence: its template's title, its own, its times."""
    made = Todo.objects.occurrences().order_by("recurrence_id", "due_at")
    names = ("recurrence_parent__title", "title", "recurrence_id", "due_at")
    return [[str(value) for value in row] for row in made.values_list(*names)]


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
            generate_occurrences(LAYOUT.template, now=NOW, batch_size=2)
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
    verb.__name__: verb
    for verb in (
        hold_pass,
        edit_series,
        hold_series_edit,
        rows_of_series,
        both_ways,
        delete,
        edit,
        generate,
        generate_held,
        hold,
        migrate,
        move,
        release,
        rename,
        seed,
        sweep,
        tally,
        waiting,
        years,
    )
}

if __name__ == "__main__":
    for line in sys.stdin:
        name, *arguments = line.split()
        print(json.dumps(VERBS[name](*arguments)), flush=True)  # noqa: T201  its answer

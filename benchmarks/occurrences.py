"""
Rows that repeat, beside the loop and beside the database: ``python benchmarks/occurrences.py``.

In one run, on a database of its own that is dropped at the end (with ``--database postgres``
on the server of POSTGRES_URL, else a file): the first fill of many templates against the loop
that projects write, and against the same rows loaded in bulk into the same indexed table;
passes with nothing and little to do; peak memory; two workers at once.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import platform
import random
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import django
from dateutil.rrule import rrulestr

sys.path.insert(0, str(Path(__file__).parent.parent))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FAR = NOW + timedelta(days=36_500)
RULES = (
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
    "FREQ=MONTHLY;BYMONTHDAY=15",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY",
    "FREQ=DAILY;UNTIL=20300101T000000Z",
)
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Tokyo", "Australia/Sydney", "")
FEW = 10_000
#: What each row of the table tells, in order.
ROWS = (
    "first fill, one process",
    "first fill, `generate_occurrences --processes 2`",
    "the loop",
    "the rows alone, loaded in bulk",
    "a pass with nothing due, few templates",
    "a pass with nothing due, many templates",
    "a pass with 1 % due, few templates",
    "a pass with 1 % due, many templates",
    "peak memory of a fill, few templates",
    "peak memory of a fill, many templates",
    "first fill by one worker process",
    "first fill by two at once",
)


def main() -> None:
    """
    Print the table.
    """
    options = _options()
    with _database(options.database):
        _set_up(migrate=True)
        print(f"On {_machine()}, {_server()}.")
        print(
            f"{options.templates:,} templates, five rows ahead of each; best of {options.rounds}."
        )
        print("\n| what | measured | beside it |\n|---|--:|---|")
        figures = iter(ROWS)
        for measured, beside in _measure(options):
            print(f"| {next(figures)} | {measured} | {beside} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--templates", type=int, default=20_000, help="of the first fill")
    parser.add_argument("--sample", type=int, default=500, help="templates the loop is timed on")
    parser.add_argument("--many", type=int, default=1_000_000, help="of the passes with little due")
    parser.add_argument("--most", type=int, default=200_000, help="of the fill for peak memory")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best is told")
    return parser.parse_args()


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description."""


def _measure(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    fill, at_once, loop, bulk, bulk_name = _first_fill(options)
    rows = 5 * options.templates
    for taken in (fill, at_once):
        beside = f"{loop / taken:.0f} times as fast as the loop"
        yield f"{taken:.2f} s", f"{beside}, {taken / bulk:.1f} times the time of {bulk_name}"
    yield f"{loop:.1f} s", f"timed on {options.sample:,} templates, scaled"
    yield f"{bulk:.2f} s", f"{rows:,} rows, {bulk_name}"
    few, many = _little_due(FEW), _little_due(options.many)
    for number, (nothing, _) in ((FEW, few), (options.many, many)):
        yield f"{nothing * 1e3:.2f} ms", f"{number:,} templates"
    for number, (_, little) in ((FEW, few), (options.many, many)):
        due = number // 100
        yield f"{little * 1e3:,.0f} ms", f"{due:,} due, {little / due * 1e6:.0f} µs a template"
    for number in (FEW, options.most):
        yield f"{_peak(number):.0f} MB", f"{number:,} templates"
    one = min(_workers(1, options.templates) for _ in range(options.rounds))
    yield f"{one:.2f} s", f"{options.templates:,} templates"
    two = min(_workers(2, options.templates) for _ in range(options.rounds))
    yield f"{two:.2f} s", f"{one / two:.2f} times as fast as one"


# -- the figures ---------------------------------------------------------------------------


def _first_fill(options: argparse.Namespace) -> tuple[float, float, float, float, str]:
    _seed(options.templates)
    loop = _timed(lambda: _loop(options.sample)) * options.templates / options.sample
    by_loop = _rows_made()
    alone, at_once, bulks = [], [], []
    for _ in range(options.rounds):
        for fills, generate in ((alone, _generate), (at_once, _generate_by_two)):
            _seed(options.templates)
            fills.append(_timed(generate))
            ours = _rows_made()
            if {key: ours[key] for key in by_loop} != by_loop:
                raise SystemExit("The loop and the generator made different rows.")
        bulk = _Copy() if options.database == "postgres" else _ExecuteMany()
        _seed(options.templates)
        bulks.append(_timed(bulk.load))
        if _rows_made() != ours:
            raise SystemExit("The bulk load brought other rows.")
    return min(alone), min(at_once), loop, min(bulks), bulk.name


def _loop(number: int) -> None:
    # What each project writes before it looks for a library.
    from tests.host.models import Todo

    for template in Todo.objects.filter(recurrence_rule__isnull=False).order_by("pk")[:number]:
        zone = ZoneInfo(template.recurrence_timezone or "UTC")
        rule = rrulestr(template.recurrence_rule, dtstart=template.due_at.astimezone(zone))
        for at in islice(rule.xafter(NOW), 5):
            if not Todo.objects.filter(recurrence_parent=template, due_at=at).exists():
                Todo.objects.create(
                    recurrence_parent=template,
                    recurrence_id=at.strftime("%Y%m%dT%H%M%S"),
                    recurrence_timezone=zone.key,
                    title=template.title,
                    owner_id=template.owner_id,
                    due_at=at,
                    remind_at=at - (template.due_at - template.remind_at),
                )


class _Copy:
    """The occurrences that are there now, as the text that COPY reads."""

    name = "COPY"

    def __init__(self) -> None:
        self.text = io.BytesIO()
        with (
            _raw_cursor() as cursor,
            cursor.copy(
                "COPY (SELECT * FROM host_todo WHERE recurrence_parent_id IS NOT NULL) TO STDOUT"
            ) as chunks,
        ):
            for chunk in chunks:
                self.text.write(chunk)

    def load(self) -> None:
        with _raw_cursor() as cursor, cursor.copy("COPY host_todo FROM STDIN") as copy:
            copy.write(self.text.getvalue())


class _ExecuteMany:
    """The occurrences that are there now, as tuples for executemany()."""

    name = "executemany()"

    def __init__(self) -> None:
        with _raw_cursor() as cursor:
            cursor.execute("SELECT * FROM host_todo WHERE recurrence_parent_id IS NOT NULL")
            self.rows = cursor.fetchall()

    def load(self) -> None:
        from django.db import transaction

        with transaction.atomic(), _raw_cursor() as cursor:
            marks = ", ".join("?" * len(self.rows[0]))
            cursor.executemany(f"INSERT INTO host_todo VALUES ({marks})", self.rows)


def _little_due(number: int) -> tuple[float, float]:
    from django.db.models import F
    from django.db.models.functions import Mod

    from recurring_jobs.recurrence.fields import AT_ONCE
    from tests.host.models import Todo

    _seed(number, due_at=FAR)
    nothing = min(_timed(_generate) for _ in range(20))
    due = Todo.objects.alias(rest=Mod(F("pk"), 100)).filter(rest=0)
    due.update(recurrence_due_at=AT_ONCE)
    return nothing, _timed(_generate)


def _peak(number: int) -> float:
    _seed(number)
    answers = _SPAWN.SimpleQueue()
    process = _SPAWN.Process(target=_fill_and_tell_peak, args=(answers,))
    process.start()
    process.join()
    return float(answers.get())


def _fill_and_tell_peak(answers: Any) -> None:
    _set_up()
    _generate()
    # Not getrusage(): there a child begins with what its parent had.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if "VmHWM" in line)
    answers.put(int(kilobytes) / 1024)


def _workers(number: int, templates: int) -> float:
    from tests.host.models import Todo

    _seed(templates)
    barrier = _SPAWN.Barrier(number + 1)
    processes = [_SPAWN.Process(target=_work, args=(barrier,)) for _ in range(number)]
    for process in processes:
        process.start()
    barrier.wait()
    begin = time.perf_counter()
    barrier.wait()
    taken = time.perf_counter() - begin
    for process in processes:
        process.join()
    if Todo.objects.occurrences().count() != 5 * templates:
        raise SystemExit("The workers did not make each row once.")
    return taken


def _work(barrier: Any) -> None:
    _set_up()
    from django.db import connection

    connection.ensure_connection()
    barrier.wait()
    _generate()
    barrier.wait()


_SPAWN = multiprocessing.get_context("spawn")


def _generate() -> None:
    from recurring_jobs.recurrence.occurrences import generate_occurrences
    from tests.host.models import Todo

    generate_occurrences(Todo, now=NOW)


def _generate_by_two() -> None:
    from recurring_jobs.management.generators import generate_at_once

    generate_at_once(2, "host.Todo", now=NOW, using=None, on_batch=lambda _report: None)


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _rows_made() -> dict[tuple[int, str], tuple[Any, ...]]:
    from tests.host.models import Todo

    names = ("recurrence_timezone", "title", "owner_id", "due_at", "remind_at", "done")
    rows = Todo.objects.occurrences().values_list("recurrence_parent_id", "recurrence_id", *names)
    return {row[:2]: (row[2] or "UTC", *row[3:]) for row in rows.iterator()}


# -- the database --------------------------------------------------------------------------


@contextmanager
def _database(kind: str) -> Iterator[None]:
    from tests.services import SERVICES, temporary_database

    with tempfile.TemporaryDirectory() as folder:
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.host.settings"
        os.environ["HOST_DIR"] = folder
        if kind == "sqlite":
            os.environ["DATABASE_URL"] = f"sqlite:///{folder}/benchmark.sqlite3"
            yield
            return
        if not (server := os.environ.get(SERVICES["postgres"].variable)):
            raise SystemExit(SERVICES["postgres"].absent)
        with temporary_database(server) as url:
            os.environ["DATABASE_URL"] = url
            yield


def _set_up(*, migrate: bool = False) -> None:
    django.setup()
    if migrate:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)


def _seed(number: int, due_at: datetime | None = None) -> None:
    """Leave *number* templates in the table and nothing else, due at once or at *due_at*."""
    from django.db import connection

    from tests.host.models import Todo

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("TRUNCATE host_todo RESTART IDENTITY CASCADE")
        else:
            cursor.execute("DELETE FROM host_todo")
    chance = random.Random(4)  # the same templates each time
    first = [_template(index, chance) for index in range(min(number, FEW))]
    Todo.objects.bulk_create(first)
    if due_at is not None:
        Todo.objects.update(recurrence_due_at=due_at)
    _multiply(number)
    with connection.cursor() as cursor:
        cursor.execute(
            "VACUUM ANALYZE host_todo" if connection.vendor == "postgresql" else "ANALYZE"
        )


def _template(index: int, chance: random.Random) -> Any:
    from tests.host.models import Todo

    start = NOW - timedelta(days=chance.randrange(5 * 365), minutes=15 * chance.randrange(96))
    return Todo(
        pk=index + 1,
        title=f"Template {index}",
        due_at=start,
        remind_at=start - timedelta(hours=1),
        recurrence_rule=RULES[index % len(RULES)],
        recurrence_timezone=chance.choice(ZONES),
    )


def _multiply(number: int) -> None:
    from django.db import connection

    from tests.host.models import Todo

    names = [f'"{field.column}"' for field in Todo._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(names)
    with connection.cursor() as cursor:
        for done in range(FEW, number, FEW):
            size = min(FEW, number - done)
            cursor.execute(
                f'INSERT INTO host_todo ("id", {columns}) SELECT "id" + {done}, {columns} '
                f'FROM host_todo WHERE "id" <= {size}'
            )
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence('host_todo', 'id'), %s)", [number])


@contextmanager
def _raw_cursor() -> Iterator[Any]:
    from django.db import connection

    connection.ensure_connection()
    with (
        connection.connection.cursor()
        if connection.vendor == "postgresql"
        else _closing(connection.connection.cursor()) as cursor
    ):
        yield cursor


@contextmanager
def _closing(cursor: Any) -> Iterator[Any]:
    yield cursor
    cursor.close()


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"Django {django.get_version()}"
    )


def _server() -> str:
    from django.db import connection

    with connection.cursor():
        version: Sequence[int] = connection.get_database_version()
    number = ".".join(map(str, version))
    return f"{connection.display_name} {number}"


if __name__ == "__main__":
    main()

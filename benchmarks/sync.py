"""
``setup_periodic_tasks`` beside a loop of get_or_create: ``python benchmarks/sync.py``.

Each figure is one run in seconds, with its queries, on a database made for it: SQLite, or
what DATABASE_URL names. The loop is what projects write by hand, and knows neither removal
nor drift. The rows are compared at the end, so that both do the same work.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dj_database_url
import django
from celery import Celery
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MINUTES_OF_A_DAY = 24 * 60


def main() -> None:
    """
    Print the table.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--declarations", type=int, default=10_000)
    count = parser.parse_args().declarations
    app = _set_up_django()
    from django.db import connection

    connection.creation.create_test_db(verbosity=0, serialize=False)
    try:
        _compare(app, count)
    finally:
        connection.creation.destroy_test_db("", verbosity=0)


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description."""


def _set_up_django() -> Celery:
    folder = Path(tempfile.mkdtemp())
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{folder / 'bench.sqlite3'}"
    database = dj_database_url.parse(url)
    if "sqlite3" in database["ENGINE"]:
        database["TEST"] = {"NAME": str(folder / "test.sqlite3")}
        database["OPTIONS"] = {"transaction_mode": "IMMEDIATE"}
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django_celery_beat",
            "django_celery_results",
            "recurring_jobs",
        ],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    app = Celery("bench", broker="memory://")
    app.task(_work, name="bench.work", shared=False)
    django.setup()
    return app


def _compare(app: Celery, count: int) -> None:
    from django.db import connection

    from recurring_jobs.models import Schedule
    from recurring_jobs.periodic.sync import sync_schedules

    declared = dict(_entries(count))

    def ours(entries: dict[str, Any]) -> None:
        settings.RECURRING_JOBS = {"SCHEDULE": entries}
        sync_schedules(app=app)

    print(f"{count:,} declarations, {connection.vendor}\n")
    print(f"{'':<34}{'setup_periodic_tasks':>26}{'loop of get_or_create':>26}")
    figures = {
        "first run": [_timed(ours, declared)],
        "second run, nothing to do": [_timed(ours, declared)],
        "one in a hundred changed": [_timed(ours, _changed(declared))],
    }
    ours(declared)
    rows = _rows()
    Schedule.objects.all().delete()
    _clear()
    figures["first run"].append(_timed(_loop, declared))
    figures["second run, nothing to do"].append(_timed(_loop, declared))
    figures["one in a hundred changed"].append(_timed(_loop, _changed(declared)))
    _loop(declared)
    for name, cells in figures.items():
        shown = "".join(f"{f'{each[0]:.2f} s, {each[1]:,} queries':>26}" for each in cells)
        print(f"{name:<34}{shown}")
    if _rows() != rows:
        message = "The two left different rows."
        raise SystemExit(message)


def _entries(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(count):
        minute, hour = number % 60, number % MINUTES_OF_A_DAY // 60
        yield (
            f"task {number:05}",
            {
                "task": "bench.work",
                "trigger": f"{minute} {hour} * * *",
                "kwargs": {"shard": number},
                "queue": "slow" if number % 3 else None,
            },
        )


def _changed(entries: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {**entry, "priority": 3} if number % 100 == 0 else entry
        for number, (name, entry) in enumerate(entries.items())
    }


def _loop(entries: dict[str, Any]) -> None:
    from django_celery_beat.models import CrontabSchedule, PeriodicTask

    for name, entry in entries.items():
        minute, hour, *_ = entry["trigger"].split()
        crontab, _ = CrontabSchedule.objects.get_or_create(minute=minute, hour=hour, timezone="UTC")
        values = {
            "task": entry["task"],
            "crontab": crontab,
            "kwargs": json.dumps(entry["kwargs"]),
            "queue": entry["queue"],
            "priority": entry.get("priority"),
        }
        task, is_new = PeriodicTask.objects.get_or_create(name=name, defaults=values)
        if not is_new and any(getattr(task, key) != value for key, value in values.items()):
            for key, value in values.items():
                setattr(task, key, value)
            task.save()


def _rows() -> list[tuple[Any, ...]]:
    from django_celery_beat.models import PeriodicTask

    columns = ("name", "task", "crontab__hour", "crontab__minute", "kwargs", "queue", "priority")
    return list(PeriodicTask.objects.order_by("name").values_list(*columns))


def _clear() -> None:
    from django_celery_beat.models import CrontabSchedule, PeriodicTask

    for model in (PeriodicTask, CrontabSchedule):
        rows = model.objects.all()
        rows._raw_delete(rows.db)  # noqa: SLF001  without a signal for each row


def _timed(work: Callable[[dict[str, Any]], None], entries: dict[str, Any]) -> tuple[float, int]:
    from django.db import connection

    queries = 0

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    begin = time.perf_counter()
    with connection.execute_wrapper(count):
        work(entries)
    return time.perf_counter() - begin, queries


def _work(shard: int) -> None:
    """Do nothing."""


if __name__ == "__main__":
    main()

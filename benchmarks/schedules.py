"""Makes the schedules that benchmarks/scheduler.py times, and counts what was fired of them."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from typing import Any

#: How many are made row by row; the others are copies of them, made in the database.
FIRST = 5000
CRONTABS = 1440


def fill(size: int) -> None:
    """Make the tables, and *size* schedules of once a year: a multiple of 5,000, or fewer."""
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone
    from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

    from recurring_jobs.models import Schedule, ScheduleChange
    from recurring_jobs.periodic import upcoming

    call_command("migrate", verbosity=0)
    CrontabSchedule.objects.bulk_create(
        CrontabSchedule(
            minute=str(number % 60),
            hour=str(number // 60),
            day_of_month="1",
            month_of_year="1",
            timezone="UTC",
        )
        for number in range(CRONTABS)
    )
    crontabs = list(CrontabSchedule.objects.order_by("pk"))
    PeriodicTask.objects.bulk_create(
        PeriodicTask(
            name=f"task-{number}",
            task="bench.nothing",
            crontab=crontabs[number % CRONTABS],
            queue=os.environ["BENCH_QUEUE"],
            last_run_at=timezone.now(),
        )
        for number in range(min(size, FIRST))
    )
    while upcoming.apply_changes(now=timezone.now(), using="default", limit=FIRST):
        pass
    for copy in range(1, size // FIRST):
        copy_tasks(copy)
    ScheduleChange.objects.all().delete()
    PeriodicTasks.update_changed()
    with connection.cursor() as cursor:
        # What PostgreSQL does by itself, a minute after so many rows were made or deleted.
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "SELECT 1")
    assert Schedule.objects.count() == PeriodicTask.objects.count()


def copy_tasks(copy: int) -> None:
    """Make one copy of each of the first tasks, and of its schedule."""
    from django.db.models import Max
    from django_celery_beat.models import PeriodicTask

    from recurring_jobs.models import Schedule

    last = PeriodicTask.objects.aggregate(at=Max("pk"))["at"]
    tasks = PeriodicTask._meta.db_table
    made = f"SELECT {{columns}} FROM {tasks} WHERE id <= {FIRST}"
    insert(PeriodicTask, {"name": f"CONCAT(name, '-{copy}')"}, made)
    made = (
        f"SELECT {{columns}} FROM {Schedule._meta.db_table} JOIN {tasks} AS model"
        f" ON model.id = periodic_task_id JOIN {tasks} AS copied"
        f" ON copied.name = CONCAT(model.name, '-{copy}')"
        f" WHERE model.id <= {FIRST} AND copied.id > {last}"
    )
    insert(Schedule, {"periodic_task_id": "copied.id"}, made)


def insert(model: Any, changed: dict[str, str], select: str) -> None:
    """Insert rows of *model* that *select* finds, with some columns changed."""
    from django.db import connection

    table = model._meta.db_table
    names = [each.column for each in model._meta.local_concrete_fields if not each.primary_key]
    columns = ", ".join(changed.get(name, f"{table}.{name}") for name in names)
    statement = f"INSERT INTO {table} ({', '.join(names)}) {select.format(columns=columns)}"
    with connection.cursor() as cursor:
        cursor.execute(statement)


def make_due() -> None:
    """Let all schedules be due."""
    from django.utils import timezone

    from recurring_jobs.models import Schedule

    Schedule.objects.update(next_fire_at=timezone.now() - timedelta(seconds=5))


def show_rate(due: int) -> None:
    """Wait until all are fired, and print how many a second that was."""
    from django.db.models import Count, Max, Min

    from recurring_jobs.models import Fire
    from tests.host.celery import app

    sent = Fire.objects.filter(state="published")
    deadline = time.monotonic() + 300
    while sent.count() < due and time.monotonic() < deadline:
        time.sleep(1)
    found = sent.aggregate(number=Count("pk"), first=Min("published_at"), last=Max("published_at"))
    took = (found["last"] - found["first"]).total_seconds()
    print(f"{found['number'] / took:,.0f} a second for {took:.0f} s")
    with app.connection_for_write() as connection:
        connection.SimpleQueue(os.environ["BENCH_QUEUE"]).queue.delete()


if __name__ == "__main__":
    import django

    django.setup()
    {"fill": fill, "make_due": make_due, "show_rate": show_rate}[sys.argv[1]](
        *(int(each) for each in sys.argv[2:])
    )

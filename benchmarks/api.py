"""
How long a page of the API's list of runs takes, at a million runs, on PostgreSQL.

    POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres python -m benchmarks.api

A database of its own is made on that server, filled, asked and dropped.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import statistics
import time
from typing import Any

RUNS = 1_000_000
TOKEN = "a-token-for-a-benchmark-of-the-list"
FILL = """
INSERT INTO recurring_jobs_run (id, root_id, retried_from, task, state, attempt, next_attempt,
    crashes, worker, holder, queue, args, kwargs, options, created_at, progress_note, exception,
    fire_id)
SELECT 'run-' || n, '', '', 'shop.task' || (n %% 50),
    CASE WHEN n %% 1000 = 0 THEN 'failed' ELSE 'succeeded' END, 1, 2, 0, 'worker', '', 'celery',
    '[]', '{}', '{}', now() - n * interval '1 second', '', '',
    CASE WHEN n %% 100 = 0 THEN %s + n / 100 END
FROM generate_series(1, %s) AS n
"""
#: One fire for each hundred runs: one in 300 is of the rare schedule.
FIRES = """
INSERT INTO recurring_jobs_fire ({names})
SELECT {values} FROM recurring_jobs_fire AS first, generate_series(1, %s) AS n
WHERE first.id = %s
"""


def main() -> None:
    """Fill a database of its own and print the median of each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    from tests.services import temporary_database

    with temporary_database(os.environ["POSTGRES_URL"]) as url:
        os.environ["DATABASE_URL"] = url
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.host.settings"
        measure(options.runs, options.times)


def measure(runs: int, times: int) -> None:
    """Print how many milliseconds each question takes."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    call_command("migrate", verbosity=0)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    settings.RECURRING_JOBS = {
        "API_TOKENS": {"bench": {"sha256": digest, "allow": ["status"]}},
        "API_RATE": 0,
    }
    busy, rare = a_schedule("busy"), a_schedule("rare")
    fire = make_fires(busy, rare, runs // 100)
    with connection.cursor() as cursor:
        cursor.execute(FILL, [fire, runs])
        cursor.execute("ANALYZE")
    client = Client(headers={"Authorization": f"Bearer {TOKEN}"})
    print(f"{runs} runs, a page of 100, median of {times}, in milliseconds")
    for name, query in questions(busy, rare, runs).items():
        taken = [seconds(client, query) for _ in range(times)]
        print(f"{statistics.median(taken) * 1000:8.1f}  {name}")
    connection.close()


def a_schedule(name: str) -> int:
    """Make a schedule and return its id."""
    from django_celery_beat.models import CrontabSchedule, PeriodicTask

    from recurring_jobs.models import Schedule

    crontab, _ = CrontabSchedule.objects.get_or_create(minute="0")
    task = PeriodicTask.objects.create(name=name, task="shop.task0", crontab=crontab)
    return int(Schedule.objects.create(periodic_task=task).pk)


def make_fires(busy: int, rare: int, count: int) -> int:
    """Make *count* fires of two schedules; return the id before the first."""
    from django.db import connection
    from django.utils import timezone

    from recurring_jobs.models import Fire

    first = Fire.objects.create(schedule_id=busy, nominal_at=timezone.now(), task_id="first")
    own = {
        "schedule_id": f"CASE WHEN n %% 300 = 0 THEN {rare} ELSE {busy} END",
        "nominal_at": "first.nominal_at - n * interval '1 minute'",
        "task_id": "'fire-' || n",
    }
    columns = [each.column for each in Fire._meta.concrete_fields if not each.primary_key]
    values = ", ".join(own.get(column, f"first.{column}") for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(FIRES.format(names=", ".join(columns), values=values), [count, first.pk])
    return int(first.pk)


def questions(busy: int, rare: int, runs: int) -> dict[str, dict[str, Any]]:
    """Return the queries that are timed, by what they ask."""
    from recurring_jobs.models import Run

    middle = Run.objects.get(pk=f"run-{runs // 2}")
    place = json.dumps([middle.created_at.isoformat(), middle.pk]).encode()
    after = base64.urlsafe_b64encode(place).decode()
    return {
        "the first page": {},
        "a page in the middle": {"after": after},
        "of one task": {"task": "shop.task7"},
        "of one task, in the middle": {"task": "shop.task7", "after": after},
        "in one state": {"state": "failed"},
        "of one task in one state": {"task": "shop.task0", "state": "failed"},
        "of a schedule that fires all the time": {"schedule": busy},
        "of a schedule that rarely fires": {"schedule": rare},
        "of a task that has none": {"task": "shop.none"},
    }


def seconds(client: Any, query: dict[str, Any]) -> float:
    """Return how long one request takes."""
    began = time.perf_counter()
    assert client.get("/jobs/runs", query).status_code == 200
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

"""
Time the pages of the admin on large tables: ``python benchmarks/admin.py``.

On a database of its own on the PostgreSQL server of POSTGRES_URL, with as many schedules,
runs, fires, dead letters and templates as asked for, as many results of
django-celery-results as runs, and the workers of a day: queries and server time of each of
our pages, and of the pages of django-celery-beat and django-celery-results, as they bring
them, for the same data. Times are the median of five, after one that is
not counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS = "/admin/recurring_jobs"

#: One statement each; %(n)s is how many rows.
FILL = {
    "schedules": """
        INSERT INTO django_celery_beat_periodictask
            (id, name, task, args, kwargs, enabled, total_run_count, date_changed, description,
             one_off, headers, crontab_id)
        SELECT n, 'schedule ' || n, 'shop.tasks.task' || n %% 50, '[]', '{}', n %% 10 > 0, n, now(),
               '', false, '{}', %(crontab)s
        FROM generate_series(1, %(n)s) AS n;
        INSERT INTO recurring_jobs_schedule
            (id, periodic_task_id, declared_in, applied, kept, rule, rule_start, rule_timezone,
             misfire, grace, catchup_window, max_catchup, overlap, jitter, paused_by, pause_reason,
             taken_count, missed_count, skipped_count, dropped_count, trigger_key,
             next_fire_at, set_aside_reason)
        SELECT n, n, '', '{}', '{}', '', '', '', 'latest', '1 minute', '1 day', 10, 'allow',
               '0', '', '', n, 0, 0, 0, '',
               CASE WHEN n %% 10 > 0 AND n %% 1000 <> 1 THEN now() + n * interval '1 second' END,
               CASE WHEN n %% 1000 = 1 THEN 'No zone.' ELSE '' END
        FROM generate_series(1, %(n)s) AS n
    """,
    "fires": """
        INSERT INTO recurring_jobs_fire
            (id, schedule_id, kind, nominal_at, state, task_id, stands_for, reason, overlap,
             claimed_at, published_at)
        SELECT n, 1 + n %% %(schedules)s, 'scheduled', at, CASE WHEN n %% 500 = 0 THEN 'missed'
               ELSE 'published' END, 'run-' || n, 1, '', '', at, at + interval '1 second'
        FROM (SELECT n, now() - (%(n)s - n) * interval '2 seconds' AS at
              FROM generate_series(1, %(n)s) AS n) AS made
    """,
    "runs": """
        INSERT INTO recurring_jobs_run
            (id, root_id, retried_from, task, state, attempt, next_attempt, crashes, worker,
             holder, queue, args, kwargs, options, created_at, started_at, finished_at,
             heartbeat_at, progress_note, exception, fire_id)
        SELECT 'run-' || n, 'run-' || n, '', 'shop.tasks.task' || n %% 50,
               CASE WHEN n > %(n)s - 20 THEN 'running' WHEN n %% 100 = 0 THEN 'failed'
               ELSE 'succeeded' END, 1, 2, 0, 'celery@web-' || n %% 8, '', 'celery', '[]',
               '{"days": 7}', '{}', at, at, at + interval '3 seconds', at, '',
               CASE WHEN n %% 100 = 0 THEN 'ConnectionError: away' ELSE '' END, n
        FROM (SELECT n, now() - (%(n)s - n) * interval '2 seconds' AS at
              FROM generate_series(1, %(n)s) AS n) AS made
    """,
    "letters": """
        INSERT INTO recurring_jobs_deadletter
            (id, task, task_id, root_id, queue, args, kwargs, headers, is_sendable,
             not_sendable_reason, exception_type, exception, tracebacks, attempts, failed_at,
             state, requeued_as, closed_by)
        SELECT n, 'shop.tasks.task' || n %% 50, 'run-' || n, '', 'celery', '[]', '{}', '{}', true,
               '', 'Error' || n %% 20, 'away', '["Traceback"]', 3, now() - n * interval '1 minute',
               CASE WHEN n %% 3 = 0 THEN 'requeued' ELSE 'open' END, '', ''
        FROM generate_series(1, %(n)s) AS n
    """,
    "results": """
        INSERT INTO django_celery_results_taskresult
            (id, task_id, status, content_type, content_encoding, result, date_done, date_created,
             task_name, task_args, task_kwargs, meta)
        SELECT n, 'run-' || n, CASE WHEN n %% 100 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END,
               'application/json', 'utf-8', 'null', now() - n * interval '2 seconds',
               now() - n * interval '2 seconds', 'shop.tasks.task' || n %% 50, '[]', '{}', '{}'
        FROM generate_series(1, %(n)s) AS n
    """,
    "workers": """
        INSERT INTO recurring_jobs_worker (id, name, queues, started_at, seen_at)
        SELECT n, 'celery@web-' || n, '["celery"]', now() - interval '1 day',
               now() - (n %% 3) * interval '2 hours'
        FROM generate_series(1, %(n)s) AS n
    """,
    "templates": """
        INSERT INTO host_todo
            (id, title, due_at, done, created_at, recurrence_rule, recurrence_timezone,
             recurrence_due_at, recurrence_set_aside)
        SELECT n, 'todo ' || n, now(), false, now(), 'FREQ=DAILY', '',
               CASE WHEN n %% 1000 = 0 THEN '9000-01-01 00:00+00'
               ELSE now() + interval '1 day' END,
               CASE WHEN n %% 1000 = 0 THEN 'No zone.' ELSE '' END
        FROM generate_series(1, %(n)s) AS n
    """,
}
#: How many workers of a day are on record, a third of them alive.
WORKERS = 150


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=1_000_000, help="and fires, and results")
    parser.add_argument("--letters", type=int, default=100_000)
    options = parser.parse_args()
    from tests.services import SERVICES, temporary_database

    server = os.environ.get(SERVICES["postgres"].variable)
    if not server:
        raise SystemExit(SERVICES["postgres"].absent)
    with temporary_database(server) as url, tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="tests.host.settings", DATABASE_URL=url, HOST_DIR=folder
        )
        _set_up()
        print(
            f"On {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}."
        )
        _fill(options)
        print("\n| page | queries | server time |\n|---|--:|--:|")
        for name, path in _pages(options):
            queries, seconds = _measured(path)
            print(f"| {name} | {queries} | {seconds * 1e3:,.0f} ms |", flush=True)


def _set_up() -> None:
    import django

    django.setup()
    _serve_stock_pages()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _serve_stock_pages() -> None:
    """Serve the pages as their packages bring them, which ours take the place of, at /stock/."""
    from types import ModuleType

    from django.conf import settings
    from django.contrib.admin import AdminSite
    from django.urls import include, path
    from django_celery_beat.admin import PeriodicTaskAdmin
    from django_celery_beat.models import PeriodicTask
    from django_celery_results.admin import TaskResultAdmin
    from django_celery_results.models import TaskResult

    site = AdminSite("stock")
    site.register(PeriodicTask, PeriodicTaskAdmin)
    site.register(TaskResult, TaskResultAdmin)
    urls: Any = ModuleType("benchmark_urls")
    urls.urlpatterns = [path("stock/", site.urls), path("", include(settings.ROOT_URLCONF))]
    sys.modules[urls.__name__] = urls
    settings.ROOT_URLCONF = urls.__name__


def _fill(options: argparse.Namespace) -> None:
    from django.db import connection
    from django_celery_beat.models import CrontabSchedule

    crontab = CrontabSchedule.objects.create(minute="0", hour="9")
    numbers = {
        "schedules": options.schedules,
        "fires": options.runs,
        "runs": options.runs,
        "letters": options.letters,
        "results": options.runs,
        "workers": WORKERS,
        "templates": options.letters,
    }
    with connection.cursor() as cursor:
        # The triggers note each change for the beats, which is not what is measured.
        cursor.execute("SET session_replication_role = replica")
        for name, statement in FILL.items():
            values = {"n": numbers[name], "schedules": options.schedules, "crontab": crontab.pk}
            cursor.execute(statement % values)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")
    told = ", ".join(f"{number:,} {name}" for name, number in numbers.items())
    print(f"{told}; PostgreSQL {connection.pg_version // 10_000}.")


def _pages(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    last = f"run-{options.runs}"
    yield "overview", f"{OURS}/"
    yield "schedules", f"{OURS}/schedule/"
    yield "schedules, found by name", f"{OURS}/schedule/?q=schedule+777"
    yield "schedules that cannot be read", f"{OURS}/schedule/?state=set_aside"
    yield "one schedule", f"{OURS}/schedule/2/change/"
    yield "fires", f"{OURS}/fire/"
    yield "fires that were missed", f"{OURS}/fire/?state__exact=missed"
    yield "one fire", f"{OURS}/fire/2/change/"
    yield "runs", f"{OURS}/run/"
    yield "runs that failed", f"{OURS}/run/?state__exact=failed"
    yield "runs of a task", f"{OURS}/run/?task=shop.tasks.task7"
    yield "runs, found by id", f"{OURS}/run/?q={last}"
    yield "one run", f"{OURS}/run/{last}/change/"
    yield "dead letters", f"{OURS}/deadletter/"
    yield "dead letters that are open", f"{OURS}/deadletter/?state__exact=open"
    yield "one dead letter", f"{OURS}/deadletter/1/change/"
    yield "templates that were set aside", "/admin/host/todo/?recurrence=set_aside"
    for owner, site in (("", "admin"), ("as its package brings it: ", "stock")):
        tasks, results = (
            f"/{site}/django_celery_beat/periodictask",
            f"/{site}/django_celery_results/taskresult",
        )
        yield f"{owner}periodic tasks", f"{tasks}/"
        yield f"{owner}one periodic task", f"{tasks}/2/change/"
        yield f"{owner}results", f"{results}/"
        failed = "status" if site == "admin" else "status__exact"
        yield f"{owner}results that failed", f"{results}/?{failed}=FAILURE"
        yield f"{owner}one result", f"{results}/2/change/"


def _measured(path: str) -> tuple[int, float]:
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client

    boss, _ = get_user_model().objects.get_or_create(
        username="boss", is_staff=True, is_superuser=True
    )
    client = Client()
    client.force_login(boss)
    queries: list[str] = []

    def count(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        queries.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(count):
        answer = client.get(path)
    if answer.status_code != 200:
        message = f"{path} answered {answer.status_code}."
        raise SystemExit(message)
    times = []
    for _round in range(5):
        begin = time.perf_counter()
        client.get(path)
        times.append(time.perf_counter() - begin)
    return len(queries), statistics.median(times)


if __name__ == "__main__":
    main()

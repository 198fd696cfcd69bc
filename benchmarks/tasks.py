"""
Tasks of the base class beside Celery's own, in one run: ``python benchmarks/tasks.py``.

One worker of one process (the solo pool) takes 10,000 no-op tasks of each kind from
Redis, kind after kind, several rounds. A task before and one behind them note the time,
the processor time of the process, and how many queries it has made. On a busy machine
the processor time is the one to compare. REDIS_URL names the broker, DATABASE_URL the
database (a SQLite file where it is not set).

``--prune 1000000`` deletes so many old runs while two writers insert new ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple
from uuid import uuid4

import dj_database_url
import django
import redis
from celery import Celery, Task, signals
from django.conf import settings

FOLDER = Path(__file__).resolve().parent
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/9")
PREFIX = os.environ.setdefault("BENCHMARK_PREFIX", f"benchmark-{uuid4().hex[:8]}:")
DATABASE_URL = os.environ.setdefault(
    "DATABASE_URL", f"sqlite:///{tempfile.mkdtemp(prefix='benchmark-')}/runs.sqlite3"
)

settings.configure(
    SECRET_KEY="benchmarks only",
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django_celery_beat",
        "recurring_jobs",
    ],
    DATABASES={"default": dj_database_url.parse(DATABASE_URL)},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
# Celery looks here to see that this is a Django project.
os.environ["DJANGO_SETTINGS_MODULE"] = "tasks"
django.setup()

from django.core.management import call_command  # noqa: E402  needs the settings
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from recurring_jobs import BaseTaskWithRetry  # noqa: E402
from recurring_jobs.models import Run  # noqa: E402
from recurring_jobs.runs.retention import prune  # noqa: E402

app = Celery("benchmark", broker=REDIS_URL)
app.conf.update(
    task_ignore_result=True,
    worker_hijack_root_logger=False,
    broker_transport_options={"global_keyprefix": PREFIX},
    broker_connection_retry_on_startup=True,
)
KINDS = {
    "Celery's Task": {"base": Task},
    "BaseTaskWithRetry": {"base": BaseTaskWithRetry},
    "the same, tracked": {"base": BaseTaskWithRetry, "tracked": True},
}
WORKER = ("-P", "solo", "-l", "warning", "-Q", "nothing", "--without-gossip", "--without-mingle")
queries = 0


def _count(execute, sql, params, many, context):
    global queries  # noqa: PLW0603  one for the process
    queries += 1
    return execute(sql, params, many, context)


@signals.worker_init.connect
def _watch(**_) -> None:
    connection.execute_wrappers.append(_count)


def _noop() -> None:
    pass


def _note(key: str) -> None:
    client = redis.Redis.from_url(REDIS_URL)
    client.rpush(f"{PREFIX}noted-{key}", f"{time.time()} {time.process_time()} {queries}")
    client.close()


for number, options in enumerate(KINDS.values()):
    app.task(name=f"noop-{number}", **options)(_noop)
    # Under way to be noted, so that the same is counted before and after.
    app.task(name=f"note-{number}", base=Task)(_note)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prune", type=int, default=0)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.write:
        write()
        return
    call_command("migrate", verbosity=0)
    print(f"Django {django.__version__} on {connection.vendor}")
    if chosen.prune:
        measure_prune(chosen.prune)
    else:
        measure_rates(chosen.tasks, chosen.rounds)


def measure_rates(tasks: int, rounds: int) -> None:
    """Print how many tasks of each kind a worker does in a second, and what they cost."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", *WORKER],
        cwd=FOLDER,
    )
    try:
        found: dict[str, list[Round]] = {kind: [] for kind in KINDS}
        for round_number in range(rounds + 1):
            for number, kind in enumerate(KINDS):
                one = _one_round(number, tasks if round_number else 100)
                if round_number:  # The first warms up.
                    found[kind].append(one)
    finally:
        worker.terminate()
        worker.wait(30)
        client = redis.Redis.from_url(REDIS_URL)
        for key in client.scan_iter(PREFIX + "*"):
            client.delete(key)
    print(f"\n{'no-op task':<20}{'tasks/s':>9}{'µs of CPU':>11}{'of Celery':>11}{'queries':>9}")
    plain = median(each.cpu for each in found["Celery's Task"])
    for kind, each in found.items():
        wall, cpu = median(one.wall for one in each), median(one.cpu for one in each)
        print(
            f"{kind:<20}{tasks / wall:>9.0f}{cpu / tasks * 1e6:>11.1f}{plain / cpu:>11.3f}"
            f"{each[-1].queries / tasks:>9.2f}"
        )


class Round(NamedTuple):
    """What some tasks took: seconds on the clock and of the processor, and queries."""

    wall: float
    cpu: float
    queries: float


def _one_round(number: int, tasks: int) -> Round:
    """Have the worker do *tasks* tasks; return what they took."""
    queue = f"kind-{number}-{uuid4().hex[:6]}"
    note, noop = app.tasks[f"note-{number}"], app.tasks[f"noop-{number}"]
    with app.producer_or_acquire() as producer:
        note.apply_async((queue,), queue=queue, producer=producer)
        for _ in range(tasks):
            noop.apply_async(queue=queue, producer=producer)
        note.apply_async((queue,), queue=queue, producer=producer)
    app.control.add_consumer(queue)
    client = redis.Redis.from_url(REDIS_URL)
    while client.llen(f"{PREFIX}noted-{queue}") < 2:
        time.sleep(0.1)
        if not app.control.ping(timeout=0.5):
            app.control.add_consumer(queue)
    app.control.cancel_consumer(queue)
    before, after = (
        [float(each) for each in line.split()]
        for line in client.lrange(f"{PREFIX}noted-{queue}", 0, -1)
    )
    return Round(*(last - first for first, last in zip(before, after, strict=True)))


def measure_prune(rows: int) -> None:
    """Print how long it takes to delete *rows* old runs, and how long writers wait."""
    long_ago = timezone.now() - timedelta(days=60)
    began = time.perf_counter()
    for first in range(0, rows, 10_000):
        Run.objects.bulk_create(
            Run(
                id=f"old-{number}",
                task="noop",
                state="succeeded",
                created_at=long_ago + timedelta(seconds=number / 10),
                finished_at=long_ago + timedelta(seconds=number / 10),
            )
            for number in range(first, min(rows, first + 10_000))
        )
    print(f"{rows} runs stored in {time.perf_counter() - began:.0f} s")
    # Processes of their own, so that they wait for the database alone.
    writers = [
        subprocess.Popen(
            [sys.executable, __file__, "--write"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for writer in writers:
        writer.stdout.readline()
    began = time.perf_counter()
    report = prune(keep_runs=timedelta(days=30))
    taken = time.perf_counter() - began
    waits = sorted(wait for writer in writers for wait in json.loads(writer.communicate()[0]))
    print(
        f"{report.runs} runs deleted in {taken:.1f} s while 2 writers inserted {len(waits)}; "
        f"an insert took {median(waits) * 1000:.1f} ms, 99 % at most "
        f"{waits[int(len(waits) * 0.99)] * 1000:.1f} ms, the longest {waits[-1] * 1000:.1f} ms"
    )


def write() -> None:
    """Insert runs until the standard input ends, then print the seconds that each took."""
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    connection.ensure_connection()
    print("ready", flush=True)
    waits = []
    while not stopped.wait(0.005):
        began = time.perf_counter()
        Run.objects.create(id=uuid4().hex, task="noop", state="running")
        waits.append(time.perf_counter() - began)
    print(json.dumps(waits))


if __name__ == "__main__":
    main()

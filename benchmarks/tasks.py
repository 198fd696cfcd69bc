"""
Tasks of the base class beside Celery's own, in one run: ``python benchmarks/tasks.py``.

A worker of one process (the solo pool) takes 10,000 no-op tasks of each kind from Redis
(1,000 of the tracked ones), in ten slices that alternate between the kinds, in several
rounds with new workers. The best slice of each kind counts, since what else the machine
does can only make one slower. Celery's own tasks run in a worker that does not know this
package. A task before and one behind each slice note the time, the processor time of the
worker, and its queries and connections. REDIS_URL names the broker, DATABASE_URL the
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
#: Which worker this process is: "plain", "ours" or "reuse"; or the one that sends the tasks.
ROLE = os.environ.get("BENCHMARK_ROLE", "driver")
IS_PLAIN = ROLE == "plain"

settings.configure(
    SECRET_KEY="benchmarks only",
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django_celery_beat",
        *([] if IS_PLAIN else ["recurring_jobs"]),
    ],
    DATABASES={"default": {**dj_database_url.parse(DATABASE_URL), "CONN_MAX_AGE": None}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
# Celery looks here to see that this is a Django project.
os.environ["DJANGO_SETTINGS_MODULE"] = "tasks"
app = Celery("benchmark", broker=REDIS_URL)
django.setup()

from django.core.management import call_command  # noqa: E402  needs the settings
from django.db import connection  # noqa: E402
from django.db.backends.signals import connection_created  # noqa: E402
from django.dispatch import receiver  # noqa: E402
from django.utils import timezone  # noqa: E402

from recurring_jobs import BaseTaskWithRetry  # noqa: E402

if not IS_PLAIN:
    from recurring_jobs.models import Run
    from recurring_jobs.runs.retention import prune

app.conf.update(
    task_ignore_result=True,
    worker_hijack_root_logger=False,
    broker_transport_options={"global_keyprefix": PREFIX},
    broker_connection_retry_on_startup=True,
    # Celery closes the connections to the database before and after each task, unless:
    **({"CELERY_DB_REUSE_MAX": 10_000} if ROLE == "reuse" else {}),
)


class Kind(NamedTuple):
    """Some no-op tasks: in which worker, with which options, and how many of all."""

    role: str
    options: dict
    share: float = 1.0


#: When our tasks are acknowledged; Celery's are so too, since that alone costs some.
LATE = {"acks_late": True, "reject_on_worker_lost": True}
KINDS = {
    "Celery's Task": Kind("plain", {"base": Task, **LATE}),
    "BaseTaskWithRetry": Kind("ours", {"base": BaseTaskWithRetry}),
    "Celery's Task beside ours": Kind("ours", {"base": Task, **LATE}),
    "tracked": Kind("ours", {"base": BaseTaskWithRetry, "tracked": True}, 0.1),
    "tracked, connection kept": Kind("reuse", {"base": BaseTaskWithRetry, "tracked": True}, 0.1),
}
ROLES = ("plain", "ours", "reuse")
SLICES = 10
WORKER = ["-P", "solo", "-l", "warning", "--without-gossip", "--without-mingle"]
queries = connections = 0


def _count_query(execute, sql, params, many, context):
    global queries  # noqa: PLW0603  one for the process
    queries += 1
    return execute(sql, params, many, context)


@receiver(connection_created)
def _count_connection(**_) -> None:
    global connections  # noqa: PLW0603  one for the process
    connections += 1


@signals.worker_init.connect
def _watch(**_) -> None:
    connection.execute_wrappers.append(_count_query)


def _noop() -> None:
    pass


@app.task(name="note", base=Task)
def note(key: str) -> None:
    """Note the time, and what this process has used up to now."""
    told = f"{time.perf_counter()} {time.process_time()} {queries} {connections}"
    with redis.Redis.from_url(REDIS_URL) as client:
        client.rpush(f"{PREFIX}noted-{key}", told)


NOOPS = {
    kind: app.task(name=f"noop-{number}", **options)(_noop)
    for number, (kind, (role, options, _)) in enumerate(KINDS.items())
    if ROLE in {role, "driver"}
}


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
    print(f"Django {django.__version__} on {connection.vendor}", flush=True)
    if chosen.prune:
        measure_prune(chosen.prune)
    else:
        measure_rates(chosen.tasks, chosen.rounds)


class Used(NamedTuple):
    """What a task took: seconds on the clock and of the processor, queries, connections."""

    wall: float
    cpu: float
    queries: float
    connections: float


def measure_rates(tasks: int, rounds: int) -> None:
    """Print how many tasks of each kind a worker does in a second, and what they cost."""
    found: dict[str, list[Used]] = {kind: [] for kind in KINDS}
    client = redis.Redis.from_url(REDIS_URL)
    try:
        for _ in range(rounds):
            one_round(client, tasks, found)
    finally:
        for key in client.scan_iter(PREFIX + "*"):
            client.delete(key)
    print(
        f"\n{'no-op task':<26}{'tasks/s':>8}{'of Celery':>10}{'µs':>7}{'µs more':>9}"
        f"{'of CPU':>8}{'queries':>9}{'connections':>13}"
    )
    plain = min(found["Celery's Task"]).wall
    for kind, slices in found.items():
        best = min(slices)
        cpu = min(used.cpu for used in slices)
        print(
            f"{kind:<26}{1 / best.wall:>8.0f}{plain / best.wall:>10.3f}"
            f"{best.wall * 1e6:>7.0f}{(best.wall - plain) * 1e6:>9.0f}"
            f"{cpu * 1e6:>8.0f}{best.queries:>9.2f}{best.connections:>13.2f}"
        )


def one_round(client: redis.Redis, tasks: int, found: dict[str, list[Used]]) -> None:
    """Have new workers do *tasks* tasks of each kind; add what each slice took to *found*."""
    workers = [
        subprocess.Popen(
            worker_command(role),
            cwd=FOLDER,
            env={**os.environ, "BENCHMARK_ROLE": role},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for role in ROLES
    ]
    try:
        for kind in KINDS:
            one_slice(client, kind, 100)  # to warm up
        for _ in range(SLICES):
            for kind, (_role, _options, share) in KINDS.items():
                found[kind].append(one_slice(client, kind, round(tasks * share / SLICES)))
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(30)


def worker_command(role: str) -> list[str]:
    """Return the command of the worker for the tasks of *role*."""
    name = ("-Q", role, "-n", f"{role}@{PREFIX}")
    return [sys.executable, "-m", "celery", "-A", "tasks", "worker", *WORKER, *name]


def one_slice(client: redis.Redis, kind: str, tasks: int) -> Used:
    """Have the worker of *kind* do *tasks* tasks; return what they took."""
    key = uuid4().hex
    with app.producer_or_acquire() as producer:
        note.apply_async((key,), queue=key, producer=producer)
        for _ in range(tasks):
            NOOPS[kind].apply_async(queue=key, producer=producer)
        note.apply_async((key,), queue=key, producer=producer)
    # The worker finds all of them at once; nobody sends while it works.
    client.rename(PREFIX + key, PREFIX + KINDS[kind].role)
    deadline = time.monotonic() + 300
    while client.llen(f"{PREFIX}noted-{key}") < 2:
        if time.monotonic() > deadline:
            sys.exit(f"No worker has done the tasks of {kind!r}.")
        time.sleep(0.05)
    before, after = (
        [float(each) for each in line.split()]
        for line in client.lrange(f"{PREFIX}noted-{key}", 0, -1)
    )
    return Used(*((last - first) / tasks for first, last in zip(before, after, strict=True)))


def measure_prune(rows: int) -> None:
    """Print how long it takes to delete *rows* old runs, and how long writers wait."""
    long_ago = timezone.now() - timedelta(days=60)
    began = time.perf_counter()
    for first in range(0, rows, 10_000):
        Run.objects.bulk_create(
            Run(
                id=f"{PREFIX}{number}",
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

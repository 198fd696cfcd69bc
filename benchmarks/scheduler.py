"""
Time the scheduler beside django-celery-beat's: start, idle tick, tick after a save, fires.

    DATABASE_URL=postgres://… CELERY_BROKER_URL=redis://… python benchmarks/scheduler.py 1000 10000
    … python benchmarks/scheduler.py --beats 1 2

Makes a database of its own on that server and drops it. Each figure is taken in a process
of its own, so that memory is that of one scheduler; times are medians. With --beats it
starts so many real beats on schedules that are all due, and says how many fires a second
the broker gets from them until all are out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SCHEDULES = str(ROOT / "benchmarks" / "schedules.py")
OURS = "recurring_jobs.schedulers:DatabaseScheduler"
THEIRS = "django_celery_beat.schedulers:DatabaseScheduler"
#: Numbers of schedules at which the other scheduler is left out: it takes minutes.
TOO_MANY_FOR_THEIRS = 200_000


def main() -> None:
    """Print one table for each number of schedules."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("sizes", nargs="*", type=int, help="numbers of schedules")
    parser.add_argument("--fires", type=int, default=2000, help="how many fires are timed")
    parser.add_argument("--beats", nargs="+", type=int, help="numbers of beats to compare")
    parser.add_argument("--due", type=int, default=30_000, help="how many fires beats share")
    parser.add_argument("--measure", nargs=2, metavar=("SCHEDULER", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.host.settings")
    if options.measure:
        print(json.dumps(measure(options.measure[0], int(options.measure[1]), options.fires)))
        return
    if options.beats:
        print_sustained(options.beats, options.due)
    if options.sizes or not options.beats:
        print_table(options.sizes or [1000, 10_000], options.fires)


def print_table(sizes: list[int], fires: int) -> None:
    """Print a line for each number of schedules and each scheduler."""
    print(
        f"{'schedules':>9}  {'scheduler':<20} {'start':>9} {'idle tick':>10} {'after save':>11}"
        f" {'a fire':>9} {'fires/s':>8} {'memory':>8}"
    )
    for size in sizes:
        with own_place() as environment:
            run([sys.executable, SCHEDULES, "fill", str(size)], environment)
            for name, scheduler in (("django-celery-beat", THEIRS), ("recurring_jobs", OURS)):
                if scheduler == THEIRS and size > TOO_MANY_FOR_THEIRS:
                    continue
                command = [sys.executable, __file__, "--fires", str(fires)]
                told = run([*command, "--measure", scheduler, str(size)], environment)
                found = json.loads(told.splitlines()[-1])
                print(row(size, name, found), flush=True)


def print_sustained(numbers: list[int], due: int) -> None:
    """Print how many fires a second so many real beats publish, all being due at once."""
    for beats in numbers:
        with own_place() as environment:
            run([sys.executable, SCHEDULES, "fill", str(due)], environment)
            run([sys.executable, SCHEDULES, "make_due"], environment)
            command = [sys.executable, "-m", "celery", "-A", "tests.host", "beat", "-l", "warning"]
            started = [
                subprocess.Popen(
                    [*command, f"--pidfile={environment['HOST_DIR']}/{number}.pid"],
                    cwd=ROOT,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                )
                for number in range(beats)
            ]
            try:
                told = run([sys.executable, SCHEDULES, "show_rate", str(due)], environment)
            finally:
                for process in started:
                    process.terminate()
                for process in started:
                    process.wait()
        print(f"{due:>9,} fires, beats: {beats}, {told.strip()}", flush=True)


def row(size: int, name: str, found: dict[str, float]) -> str:
    """Return one line of the table."""
    start, idle, save, fire, grown = (
        found[key] for key in ("start", "idle", "save", "fire", "memory")
    )
    return (
        f"{size:>9,}  {name:<20} {start:>7.2f} s {idle * 1e3:>7.2f} ms {save * 1e3:>8.1f} ms"
        f" {fire * 1e3:>6.2f} ms {1 / fire:>8,.0f} {grown:>5.0f} MB"
    )


@contextmanager
def own_place() -> Iterator[dict[str, str]]:
    """Lend a new database on the server of DATABASE_URL, or a new SQLite file, and a folder."""
    from tests.services import temporary_database

    with ExitStack() as lent:
        folder = lent.enter_context(tempfile.TemporaryDirectory())
        url = os.environ.get("DATABASE_URL", "")
        if url:
            url = lent.enter_context(temporary_database(url))
        yield {
            **os.environ,
            "DATABASE_URL": url,
            "HOST_DIR": folder,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.host.settings",
            "BENCH_QUEUE": f"bench-{uuid4().hex}",
        }


def measure(path: str, size: int, fires: int) -> dict[str, float]:
    """Return the figures of one scheduler, in seconds and MB."""
    import django

    django.setup()
    from celery.utils.imports import symbol_by_name
    from django_celery_beat.models import PeriodicTask

    from tests.host.celery import app

    before = memory()
    began = time.perf_counter()
    scheduler = symbol_by_name(path)(app=app)
    scheduler.tick()
    start = time.perf_counter() - began
    for _ in range(3):
        scheduler.tick()
    idle = statistics.median(timed(scheduler.tick) for _ in range(50))
    saved = []
    for number in range(3 if size >= 100_000 else 7):
        task = PeriodicTask.objects.get(name=f"task-{number}")
        task.description = str(number)
        task.priority = number
        task.start_time = task.date_changed
        task.save()
        saved.append(timed(scheduler.tick))
    grown = memory() - before
    with app.connection_for_write() as connection:
        # The messages are for nobody; the queue is deleted with them.
        queue = connection.SimpleQueue(os.environ["BENCH_QUEUE"])
        fire = cost_of_fires(scheduler, min(fires, size), is_ours=path == OURS)
        queue.queue.delete()
    return {
        "start": start,
        "idle": idle,
        "save": statistics.median(saved),
        "fire": fire,
        "memory": max(grown, 0.0),
    }


def cost_of_fires(scheduler: Any, fires: int, *, is_ours: bool) -> float:
    """Let *fires* schedules be due at once; return the seconds that one takes."""
    from django_celery_beat.models import PeriodicTask

    names = [f"task-{number}" for number in range(fires)]
    return (_our_cost if is_ours else _their_cost)(
        scheduler, PeriodicTask.objects.filter(name__in=names), fires
    )


def _our_cost(scheduler: Any, tasks: Any, fires: int) -> float:
    from django.utils import timezone

    from recurring_jobs.models import Fire, Schedule

    due = timezone.now() - timedelta(seconds=5)
    Schedule.objects.filter(periodic_task__in=tasks).update(next_fire_at=due)
    sent_before = Fire.objects.filter(state="published").count()
    began = time.perf_counter()
    while scheduler.tick() == 0.0:
        pass
    took = time.perf_counter() - began
    sent = Fire.objects.filter(state="published").count() - sent_before
    assert sent == fires, f"{sent} of {fires} were sent"
    return took / fires


def _their_cost(scheduler: Any, tasks: Any, fires: int) -> float:
    from django.utils import timezone
    from django_celery_beat.models import IntervalSchedule, PeriodicTasks

    daily, _ = IntervalSchedule.objects.get_or_create(every=1, period="days")
    tasks.update(crontab=None, interval=daily, last_run_at=timezone.now() - timedelta(days=2))
    PeriodicTasks.update_changed()
    sent: list[float] = []
    send = scheduler.apply_async

    def counted(*args: Any, **kwargs: Any) -> Any:
        sent.append(time.perf_counter())
        return send(*args, **kwargs)

    scheduler.apply_async = counted
    deadline = time.perf_counter() + 60
    while len(sent) < fires and time.perf_counter() < deadline:
        scheduler.tick()  # each sends one message and looks at all schedules
    # The first tick reads what was changed; that is counted as the tick after a save.
    return (sent[-1] - sent[0]) / (len(sent) - 1)


def timed(call: object) -> float:
    """Return how many seconds *call* takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def memory() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run *command* to its end and return what it printed."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()

"""Figures that only grow: counted once for all processes, written by no hot path."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta

import pytest
from celery import signals
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recurring_jobs import tallies
from recurring_jobs.models import Fire, Run, Tally
from recurring_jobs.periodic import ledger
from recurring_jobs.recurrence.occurrences import generate_occurrences
from recurring_jobs.runs.reaper import Reaper
from recurring_jobs.runs.stopping import cancel
from recurring_jobs.tallies import SUM, Measure, count, flush, is_waiting, observe
from tests.admin.rows import make_run, make_schedule
from tests.host.models import Todo
from tests.host.tasks import add_tracked, recovers

pytestmark = pytest.mark.django_db(transaction=True)

WAITS = Measure("waits", (1, 5))


def told(name: str) -> dict[tuple[str, str], float]:
    """Return the values of the table by subject and detail."""
    rows = Tally.objects.filter(name=name).values_list("subject", "detail", "value")
    return {(subject, detail): value for subject, detail, value in rows}


@pytest.fixture
def in_worker():
    """This process is a worker, which keeps in memory what it counts, until the test ends."""
    signals.worker_init.send(sender=None)


def test_counts_add_up():
    """A tally is made when it is first needed, and grows."""
    count("runs", "shop.pay", "failed")
    count("runs", "shop.pay", "failed", by=2)
    count("runs", "shop.ship", "failed")

    assert told("runs") == {("shop.pay", "failed"): 3, ("shop.ship", "failed"): 1}


def test_what_is_observed_is_counted_in_buckets():
    """Each value in the first bucket whose bound it does not exceed, and their sum."""
    observe(WAITS, [0.5, 1, 3, 7], subject="shop.pay")

    assert told("waits") == {
        ("shop.pay", "1"): 2,
        ("shop.pay", "5"): 1,
        ("shop.pay", "+Inf"): 1,
        ("shop.pay", "sum"): 11.5,
    }


def test_what_is_rolled_back_was_not():
    """What is counted in a transaction counts when that is committed."""
    with transaction.atomic():
        count("runs", "shop.pay")
        transaction.set_rollback(True)
    with transaction.atomic():
        count("runs", "shop.ship")
        assert told("runs") == {}

    assert told("runs") == {("shop.ship", ""): 1}


def test_worker_counts_in_memory_and_writes_once(in_worker):
    """Any number of counts is one statement, at the next heartbeat."""
    with CaptureQueriesContext(connection) as counted:
        for _ in range(100):
            count("runs", "shop.pay", "succeeded")
            count("retries", "shop.pay")
    with CaptureQueriesContext(connection) as written:
        flush()

    assert (len(counted), len(written)) == (0, 1)
    assert told("runs") == {("shop.pay", "succeeded"): 100}
    assert not is_waiting()


def test_database_away_loses_no_count(in_worker):
    """What cannot be written is kept for the next time."""
    count("runs", "shop.pay")

    def refuse(*_: object) -> None:
        message = "server closed the connection"
        raise OperationalError(message)

    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        flush()
    count("runs", "shop.pay")
    flush()

    assert told("runs") == {("shop.pay", ""): 2}


def test_harms_nobody_where_the_database_is_away(caplog):
    """A process that writes at once goes on."""

    def refuse(*_: object) -> None:
        message = "server closed the connection"
        raise OperationalError(message)

    with connection.execute_wrapper(refuse), caplog.at_level("WARNING"):
        count("runs", "shop.pay")

    assert "recurring_jobs.tally.not_written" in caplog.text


def test_child_does_not_count_what_its_parent_had(in_worker):
    """What waits in memory when a process is forked is written by the parent alone."""
    count("runs", "shop.pay")
    pid = os.fork()
    if not pid:
        os._exit(bool(is_waiting() or tallies._memory.take()))

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert is_waiting()


def test_what_a_process_has_left_is_written_when_it_ends(in_worker):
    """A child of the pool that is replaced leaves nothing behind, and then waits for nobody."""
    count("runs", "shop.pay")

    signals.worker_process_shutdown.send(sender=None, pid=1, exitcode=0)

    assert told("runs") == {("shop.pay", ""): 1}
    count("runs", "shop.pay")
    assert told("runs") == {("shop.pay", ""): 2}


def test_reaper_writes_what_waits(in_worker):
    """The parent of a worker, and a beat, write it when they look for lost runs."""
    count("crashes", "shop.pay")

    Reaper().look()

    assert told("crashes") == {("shop.pay", ""): 1}


def test_runs_are_counted_by_how_they_end():
    """Succeeded, given up with a dead letter after retries, cancelled: each once."""
    add_tracked.apply([1, 2])
    recovers.apply([99])
    cancel(make_run("queued", task="shop.pay"))

    assert told("runs") == {
        ("host.add_tracked", "succeeded"): 1,
        ("host.recovers", "failed"): 1,
        ("shop.pay", "skipped"): 1,
    }
    assert told("dead_letters") == {("host.recovers", ""): 1}
    assert told("retries") == {("host.recovers", ""): 2}
    attempts: Counter[str] = Counter()
    for (task, bucket), value in told("attempt_seconds").items():
        attempts[task] += int(value) if bucket != SUM else 0
    assert attempts == {"host.add_tracked": 1, "host.recovers": 3}


def test_late_fires_are_observed():
    """Scheduled ones, from nominal time to message; run by hand is never late."""
    schedule, now = make_schedule(), timezone.now()
    fires = [
        Fire(schedule=schedule, kind=kind, nominal_at=now - timedelta(seconds=late))
        for late, kind in ((0.2, "scheduled"), (7, "scheduled"), (9, "manual"))
    ]

    ledger.mark_published(fires, now=now, using="default")

    assert told("fire_lateness") == {
        ("", "0.5"): 1,
        ("", "10"): 1,
        ("", "sum"): pytest.approx(7.2),
    }


def test_occurrences_are_counted_once_a_batch():
    """However many rows a pass makes, one statement counts them."""
    for title in ("water", "mow"):
        Todo.objects.create(title=title, due_at=timezone.now(), recurrence_rule="FREQ=DAILY")

    with CaptureQueriesContext(connection) as queries:
        report = generate_occurrences(Todo)

    assert told("occurrences") == {("host.Todo", ""): report.created}
    assert sum("recurring_jobs_tally" in query["sql"] for query in queries) == 1


def test_pruning_takes_nothing_away():
    """A figure stands when the rows behind it have gone."""
    add_tracked.apply([1, 2])

    Run.objects.all().delete()

    assert told("runs") == {("host.add_tracked", "succeeded"): 1}

"""When the search for lost runs may take one, and when it has not seen enough to do so."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery import Celery
from django.db import DatabaseError, connection
from django.utils import timezone

from recurring_jobs import BaseTaskWithRetry
from recurring_jobs.conf import conf
from recurring_jobs.models import Run
from recurring_jobs.runs.heartbeats import lease
from recurring_jobs.runs.reaper import LOOKS, Reaper, reap
from tests.runs.test_reaper import silent

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    """A monotonic clock that goes on when told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reaper(app, clock):
    """A reaper that was just started, and a run that has been silent for long."""

    def body(left, right=0):
        return left + right

    app.task(body, base=BaseTaskWithRetry, shared=False, name="made.sum")
    silent()
    return Reaper(app, clock=clock)


def state():
    return Run.objects.get().state


def look_for(reaper, clock, seconds):
    """Have *reaper* look twice a heartbeat, as its thread does, for so many seconds."""
    step = conf.heartbeat.total_seconds() / 2
    for _ in range(round(seconds / step)):
        clock.now += step
        reaper.look()


def test_a_new_process_watches_for_a_lease_first(reaper, clock):
    """
    A run that seems silent is taken when it was in sight for a lease, not before.
    """
    look_for(reaper, clock, lease().total_seconds() - 5)
    assert state() == "running"

    look_for(reaper, clock, 5)
    assert state() == "retrying"


def test_a_lost_run_is_found_within_three_heartbeats():
    """
    A lease and the longest time between two looks are less than three heartbeats, when health
    tells that nobody has taken the run up.
    """
    assert lease() + conf.heartbeat / LOOKS <= 3 * conf.heartbeat - timedelta(seconds=2)


def test_a_worker_says_that_it_lives_at_every_other_look(app, clock):
    """
    More looks for lost runs are no more writes.
    """
    told = []
    presence = SimpleNamespace(tell=lambda: told.append(clock.now), end=lambda: None)
    reaper = Reaper(app, presence=presence, clock=clock)
    for _ in range(4 * LOOKS):
        clock.now += conf.heartbeat.total_seconds() / LOOKS
        reaper.look()

    assert len(told) == 4 * 2


@pytest.mark.parametrize("looks_before_it_ends", [True, False], ids=["in a pass", "between two"])
def test_a_worker_that_ends_stays_off_the_list(app, looks_before_it_ends):
    """
    It does not come back by the pass that was under way when it ended.
    """
    is_telling, may_tell = threading.Event(), threading.Event()
    listed = []

    def tell():
        is_telling.set()
        may_tell.wait(10)
        listed.append("worker")

    presence = SimpleNamespace(tell=tell, end=listed.clear)
    reaper = Reaper(app, presence=presence)
    reaper.start()
    assert is_telling.wait(10)
    if not looks_before_it_ends:
        may_tell.set()
    threading.Timer(0.3, may_tell.set).start()

    reaper.stop()
    reaper._thread.join(10)

    assert listed == []


def test_a_process_that_was_stopped_begins_anew(reaper, clock):
    """
    Who slept for a minute cannot tell whether the others beat meanwhile, or slept as well.
    """
    look_for(reaper, clock, lease().total_seconds() - 5)

    clock.now += 60
    reaper.look()
    assert state() == "running"

    look_for(reaper, clock, lease().total_seconds())
    assert state() == "retrying"


def test_a_database_that_was_away_begins_anew(reaper, clock):
    """
    While the database was away nobody could beat; the runs are given a lease to do so.
    """
    look_for(reaper, clock, lease().total_seconds() - 10)

    def away(*_):
        raise DatabaseError("away")

    with connection.execute_wrapper(away):
        look_for(reaper, clock, 5)
    look_for(reaper, clock, lease().total_seconds() - 5)
    assert state() == "running"

    look_for(reaper, clock, 5)
    assert state() == "retrying"


def test_a_run_that_beats_again_is_left_alone(app, reaper):
    """
    A beat between the look and the taking counts: the worker lives.
    """
    beaten = []

    def beat_after(execute, sql, params, many, context):
        found = execute(sql, params, many, context)
        if not beaten and sql.startswith("SELECT") and "recurring_jobs_run" in sql:
            beaten.append(sql)
            Run.objects.update(heartbeat_at=timezone.now())
        return found

    with connection.execute_wrapper(beat_after):
        assert reap(app) == 0

    assert beaten
    assert (state(), Run.objects.get().crashes) == ("running", 0)


def test_with_the_broker_away_a_run_is_found_again():
    """
    A run that could not be sent is no error, and counts as silent after another lease.
    """
    app = Celery("made", broker="redis://127.0.0.1:1", set_as_current=False)
    app.conf.update(broker_transport_options={"max_retries": 0}, task_publish_retry=False)

    @app.task(base=BaseTaskWithRetry, shared=False, name="made.sum")
    def body(left, right=0):
        return left + right

    silent()

    assert reap(app) == 1
    assert reap(app) == 0

    run = Run.objects.get()
    assert (run.state, run.crashes) == ("retrying", 1)
    Run.objects.update(heartbeat_at=timezone.now() - 2 * lease())
    assert reap(app) == 1
    assert Run.objects.get().crashes == 1

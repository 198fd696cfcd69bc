"""What the parent process of a worker does when a child is lost under its task."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import celery
import pytest
from billiard.einfo import ExceptionInfo
from billiard.exceptions import WorkerLostError
from celery import Celery
from django.db import OperationalError

from recurring_jobs import BaseTaskWithRetry
from recurring_jobs.models import DeadLetter, Run, TaskLock
from recurring_jobs.runs import locks, rows
from recurring_jobs.runs.execution import execution_of
from recurring_jobs.runs.overlap import OverlapKey
from recurring_jobs.runs.request import KnownRequest
from tests.runs.test_reaper import messages

pytestmark = pytest.mark.django_db

HERE = "one@host"


def reported(error) -> ExceptionInfo:
    """Return *error* as the pool reports it."""
    try:
        raise error
    except type(error):
        return ExceptionInfo()


class Parent:
    """A worker's parent process that has given one message to a child."""

    def __init__(self, app, *, sends_by=None, is_begun=True, **options):
        def body(left, right=0):
            return left + right

        self.app = app
        known = {"base": BaseTaskWithRetry, "tracked": True, **options}
        task = app.task(body, shared=False, name="made.sum", **known)
        self.id = str(uuid4())  # the results of all tests are in one place
        task.apply_async((1,), {"right": 2}, task_id=self.id)
        (message,) = messages(app)
        if sends_by is not None:
            task = sends_by.task(body, shared=False, name="made.sum", **known)
        self.said: list[str] = []
        message.delivery_info.setdefault("redelivered", False)
        self.request = KnownRequest(
            message,
            app=task.app,
            task=task,
            hostname=HERE,
            on_ack=lambda *_: self.said.append("acknowledged"),
            on_reject=lambda *said: self.said.append(
                "rejected, to come back" if said[-1] else "rejected"
            ),
            body=message.payload,
            decoded=True,
        )
        self.request._context.hostname = HERE
        if is_begun:
            execution = execution_of(task, self.request._context)
            rows.start_run(replace(execution, holder="child"))

    def loses(self):
        """Hear that the child was killed; return the messages that are sent then."""
        self.request.on_failure(reported(WorkerLostError("signal 9 (SIGKILL)")))
        return messages(self.app)


def row():
    return Run.objects.values_list("state", "crashes", "holder").get()


def test_the_run_is_sent_again_in_the_place_of_its_message(app):
    """
    A message with the id of the run is sent, on record, and the old one acknowledged.
    """
    parent = Parent(app)

    (sent,) = parent.loses()

    assert (sent.headers["id"], sent.headers["recurring_jobs_tracked"]) == (parent.id, True)
    assert parent.said == ["acknowledged"]
    assert row() == ("retrying", 1, "")


def test_a_message_that_was_acknowledged_early_is_left_alone(app):
    """
    Then the broker knows nothing of it any more.
    """
    parent = Parent(app, acks_late=False, reject_on_worker_lost=False)

    assert len(parent.loses()) == 1
    assert parent.said == []


def test_a_run_that_was_not_kept_is_from_its_first_crash_on(app):
    """
    An untracked run has a row then, so that its crashes are counted.
    """
    parent = Parent(app, tracked=False, is_begun=False)

    (sent,) = parent.loses()

    assert sent.headers["recurring_jobs_tracked"]
    assert row() == ("retrying", 1, "")


@pytest.mark.parametrize(
    ("options", "letters"),
    [({"on_lost": "dead_letter"}, 1), ({"max_crashes": 1}, 1), ({"on_lost": "lost"}, 0)],
    ids=["dead letter", "poison", "lost"],
)
def test_a_run_ends_as_its_task_says(app, options, letters):
    """
    Its result is a failure, and nothing is sent.
    """
    parent = Parent(app, **options)

    assert parent.loses() == []
    assert row() == ("lost", 1, "")
    assert DeadLetter.objects.count() == letters
    assert app.AsyncResult(parent.id).state == "FAILURE"


def test_a_run_that_others_have_by_now_is_left_to_them(app):
    """
    Somebody thought this worker dead and has started the run; the loss is old news.
    """
    parent = Parent(app)
    Run.objects.update(worker="two@host", holder="two")

    assert parent.loses() == []
    assert row() == ("running", 0, "two")


def test_with_the_broker_away_the_run_waits_to_be_found(app):
    """
    The run is taken, holds a lease, and is sent by whoever finds it silent.
    """
    away = Celery("away", broker="redis://127.0.0.1:1", set_as_current=False)
    away.conf.update(broker_transport_options={"max_retries": 0}, task_publish_retry=False)

    assert Parent(app, sends_by=away).loses() == []

    state, crashes, holder = row()
    assert (state, crashes, bool(holder)) == ("retrying", 1, True)
    assert Run.objects.get().heartbeat_at is not None


def test_a_child_that_was_told_to_end_is_no_loss(app):
    """
    A worker that ends kills its children; their messages come back by themselves.
    """
    parent = Parent(app)
    parent.request._already_cancelled = True

    parent.request.on_failure(reported(SystemExit(1)))

    assert messages(app) == []
    assert row() == ("running", 0, "child")


@pytest.mark.skipif(celery.VERSION < (5, 7), reason="Celery 5.6 does not look at the result.")
def test_a_run_that_had_succeeded_is_not_lost(app):
    """
    The result was stored before the child was killed: the run has succeeded.
    """
    parent = Parent(app, ignore_result=False)
    app.backend.mark_as_done(parent.id, 3)

    assert parent.loses() == []
    assert (row(), parent.said) == (("succeeded", 0, ""), ["acknowledged"])


def test_the_lock_of_a_run_that_ends_is_free(app):
    """
    The child was killed with the lock in its hand; nobody waits for its lease.
    """
    parent = Parent(app, no_overlap=True, on_lost="dead_letter")
    locks.take(OverlapKey("key", "made.sum", ""), owner=parent.id, worker=HERE)

    parent.loses()

    assert TaskLock.objects.get().owner == ""


def test_a_message_dropped_while_the_database_is_away_comes_back(app, monkeypatch):
    """
    Celery stores that it was revoked, and where it cannot, lets that end the worker. Ours
    hands the message back, to be dropped when the database is there.
    """
    parent = Parent(app, is_begun=False)

    def away(*_args, **_options):
        message = "the connection is closed"
        raise OperationalError(message)

    monkeypatch.setattr(parent.request.task.backend, "mark_as_revoked", away)
    monkeypatch.setattr("celery.worker.request.revoked_tasks", {parent.id})

    assert parent.request.revoked()

    assert parent.said == ["rejected, to come back"]
    assert not Run.objects.exists()

"""A person stops a run: before it begins, by asking it, or by killing it."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from recurring_jobs.exceptions import RunEndedError
from recurring_jobs.models import Run, TaskLock
from recurring_jobs.runs.stopping import Cancelled, cancel

pytestmark = pytest.mark.django_db


@pytest.fixture
def revoked(monkeypatch) -> list[dict[str, Any]]:
    """What workers were told to drop or kill."""
    told: list[dict[str, Any]] = []

    def revoke(task_id, **options):
        told.append({"id": task_id, "terminate": options.get("terminate", False)})

    monkeypatch.setattr(current_app.control, "revoke", revoke)
    return told


def make_run(state: str, task: str = "elsewhere.add") -> Run:
    return Run.objects.create(id="run-1", task=task, state=state)


@pytest.mark.parametrize("state", ["queued", "retrying"])
def test_run_that_is_not_at_work_ends_at_once(revoked, state):
    """
    It is skipped by whoever asked, its lock is free, and workers drop its message.
    """
    now = timezone.now()
    TaskLock.objects.create(
        id="x", task="host.add", owner="run-1", token=1, taken_at=now, lease_until=now
    )

    outcome = cancel(make_run(state), by="robin")

    run = Run.objects.get()
    assert outcome is Cancelled.ENDED
    assert (run.state, run.exception) == ("skipped", "Cancelled by robin.")
    assert run.finished_at is not None
    assert not TaskLock.objects.held().exists()
    assert revoked == [{"id": "run-1", "terminate": False}]


def test_run_at_work_is_asked(revoked):
    """
    Its task finds that it was asked; nobody kills it, and no broker is needed.
    """
    outcome = cancel(make_run("running"))

    run = Run.objects.get()
    assert outcome is Cancelled.ASKED
    assert (run.state, run.cancel_requested_at is None) == ("running", False)
    assert revoked == []


@pytest.mark.parametrize("state", ["queued", "retrying"])
def test_run_that_somebody_sends_again_is_asked(revoked, state):
    """
    It is held at that moment, and its message may be on its way: it is not ended beside that.
    """
    run = make_run(state)
    Run.objects.update(holder="reaper-1")

    assert cancel(run) is Cancelled.ASKED

    run = Run.objects.get()
    assert (run.state, run.holder) == (state, "reaper-1")
    assert run.cancel_requested_at is not None
    assert revoked == []


def test_run_at_work_is_killed(revoked):
    """
    With kill its worker is told to end it.
    """
    assert cancel(make_run("running"), kill=True) is Cancelled.KILLED
    assert revoked == [{"id": "run-1", "terminate": True}]


@pytest.mark.parametrize("state", ["succeeded", "failed", "lost", "skipped"])
def test_run_that_has_ended_stays_as_it_is(revoked, state):
    """
    There is nothing to cancel, and nothing is changed.
    """
    run = make_run(state)

    with pytest.raises(RunEndedError, match=f"has ended: it is {state}. Nothing was done."):
        cancel(run)

    assert Run.objects.get().state == state
    assert revoked == []


def test_waiting_run_ends_without_a_broker(monkeypatch):
    """
    Its row is enough for tasks of the base class; others are told when that is possible.
    """

    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(current_app.control, "revoke", refuse)

    cancel(make_run("queued"))

    assert Run.objects.get().state == "skipped"

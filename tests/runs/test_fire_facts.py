from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from celery import Celery
from django.utils import timezone

from recurring_jobs import BaseTaskWithRetry
from recurring_jobs.models import Run
from recurring_jobs.runs import cancelling
from recurring_jobs.runs.headers import FireFacts
from recurring_jobs.runs.heartbeats import Hold

SENT = {
    "recurring_jobs_fire": 7,
    "recurring_jobs_nominal": "2026-03-02T09:00:00+00:00",
    "recurring_jobs_kind": "backfill",
    "recurring_jobs_stands_for": 3,
    "periodic_task_name": "nightly",
}


class Report(BaseTaskWithRetry):
    name = "test.report"

    def run(self) -> None:
        """Do nothing."""


@pytest.fixture
def in_run():
    """Return the task as it runs for a request of these attributes."""
    app = Celery("facts", set_as_current=False)
    task = app.register_task(Report())

    pushed = []

    def with_request(**request) -> Report:
        task.push_request(**request)
        pushed.append(request)
        return task

    yield with_request
    # Celery makes each request of the one before it, also of that of another test.
    for _ in pushed:
        task.pop_request()
    app.close()


def test_task_knows_what_it_was_fired_for(in_run):
    """
    Nominal time, kind, misfires, schedule and fire are there to be asked.
    """
    nine = datetime(2026, 3, 2, 9, tzinfo=UTC)

    fire = in_run(headers=SENT).fire

    assert fire == FireFacts(nine, kind="backfill", stands_for=3, schedule="nightly", pk=7)


def test_run_that_was_not_fired_has_no_fire(in_run):
    """
    A run that somebody sent by hand was fired for nothing.
    """
    assert in_run(headers=None).fire is None


@pytest.mark.django_db
def test_run_learns_that_it_was_asked_to_end(in_run, monkeypatch):
    """
    The answer is read from the run's row, and not more often than it counts for.
    """
    monkeypatch.setattr(cancelling, "ASKED_EVERY", 0.0)
    run = Run.objects.create(id="one", task="test.report", state="running")
    task = in_run(id=run.pk, recurring_jobs_hold=Hold(run.pk))

    before = task.cancel_requested()
    Run.objects.update(cancel_requested_at=timezone.now())

    assert (before, task.cancel_requested()) == (False, True)


@pytest.mark.django_db
def test_answer_counts_for_a_second(django_assert_num_queries):
    """
    However often a loop asks, the database is asked once.
    """
    request = SimpleNamespace(id="one", recurring_jobs_hold=Hold("one"))

    with django_assert_num_queries(1):
        answers = [cancelling.is_asked_to_end(request) for _ in range(5)]

    assert answers == [False] * 5


@pytest.mark.django_db
def test_run_that_is_not_kept_asks_nothing(in_run, django_assert_num_queries):
    """
    Nobody can ask it to end, and an untracked task costs no query.
    """
    task = in_run(id="one")

    with django_assert_num_queries(0):
        assert not task.cancel_requested()

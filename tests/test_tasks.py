from __future__ import annotations

import pytest

from recurring_jobs import BaseTaskWithRetry, tasks
from recurring_jobs.exceptions import UnknownRecurringModelError
from tests.host.celery import app
from tests.host.models import Todo

pytestmark = pytest.mark.django_db


def test_generator_is_a_task_with_retry():
    """The task is found by its name, retries as all of ours do, and its module offers the base."""
    task = app.tasks["recurring_jobs.generate_occurrences"]

    assert isinstance(task, BaseTaskWithRetry)
    assert tasks.BaseTaskWithRetry is BaseTaskWithRetry


def test_task_reports_each_model(django_user_model):
    """Without a label all recurring models get their pass; what comes back is plain data."""
    nothing = {"templates": 0, "created": 0, "set_aside": 0, "updated": 0, "removed": 0}

    assert tasks.generate_occurrences.run() == {
        "host.Todo": nothing,
        "host.Shift": nothing,
        "host.Errand": nothing,
        "host.Holiday": nothing,
        "host.Course": nothing,
        "host.Subscription": nothing,
    }


def test_task_makes_the_rows_of_one_model():
    """With a label, only that model gets its pass."""
    start = "2026-03-01T09:00:00+00:00"
    Todo.objects.create(title="Report", due_at=start, recurrence_rule="FREQ=DAILY")

    report = tasks.generate_occurrences.run("host.Todo")

    assert report["host.Todo"]["created"] == Todo.objects.occurrences().count() == 5


def test_task_names_an_unknown_model():
    """A label that is no recurring model is an error that offers the nearest."""
    with pytest.raises(UnknownRecurringModelError, match=r"Did you mean 'host\.Todo'\?"):
        tasks.generate_occurrences.run("host.Tod")


def test_whole_backlog_at_once_where_there_are_no_workers(settings):
    """With task_always_eager, or called by hand, a run does not stop at its share."""
    settings.RECURRING_JOBS = {"GENERATION_SHARE": 2}
    start = "2026-03-01T09:00:00+00:00"
    for _ in range(5):
        Todo.objects.create(title="Report", due_at=start, recurrence_rule="FREQ=DAILY")

    report = tasks.generate_occurrences.apply(args=["host.Todo"]).get()

    assert report["host.Todo"]["templates"] == 5


def test_share_is_one_lane_at_a_time():
    """Two runs of one lane never overlap; those of two lanes may."""
    assert tasks.generate_share.no_overlap == "skip"
    assert tasks.generate_share.overlap_key == ["model_label", "lane"]

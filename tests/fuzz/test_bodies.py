"""Whatever a caller sends, the API answers with a problem, not with a traceback."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from hypothesis import HealthCheck, example, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from recurring_jobs.models import DeadLetter, Schedule
from tests.examples import examples

pytestmark = pytest.mark.django_db

PATHS = (
    "tasks/host.add_tracked/trigger",
    "tasks/host.nothing/trigger",
    "schedules/{schedule}/pause",
    "schedules/{schedule}/resume",
    "schedules/{schedule}/skip-next",
    "schedules/{schedule}/run",
    "schedules/{schedule}/backfill",
    "dead-letters/{letter}/requeue",
    "dead-letters/{letter}/discard",
    "dead-letters/requeue",
    "runs/nothing/cancel",
)
KEYS = ("args", "kwargs", "mode", "until", "reason", "start", "end", "overlap", "ids", "task", "x")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["2026-03-02T09:00:00Z", "2026-03-02", "9999-12-31T23:59:59Z", "skip"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode())


@pytest.fixture
def places():
    """A schedule and a letter to aim at."""
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    task = PeriodicTask.objects.create(name="aim", task="host.add", interval=every)
    schedule = Schedule.objects.create(periodic_task=task)
    letter = DeadLetter.objects.create(task="host.add", task_id="gone", args=[1, 2])
    return {"schedule": schedule.pk, "letter": letter.pk}


@pytest.fixture
def caller(jobs_worker):
    """Somebody who may do everything; what is sent stays in the process."""
    User.objects.create_superuser("root", password="x")
    client = Client(raise_request_exception=True)
    client.force_login(User.objects.get())
    return client


@budget(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(path=st.sampled_from(PATHS), body=BODIES, key=st.none() | st.text(max_size=5))
@example(path=PATHS[0], body=b'{"kwargs": {"left": "\\ud800", "right": 1}}', key=None)
@example(path=PATHS[6], body=b'{"start": "0001-01-01T00:00:00+14:00", "end": "x"}', key=None)
def test_any_body_gets_an_answer(caller, places, path, body, key):
    """
    A problem has a status below 500; 503 stands for a broker that is away, and is not sent here.
    """
    headers = {} if key is None else {"Idempotency-Key": key}

    answer = caller.post(
        f"/jobs/{path.format(**places)}",
        data=body,
        content_type="application/json",
        headers=headers,
    )

    assert answer.status_code < 500, (path, body, answer.content)

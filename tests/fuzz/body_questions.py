"""What is asked of the API: a problem in a sentence, whatever body somebody sends."""

from __future__ import annotations

from functools import cache

from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from recurring_jobs.models import DeadLetter, Schedule

PATHS = (
    "tasks/host.add_tracked/trigger",
    "tasks/host.nothing/trigger",
    "schedules/{schedule}/pause",
    "schedules/{schedule}/resume",
    "schedules/{schedule}/skip-next",
    "schedules/{schedule}/backfill",
    "dead-letters/{letter}/requeue",
    "dead-letters/{letter}/discard",
    "dead-letters/requeue",
    "runs/nothing/cancel",
)


@cache
def places() -> dict[str, int]:
    """Make a schedule and a letter to aim at, once."""
    User.objects.create_superuser("root", password="x")
    every = IntervalSchedule.objects.create(every=1, period="hours")
    task = PeriodicTask.objects.create(name="aim", task="host.add", interval=every)
    schedule = Schedule.objects.create(periodic_task=task)
    letter = DeadLetter.objects.create(task="host.add", task_id="gone", args=[1, 2])
    return {"schedule": schedule.pk, "letter": letter.pk}


@cache
def caller() -> Client:
    """Somebody who may do everything."""
    client = Client(raise_request_exception=True)
    client.force_login(User.objects.get(username="root"))
    return client


def check(data: bytes) -> None:
    """Send *data* to the address that its first byte names; nothing of it is kept."""
    if not data:
        return
    path = PATHS[data[0] % len(PATHS)].format(**places())
    client = caller()
    with transaction.atomic():
        answer = client.post(f"/jobs/{path}", data=data[1:], content_type="application/json")
        transaction.set_rollback(True)
    assert answer.status_code < 500 or answer.status_code == 503, (path, data, answer.content)

"""A request with an idempotency key: done once, answered as often as it is sent."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from recurring_jobs.models import DeadLetter, Fire, KeptAnswer, Run, Schedule
from tests.api.conftest import GOOD_TOKEN, post, sha256
from tests.api.test_trigger import waiting

TRIGGER = "/jobs/tasks/shop.recompute/trigger"
BODY = {"args": [7]}


def keyed(client: Client, path: str, body: Any, key: str = "one") -> Any:
    """Send *body* with an idempotency key."""
    return post(client, path, body, headers={"Idempotency-Key": key})


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["queued", "in_process"])
def test_repetition_is_answered_as_the_first(app, superuser, mode):
    """
    The same request with the same key gets the same answer, and makes no second run.
    """
    body = {**BODY, "mode": mode}

    first, second = (keyed(superuser, TRIGGER, body) for _ in range(2))

    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert first.headers.get("Location") == second.headers.get("Location")
    assert ("Idempotent-Replayed" in first.headers, second.headers["Idempotent-Replayed"]) == (
        False,
        "true",
    )
    assert second.headers["Content-Type"] == "application/json"
    assert Run.objects.count() == 1
    assert len(waiting(app, Run.objects.get().queue)) == (mode == "queued")


@pytest.mark.django_db
def test_other_keys_and_callers_are_others(app, caller):
    """
    Another key, no key, or the same key of another caller is another request.
    """
    first, second = caller("operator"), caller("superuser")

    for client, key in [(first, "one"), (first, "two"), (second, "one")]:
        assert keyed(client, TRIGGER, BODY, key).status_code == 202
    assert post(first, TRIGGER, BODY).status_code == 202

    assert Run.objects.count() == 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body"),
    [(TRIGGER, {"args": [8]}), ("/jobs/tasks/pricing.refresh/trigger", BODY)],
    ids=["body", "address"],
)
def test_key_of_another_request_is_refused(app, superuser, path, body):
    """
    A key that was sent with another body, or elsewhere, is a conflict; nothing is done.
    """
    keyed(superuser, TRIGGER, BODY)

    answer = keyed(superuser, path, body)

    assert (answer.status_code, answer.json()) == (
        409,
        {
            "type": "urn:problem-type:recurring-jobs:key-reused",
            "title": "Key reused",
            "status": 409,
            "detail": "This key was sent with another request. Take a new key for a new request.",
        },
    )
    assert Run.objects.count() == 1


@pytest.mark.django_db
def test_request_that_was_refused_leaves_its_key_free(app, superuser):
    """
    What was wrong is put right and sent again under the same key.
    """
    assert keyed(superuser, TRIGGER, {"args": ["x"]}).status_code == 400

    assert keyed(superuser, TRIGGER, BODY).status_code == 202
    assert Run.objects.count() == 1


@pytest.mark.django_db
def test_broker_away_leaves_the_key_free(app, superuser):
    """
    What could not be sent for want of a broker may be sent again under its key.
    """
    app.conf.broker_url = "redis://127.0.0.1:1/0"

    assert keyed(superuser, TRIGGER, BODY).status_code == 503
    assert not KeptAnswer.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a b"], ids=["empty", "long", "é", "space"])
def test_key_that_cannot_be_is_refused(app, superuser, key):
    """
    A key is 1 to 255 characters of ASCII without spaces.
    """
    answer = keyed(superuser, TRIGGER, BODY, key)

    assert (answer.status_code, answer.json()["argument"]) == (400, "Idempotency-Key")
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_request_under_way_is_a_conflict(app, superuser):
    """
    While the first is under way its repetition is told to come back.
    """
    keyed(superuser, TRIGGER, BODY)
    KeptAnswer.objects.update(status=None)

    answer = keyed(superuser, TRIGGER, BODY)

    assert (answer.status_code, answer.json()["title"]) == (409, "Key in use")
    assert answer.headers["Retry-After"] == "1"
    assert Run.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "is_told"),
    [
        pytest.param("queued", False, id="whether it is out is not known"),
        pytest.param("queued", True, id="queued"),
        pytest.param("running", True, id="running"),
        pytest.param("succeeded", True, id="succeeded"),
    ],
)
def test_trigger_whose_process_died_is_taken_over(app, superuser, state, is_told):
    """
    A repetition takes over what did not come to its end in a minute: under the same run id,
    so that there is one run, whether it was sent before or not.
    """
    first = keyed(superuser, TRIGGER, BODY).json()
    KeptAnswer.objects.update(status=None, claimed_at=timezone.now() - timedelta(minutes=2))
    Run.objects.update(state=state)
    if not is_told:
        Run.objects.update(heartbeat_at=timezone.now())

    second = keyed(superuser, TRIGGER, BODY)

    assert second.json() == {**first, "state": state}
    assert Run.objects.count() == 1
    assert KeptAnswer.objects.get().status == 202
    messages = waiting(app, Run.objects.get().queue)
    assert {message.headers["id"] for message in messages} == {first["id"]}
    assert len(messages) == (1 if is_told else 2)


@pytest.mark.django_db
def test_fire_whose_process_died_is_not_repeated(superuser):
    """
    Where a repetition could do it twice, none takes it over: the caller looks, and decides.
    """
    crontab = CrontabSchedule.objects.create(minute="0", timezone="UTC")
    task = PeriodicTask.objects.create(name="n", task="t", crontab=crontab)
    schedule = Schedule.objects.create(periodic_task=task)
    path = f"/jobs/schedules/{schedule.pk}/run"
    body = {"overlap": "buffer_one"}

    first, second = (keyed(superuser, path, body) for _ in range(2))
    KeptAnswer.objects.update(status=None, claimed_at=timezone.now() - timedelta(hours=2))
    third = keyed(superuser, path, body)

    assert (first.content, third.status_code) == (second.content, 409)
    assert Fire.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_every_address_that_makes_something_takes_a_key(app, superuser):
    """
    Sending letters again, skipping and backfilling answer a repetition as the first.
    """
    crontab = CrontabSchedule.objects.create(minute="0", timezone="UTC")
    task = PeriodicTask.objects.create(name="n", task="t", crontab=crontab)
    schedule = Schedule.objects.create(periodic_task=task, next_fire_at=timezone.now())
    letter = DeadLetter.objects.create(task="t", task_id="a", queue="q")
    DeadLetter.objects.create(task="t", task_id="b", queue="q")
    times = {"start": "2026-02-01T00:00:00Z", "end": "2026-02-01T03:00:00Z"}

    for path, body in [
        (f"/jobs/dead-letters/{letter.pk}/requeue", {}),
        ("/jobs/dead-letters/requeue", {}),
        (f"/jobs/schedules/{schedule.pk}/skip-next", {}),
        (f"/jobs/schedules/{schedule.pk}/backfill", times),
    ]:
        first, second = (keyed(superuser, path, body, path) for _ in range(2))

        assert first.status_code in {200, 202}, first.content
        assert (first.content, second.headers["Idempotent-Replayed"]) == (second.content, "true")
    assert Fire.objects.filter(kind="backfill").count() == 4


@pytest.mark.django_db
def test_only_digests_are_kept_of_caller_and_key(app, superuser):
    """
    Who reads the table learns neither who asked nor the key.
    """
    keyed(superuser, TRIGGER, BODY, "a-very-secret-key")

    kept = KeptAnswer.objects.values_list("id", "fingerprint").get()
    assert [len(each) for each in kept] == [64, 64]


@pytest.mark.django_db
def test_old_answers_are_pruned(app, superuser, settings):
    """
    After KEEP_ANSWERS the answer is deleted, and the key makes a new run.
    """
    keyed(superuser, TRIGGER, BODY, "old")
    KeptAnswer.objects.update(claimed_at=timezone.now() - timedelta(hours=25))
    keyed(superuser, TRIGGER, BODY, "new")

    call_command("recurring_jobs", "prune", "--json")
    again = keyed(superuser, TRIGGER, BODY, "old")

    assert "Idempotent-Replayed" not in again.headers
    assert (KeptAnswer.objects.count(), Run.objects.count()) == (2, 3)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_makes_the_run(app, settings):
    """
    Eight requests of one key at one moment make one run: one answers, the others tell the
    same or that it is under way.
    """
    settings.RECURRING_JOBS = {
        "API_TOKENS": {"ci": {"sha256": sha256(GOOD_TOKEN), "allow": ["trigger"]}}
    }
    User.objects.exists()  # the database is there before the threads are
    gate, answers = Barrier(8), []

    def ask() -> None:
        app.set_current()  # each thread has one of its own
        client = Client(headers={"Authorization": f"Bearer {GOOD_TOKEN}"})
        gate.wait(timeout=30)
        answers.append(keyed(client, TRIGGER, BODY))
        connection.close()

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert Run.objects.count() == 1
    assert len(waiting(app, Run.objects.get().queue)) == 1
    made = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert set(made) == {Run.objects.get().pk}
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len(answers) == 8

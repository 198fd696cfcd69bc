"""Schedules over HTTP: who may do what to them, and what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from kombu.exceptions import OperationalError

from recurring_jobs.models import Fire, Schedule
from tests.api.conftest import CALLERS, GOOD_TOKEN, PRICING_TOKEN, post, sha256

pytestmark = pytest.mark.django_db

NINE = datetime(2026, 3, 2, 8, tzinfo=UTC)
LIST = "/jobs/schedules"
#: Each change, with a body that is right, and the right that it needs.
CHANGES = {
    "pause": ({"reason": "Holidays."}, "pause_schedule"),
    "resume": ({}, "pause_schedule"),
    "skip-next": ({}, "pause_schedule"),
    "run": ({"overlap": "skip"}, "run_schedule"),
    "backfill": (
        {"start": "2026-02-01T00:00:00Z", "end": "2026-02-03T23:00:00Z"},
        "backfill_schedule",
    ),
}
RIGHTS = ("view_schedule", "run_schedule", "pause_schedule", "backfill_schedule")


@pytest.fixture
def schedule() -> Schedule:
    """A schedule that fires at nine in Paris."""
    crontab = CrontabSchedule.objects.create(minute="0", hour="9", timezone="Europe/Paris")
    task = PeriodicTask.objects.create(name="nightly report", task="shop.report", crontab=crontab)
    return Schedule.objects.create(periodic_task=task, next_fire_at=NINE)


@pytest.fixture
def user() -> Client:
    """A user named boss who has every right to schedules."""
    return user_with(*RIGHTS)


def user_with(*rights: str) -> Client:
    person = User.objects.create(username="boss")
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(person)
    return client


def address(schedule: Schedule, change: str) -> str:
    return f"{LIST}/{schedule.pk}/{change}"


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("path", ["", "/{id}", *(f"/{{id}}/{change}" for change in CHANGES)])
def test_schedules_are_closed_to_callers_without_the_right(schedule, caller, name, path):
    """
    Whoever may trigger tasks or see runs may not look at schedules for that, nor change one.
    """
    path = path.format(id=schedule.pk)
    client = caller(name)
    change = path.rpartition("/")[2]

    response = (
        post(client, LIST + path, CHANGES[change][0])
        if change in CHANGES
        else (client.get(LIST + path))
    )

    nobody = {"anonymous", "wrong token", "empty token", "other scheme"}
    if name == "superuser":
        assert response.status_code < 300
    else:
        assert response.status_code == (401 if name in nobody else 403)
        assert Fire.objects.count() == 0


@pytest.mark.parametrize("right", RIGHTS)
@pytest.mark.parametrize("change", CHANGES)
def test_each_change_needs_its_own_right(schedule, change, right):
    """
    A user and a token with one right may do what it is for, and nothing else.
    """
    body, needed = CHANGES[change]

    response = post(user_with(right), address(schedule, change), body)

    assert (response.status_code < 300) == (right == needed)


def test_list_tells_state_and_counts(schedule, user):
    """
    A list says of each schedule what fires when, and what became of its fires.
    """
    answer = user.get(LIST).json()

    assert answer == {
        "schedules": [
            {
                "id": schedule.pk,
                "name": "nightly report",
                "task": "shop.report",
                "state": "enabled",
                "trigger": "every day at 09:00 (Europe/Paris)",
                "next_fire_at": "2026-03-02T08:00:00+00:00",
                "pause": None,
                "set_aside_reason": "",
                "misfire": "latest",
                "overlap": "allow",
                "remaining_fires": None,
                "counts": {"taken": 0, "missed": 0, "skipped": 0, "dropped": 0},
            }
        ],
        "next_after": None,
    }
    assert user.get(LIST, {"name": "other"}).json()["schedules"] == []


def test_list_comes_in_pages(user):
    """
    A page says where the next one begins.
    """
    crontab = CrontabSchedule.objects.create(minute="0", hour="9", timezone="UTC")
    for number in range(3):
        task = PeriodicTask.objects.create(name=f"task {number}", task="t", crontab=crontab)
        Schedule.objects.create(periodic_task=task)

    first = user.get(LIST, {"limit": "2"}).json()
    second = user.get(LIST, {"limit": "2", "after": first["next_after"]}).json()

    assert [each["name"] for each in first["schedules"]] == ["task 0", "task 1"]
    assert [each["name"] for each in second["schedules"]] == ["task 2"]
    assert second["next_after"] is None


@pytest.mark.parametrize("query", [{"limit": "many"}, {"limit": "1001"}, {"after": "-1"}])
def test_page_that_cannot_be_is_refused(user, query):
    """
    What is no number is said.
    """
    answer = user.get(LIST, query)

    assert (answer.status_code, answer.json()["argument"]) == (400, next(iter(query)))


def test_one_schedule_tells_its_fires(schedule, user):
    """
    The page of one schedule has the ten fires to come, and the last ten.
    """
    Fire.objects.create(schedule=schedule, nominal_at=NINE, task_id="one", state="published")

    told = user.get(f"{LIST}/{schedule.pk}").json()

    assert len(told["next_fires"]) == 10
    assert [fire["run_id"] for fire in told["last_fires"]] == ["one"]
    assert user.get(f"{LIST}/999").json()["type"].endswith("unknown-schedule")


def test_pause_has_reason_person_and_end(schedule, user):
    """
    What is told afterwards is what stands on the row.
    """
    until = (timezone.now() + timedelta(days=2)).replace(microsecond=0)

    told = post(
        user, address(schedule, "pause"), {"reason": "Holidays.", "until": until.isoformat()}
    ).json()
    resumed = post(user, address(schedule, "resume")).json()

    assert told["state"] == "paused"
    assert told["pause"]["reason"] == "Holidays."
    assert (told["pause"]["by"], told["pause"]["until"]) == ("boss", until.isoformat())
    assert (resumed["state"], resumed["pause"]) == ("enabled", None)


def test_next_fire_is_skipped(schedule, user):
    """
    The fire that comes next is left out; when there is none, that is a conflict.
    """
    told = post(user, address(schedule, "skip-next")).json()
    Schedule.objects.update(next_fire_at=None)
    again = post(user, address(schedule, "skip-next"))

    assert (told["nominal_at"], told["state"]) == ("2026-03-02T08:00:00+00:00", "skipped")
    assert told["reason"] == "Skipped by boss."
    assert (again.status_code, again.json()["title"]) == (409, "Not possible")


def test_run_now_takes_an_overlap(schedule, user):
    """
    A fire that may have to wait is told as waiting, and a beat starts it.
    """
    answer = post(user, address(schedule, "run"), {"overlap": "buffer_one"})

    assert answer.status_code == 202
    assert (answer.json()["kind"], answer.json()["state"]) == ("manual", "waiting")


def test_broker_that_is_away_is_told_without_its_address(schedule, user, monkeypatch):
    """
    Nothing was fired, and the caller learns no more than that.
    """

    def send_task(*_args, **_options):
        message = "amqp://secret@10.0.0.1 refused"
        raise OperationalError(message)

    monkeypatch.setattr(current_app._get_current_object(), "send_task", send_task)

    answer = post(user, address(schedule, "run"))

    assert answer.status_code == 503
    assert "secret" not in answer.content.decode()
    assert Fire.objects.count() == 0


def test_backfill_is_previewed_and_safe_to_repeat(schedule, user):
    """
    A preview fires nothing; the second of two equal backfills makes no fire.
    """
    body = CHANGES["backfill"][0]

    preview = post(user, address(schedule, "backfill"), {**body, "preview": True})
    before = Fire.objects.count()
    first = post(user, address(schedule, "backfill"), {**body, "every": 60})
    second = post(user, address(schedule, "backfill"), body)

    assert (preview.status_code, before) == (200, 0)
    assert preview.json()["times"][0] == "2026-02-01T08:00:00+00:00"
    assert [answer.json()["count"] for answer in (preview, first, second)] == [3, 3, 0]
    assert {fire.kind for fire in Fire.objects.all()} == {"backfill"}


@pytest.mark.parametrize(
    ("change", "body", "argument"),
    [
        ("pause", {"until": "2020-01-01T00:00:00Z"}, "until"),
        ("pause", {"until": "2090-01-01T00:00:00"}, "until"),
        ("pause", {"until": 7}, "until"),
        ("pause", {"reason": "x" * 1001}, "reason"),
        ("run", {"overlap": "never"}, "overlap"),
        ("backfill", {"start": "2026-02-01T00:00:00Z"}, "end"),
        ("backfill", {**CHANGES["backfill"][0], "every": -1}, "every"),
        ("backfill", {**CHANGES["backfill"][0], "preview": "yes"}, "preview"),
        ("backfill", {**CHANGES["backfill"][0], "start": "1990-01-01T00:00:00Z"}, "end"),
    ],
)
def test_argument_that_cannot_be_is_refused(schedule, user, change, body, argument):
    """
    The problem names what is wrong, and nothing was done.
    """
    answer = post(user, address(schedule, change), body)

    assert (answer.status_code, answer.json()["argument"]) == (400, argument)
    assert PeriodicTask.objects.get().enabled
    assert Fire.objects.count() == 0


def test_unknown_key_is_refused(schedule, user):
    """
    A misspelt key does not pass for one that was left out.
    """
    answer = post(user, address(schedule, "pause"), {"reson": "Holidays."})

    assert answer.json()["detail"] == (
        "'reson' is not a known key. Did you mean 'reason'? Known are reason and until."
    )


def test_token_is_limited_to_its_tasks_and_named(schedule, settings):
    """
    A client sees and changes schedules of its tasks only, and stands on the row by its name.
    """
    rights = {"allow": list(RIGHTS)}
    settings.RECURRING_JOBS = {
        "API_TOKENS": {
            "ops": {"sha256": sha256(GOOD_TOKEN), **rights},
            "prices": {"sha256": sha256(PRICING_TOKEN), **rights, "tasks": ["pricing.*"]},
        }
    }
    ops, prices = (
        Client(headers={"Authorization": f"Bearer {token}"})
        for token in (GOOD_TOKEN, PRICING_TOKEN)
    )

    unseen = post(prices, address(schedule, "pause"))
    told = post(ops, address(schedule, "pause")).json()

    assert unseen.status_code == 404
    assert prices.get(LIST).json()["schedules"] == []
    assert told["pause"]["by"] == "ops"


def test_zone_that_does_not_exist_spoils_no_answer(user, schedule):
    """
    A crontab row with such a zone, written past all checks, has no trigger in words.
    """
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_celery_beat_crontabschedule SET timezone = 'Mars/Olympus'")

    listed, told = user.get(LIST), user.get(f"{LIST}/{schedule.pk}")

    assert (listed.status_code, told.status_code) == (200, 200)
    assert listed.json()["schedules"][0]["trigger"] is None
    assert told.json()["next_fires"] == []

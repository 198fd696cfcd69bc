from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.urls import reverse
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from kombu.exceptions import OperationalError

from recurring_jobs.models import Fire, Schedule
from recurring_jobs.periodic import upcoming
from tests.admin.rows import NINE, make_schedule

pytestmark = pytest.mark.django_db

LIST = "/admin/recurring_jobs/schedule/"


def url_of(schedule: Schedule, action: str) -> str:
    return reverse(f"admin:recurring_jobs_schedule_{action}", args=[schedule.pk])


def log() -> list[tuple[str, int, str]]:
    return list(LogEntry.objects.values_list("object_id", "action_flag", "change_message"))


def test_run_now_asks_first(boss, sent):
    """
    The button leads to a question; nothing is fired by it.
    """
    answer = boss.post(url_of(make_schedule(), "run_now"))

    assert "Send the task of this schedule to a worker now?" in answer.content.decode()
    assert Fire.objects.count() == 0
    assert (sent, log()) == ([], [])


def test_run_now_is_a_fire_of_its_own_kind(boss, sent):
    """
    Confirmed, the task is sent once, is on the ledger as run by hand, and the next fire stays.
    """
    schedule = make_schedule()

    boss.post(url_of(schedule, "run_now"), {"confirmed": "yes"})

    fire = Fire.objects.get()
    schedule.refresh_from_db()
    assert (fire.kind, fire.state) == ("manual", "published")
    assert sent == [{"task": "host.report", "id": fire.task_id, "args": [], "kwargs": {"days": 7}}]
    assert schedule.next_fire_at == NINE
    sentence = f"Schedule nightly report was fired by hand, as task {fire.task_id}."
    assert log() == [(str(schedule.pk), CHANGE, sentence)]


def test_broker_that_is_away_is_said(boss, sent):
    """
    When the broker takes nothing, nothing was fired, and the page says so.
    """
    schedule = make_schedule()
    sent.error = OperationalError("connection refused")

    answer = boss.post(url_of(schedule, "run_now"), {"confirmed": "yes"}, follow=True)

    assert [str(message) for message in answer.context["messages"]] == [
        "'nightly report' was not fired: the broker did not take it (connection refused)."
    ]
    assert Fire.objects.count() == 0
    assert log() == []


def test_several_are_fired_after_a_question_that_counts_them(boss, sent):
    """
    The bulk action fires each chosen schedule once.
    """
    chosen = [make_schedule("one").pk, make_schedule("two").pk]
    make_schedule("three")

    answer = boss.post(
        LIST,
        {"action": "run_now_selected", "_selected_action": chosen, "confirmed": "yes"},
        follow=True,
    )

    assert [str(message) for message in answer.context["messages"]] == ["2 schedules were fired."]
    assert len(sent) == 2
    assert set(Fire.objects.values_list("schedule", flat=True)) == set(chosen)


def test_disabled_schedule_has_no_next_fire_and_tells_beat(boss):
    """
    Disabling takes the next fire away and marks the tables as changed for any scheduler.
    """
    schedule = make_schedule()
    PeriodicTasks.objects.update(last_update=datetime(2020, 1, 1, tzinfo=UTC))

    boss.post(url_of(schedule, "disable"))

    schedule.refresh_from_db()
    assert not PeriodicTask.objects.get().enabled
    assert schedule.next_fire_at is None
    assert PeriodicTasks.objects.get().last_update > NINE
    assert log() == [(str(schedule.pk), CHANGE, "Schedule nightly report was disabled.")]


def test_enabled_again_it_fires_from_now_on(boss):
    """
    The time that a schedule was disabled for is never caught up.
    """
    schedule = make_schedule(enabled=False)

    boss.post(url_of(schedule, "enable"))
    upcoming.refresh(now=NINE, using="default")

    schedule.refresh_from_db()
    assert PeriodicTask.objects.get().enabled
    assert schedule.next_fire_at == datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
    assert log() == [(str(schedule.pk), CHANGE, "Schedule nightly report was enabled.")]


def test_schedule_that_its_model_would_not_save_can_be_disabled(boss):
    """
    A periodic task without any trigger, which cannot be saved, can still be stopped.
    """
    schedule = make_schedule()
    PeriodicTask.objects.update(crontab=None)

    answer = boss.post(url_of(schedule, "disable"), follow=True)

    assert answer.status_code == 200
    assert not PeriodicTask.objects.get().enabled


def test_several_are_disabled_at_once(boss):
    """
    The bulk action needs no question, since it is undone by the one beside it.
    """
    make_schedule("one")
    make_schedule("two")
    rows = list(Schedule.objects.values_list("pk", flat=True))

    boss.post(LIST, {"action": "disable_selected", "_selected_action": rows, "index": 0})

    assert not PeriodicTask.objects.filter(enabled=True).exists()
    assert len(log()) == 2


def test_misfire_policy_is_edited(boss):
    """
    The one thing to edit on the page is what happens to missed fires.
    """
    schedule = make_schedule()

    boss.post(f"{LIST}{schedule.pk}/change/", {"misfire": "skip", "next_fire_at_0": "2020-01-01"})

    schedule.refresh_from_db()
    assert (schedule.misfire, schedule.next_fire_at) == ("skip", NINE)

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from kombu.exceptions import OperationalError

from recurring_jobs.models import Fire, Schedule
from tests.admin.rows import NINE, make_schedule

pytestmark = pytest.mark.django_db

CONFIRMED = {"confirmed": "yes", "overlap": "allow"}
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

    boss.post(url_of(schedule, "run_now"), {"confirmed": "yes", "overlap": "allow"})

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

    answer = boss.post(
        url_of(schedule, "run_now"), {"confirmed": "yes", "overlap": "allow"}, follow=True
    )

    assert answer.context["form"].non_field_errors() == [
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
        {"action": "run_now_selected", "_selected_action": chosen, **CONFIRMED},
        follow=True,
    )

    assert [str(message) for message in answer.context["messages"]] == ["2 schedules were fired."]
    assert len(sent) == 2
    assert set(Fire.objects.values_list("schedule", flat=True)) == set(chosen)


def test_run_now_may_wait_for_a_run_that_is_still_at_work(boss, sent):
    """
    What happens while an earlier fire is running is chosen for this fire alone; a beat starts it.
    """
    schedule = make_schedule()

    boss.post(url_of(schedule, "run_now"), {"confirmed": "yes", "overlap": "buffer_one"})

    fire = Fire.objects.get()
    assert (fire.kind, fire.state, fire.overlap) == ("manual", "waiting", "buffer_one")
    assert sent == []


def test_paused_schedule_says_why_who_and_until_when(boss):
    """
    Pausing takes the next fire away, and marks the tables as changed for any scheduler.
    """
    schedule = make_schedule()
    PeriodicTasks.objects.update(last_update=datetime(2020, 1, 1, tzinfo=UTC))

    boss.post(url_of(schedule, "pause"), {"confirmed": "yes", "reason": "The API is down."})

    schedule.refresh_from_db()
    assert not PeriodicTask.objects.get().enabled
    assert (schedule.next_fire_at, schedule.paused_until) == (None, None)
    assert (schedule.pause_reason, schedule.paused_by) == ("The API is down.", "boss")
    assert PeriodicTasks.objects.get().last_update > NINE
    sentence = "Schedule nightly report was paused: The API is down."
    assert log() == [(str(schedule.pk), CHANGE, sentence)]
    assert "The API is down." in boss.get(f"{LIST}{schedule.pk}/change/").content.decode()


def test_pause_may_have_an_end(boss):
    """
    With an end the next fire is the first one after it.
    """
    schedule = make_schedule()

    boss.post(url_of(schedule, "pause"), {"confirmed": "yes", "until": "2090-01-01T12:00:00"})

    schedule.refresh_from_db()
    assert schedule.paused_until == datetime(2090, 1, 1, 12, tzinfo=UTC)
    assert schedule.next_fire_at == datetime(2090, 1, 2, 8, tzinfo=UTC)


def test_pause_until_a_time_that_has_passed_is_refused(boss):
    """
    The question comes again, with what is wrong beside the field.
    """
    schedule = make_schedule()

    answer = boss.post(
        url_of(schedule, "pause"), {"confirmed": "yes", "until": "2020-01-01T12:00:00"}
    )

    assert "This time has passed." in answer.content.decode()
    assert PeriodicTask.objects.get().enabled


def test_resumed_it_fires_from_now_on(boss):
    """
    The time that a schedule was paused for is never caught up.
    """
    schedule = make_schedule(enabled=False, paused_at=NINE, pause_reason="Holidays.")

    boss.post(url_of(schedule, "resume"))

    schedule.refresh_from_db()
    assert PeriodicTask.objects.get().enabled
    assert (schedule.paused_at, schedule.pause_reason) == (None, "")
    assert schedule.next_fire_at > timezone.now()
    assert log() == [(str(schedule.pk), CHANGE, "Schedule nightly report was resumed.")]


def test_schedule_that_its_model_would_not_save_can_be_paused(boss):
    """
    A periodic task without any trigger, which cannot be saved, can still be stopped.
    """
    schedule = make_schedule()
    PeriodicTask.objects.update(crontab=None)

    answer = boss.post(url_of(schedule, "pause"), CONFIRMED, follow=True)

    assert answer.status_code == 200
    assert not PeriodicTask.objects.get().enabled


def test_several_are_paused_for_one_reason(boss):
    """
    The bulk action asks once, and each schedule says why.
    """
    make_schedule("one")
    make_schedule("two")
    rows = list(Schedule.objects.values_list("pk", flat=True))
    chosen = {"action": "pause_selected", "_selected_action": rows, "index": 0}

    asked = boss.post(LIST, chosen)
    boss.post(LIST, {**chosen, "confirmed": "yes", "reason": "Holidays."})

    assert "Pause these 2 schedules?" in asked.content.decode()
    assert set(Schedule.objects.values_list("pause_reason", flat=True)) == {"Holidays."}
    assert not PeriodicTask.objects.filter(enabled=True).exists()
    assert len(log()) == 2


def test_next_fire_is_skipped_and_on_record(boss):
    """
    The fire that comes next is left out, and says by whom; the one after it comes.
    """
    schedule = make_schedule()

    asked = boss.post(url_of(schedule, "skip_next"))
    boss.post(url_of(schedule, "skip_next"), CONFIRMED)

    fire = Fire.objects.get()
    schedule.refresh_from_db()
    assert "It would be at 2026-03-02 09:00:00 UTC." in asked.content.decode()
    assert (fire.nominal_at, fire.state, fire.reason) == (NINE, "skipped", "Skipped by boss.")
    assert schedule.next_fire_at == datetime(2026, 3, 3, 8, tzinfo=UTC)
    sentence = "The fire of schedule nightly report at 2026-03-02T09:00:00+00:00 was skipped."
    assert log() == [(str(schedule.pk), CHANGE, sentence)]


def test_schedule_without_a_next_fire_has_none_to_skip(boss):
    """
    Where others were faster, the page says that there is nothing to skip.
    """
    schedule = make_schedule(next_fire_at=None)

    answer = boss.post(
        LIST,
        {"action": "skip_next_selected", "_selected_action": [schedule.pk], "confirmed": "yes"},
        follow=True,
    )

    assert [str(message) for message in answer.context["messages"]] == [
        "'nightly report' has no next fire: it has ended, or is paused or set aside."
    ]


RANGE = {
    "confirmed": "yes",
    "start": "2026-02-01T00:00:00",
    "end": "2026-02-03T23:00:00",
    "overlap": "buffer_all",
    "every": "60",
}


def test_backfill_shows_the_times_first(boss):
    """
    Nothing is fired before the times were seen; those of another range are shown anew.
    """
    schedule = make_schedule()

    shown = boss.post(url_of(schedule, "backfill"), RANGE)
    seen = {**RANGE, "previewed": shown.context["previewed"]}
    other = boss.post(url_of(schedule, "backfill"), {**seen, "end": "2026-02-04T23:00:00"})

    assert "3 times are fired:" in shown.content.decode()
    assert 'datetime="2026-02-03T08:00:00+00:00"' in shown.content.decode()
    assert "4 times are fired:" in other.content.decode()
    assert Fire.objects.count() == 0

    boss.post(url_of(schedule, "backfill"), seen)

    fires = Fire.objects.order_by("nominal_at")
    assert [fire.nominal_at.day for fire in fires] == [1, 2, 3]
    assert {(fire.kind, fire.state, fire.overlap) for fire in fires} == {
        ("backfill", "waiting", "buffer_all")
    }
    assert fires[1].due_at - fires[0].due_at == timedelta(minutes=1)
    sentence = (
        "3 fires of schedule nightly report were made,"
        " from 2026-02-01T00:00:00+00:00 to 2026-02-03T23:00:00+00:00."
    )
    assert log() == [(str(schedule.pk), CHANGE, sentence)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"end": "2026-01-01T00:00:00"}, "It is before the start."),
        ({"start": "1990-01-01T00:00:00"}, "has more than 1000 nominal times."),
    ],
    ids=["backwards", "too long"],
)
def test_backfill_that_cannot_be_is_refused(boss, change, words):
    """
    What is wrong with the range is said beside it, and nothing is fired.
    """
    answer = boss.post(url_of(make_schedule(), "backfill"), {**RANGE, **change})

    assert words in answer.content.decode()
    assert Fire.objects.count() == 0


@pytest.mark.parametrize("right", ["view_schedule", "change_schedule"])
def test_backfill_needs_the_right_to_run(browser_of, right):
    """
    Who may look at schedules, or change them, may not fire them.
    """
    browser = browser_of("recurring_jobs.view_schedule", f"recurring_jobs.{right}")

    answer = browser.post(url_of(make_schedule(), "backfill"), RANGE)

    assert answer.status_code == 403


def test_policies_are_edited(boss):
    """
    The policies are edited on the page, and nothing else is.
    """
    schedule = make_schedule()
    policies = {
        "misfire": "skip",
        "grace": "00:05:00",
        "catchup_window": "1 00:00:00",
        "max_catchup": "3",
        "overlap": "buffer_one",
        "jitter": "00:01:00",
        "remaining_fires": "",
        "pause_after_failures": "4",
    }

    boss.post(f"{LIST}{schedule.pk}/change/", {**policies, "next_fire_at_0": "2020-01-01"})

    schedule.refresh_from_db()
    assert (schedule.misfire, schedule.overlap) == ("skip", "buffer_one")
    assert (schedule.grace, schedule.pause_after_failures) == (timedelta(minutes=5), 4)
    assert schedule.next_fire_at == NINE


def test_run_now_with_other_arguments(boss, sent):
    """
    The form holds those of the schedule; what is typed counts for this fire alone.
    """
    schedule = make_schedule()
    form = boss.post(url_of(schedule, "run_now")).context["form"]
    typed = {name: form[name].value() for name in ("overlap", "args")}

    boss.post(url_of(schedule, "run_now"), {"confirmed": "yes", **typed, "kwargs": '{"days": 30}'})

    assert [(each["args"], each["kwargs"]) for each in sent] == [([], {"days": 30})]
    assert Fire.objects.get().arguments is None  # kept until it is sent, and no longer
    assert PeriodicTask.objects.get().kwargs == '{"days": 7}'
    assert "with edited arguments" in log()[0][2]


def test_arguments_that_are_not_json_are_refused(boss, sent):
    """
    The form says what is wrong, and nothing is fired.
    """
    answer = boss.post(url_of(make_schedule(), "run_now"), {**CONFIRMED, "kwargs": "days=7"})

    assert "This is not JSON" in answer.content.decode()
    assert (sent, Fire.objects.count()) == ([], 0)


def test_who_may_not_see_arguments_runs_with_those_of_the_schedule(browser_of, sent):
    """
    The form does not show them, and what is posted past it does not count.
    """
    browser = browser_of("recurring_jobs.view_schedule", "recurring_jobs.run_schedule")

    browser.post(
        url_of(make_schedule(), "run_now"), {**CONFIRMED, "args": '["forged"]', "kwargs": "{}"}
    )

    assert [(each["args"], each["kwargs"]) for each in sent] == [([], {"days": 7})]

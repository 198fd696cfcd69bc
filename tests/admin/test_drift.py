from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from recurring_jobs.models import Schedule
from tests.admin.rows import make_drifted, make_schedule

pytestmark = pytest.mark.django_db

BADGE = ">changed by hand</span>"
LIST = "/admin/recurring_jobs/schedule/"


def url_of(schedule: Schedule, action: str) -> str:
    return reverse(f"admin:recurring_jobs_schedule_{action}", args=[schedule.pk])


def page(browser, schedule: Schedule) -> str:
    return browser.get(url_of(schedule, "change")).content.decode()


def test_page_shows_each_field_that_was_changed_by_hand(boss):
    """
    The value there is, the code's word, and both buttons; in words, also for a trigger.
    """
    eleven = CrontabSchedule.objects.create(minute="0", hour="11", timezone="Europe/Paris")

    shown = page(boss, make_drifted(queue="mine", crontab=eleven))

    assert "Changed by hand" in shown
    assert "every day at 11:00 (Europe/Paris)" in shown
    assert "every day at 09:00 (Europe/Paris)" in shown
    assert "<td>mine</td>\n<td>nothing</td>" in shown
    assert "Take the code&#x27;s" in shown
    assert "Keep mine" in shown
    assert BADGE in boss.get(LIST).content.decode()


@pytest.mark.parametrize("is_declared", [True, False], ids=["as declared", "made by a person"])
def test_nothing_is_offered_where_nothing_differs(boss, is_declared):
    """
    A schedule that says what the code says, or that no code declares, has no such section.
    """
    schedule = make_drifted(queue=None) if is_declared else make_schedule()

    shown = page(boss, schedule)

    assert "Changed by hand" not in shown
    assert "Keep mine" not in shown


def test_take_the_codes_for_one_field(boss):
    """
    Only the chosen field goes back; beat computes its next fire anew, and it is on record.
    """
    schedule = make_drifted(enabled=False, queue="mine")

    boss.post(url_of(schedule, "take_code"), {"confirmed": "yes", "fields_chosen": ["enabled"]})

    task = PeriodicTask.objects.get()
    schedule.refresh_from_db()
    assert (task.enabled, task.queue) == (True, "mine")
    assert schedule.next_fire_at is None
    assert (
        LogEntry.objects.get().change_message
        == "Schedule nightly report now says what the code says in: enabled."
    )


def test_take_the_codes_trigger(boss):
    """
    The code's hour comes back, from the rows that are there.
    """
    eleven = CrontabSchedule.objects.create(minute="0", hour="11", timezone="Europe/Paris")
    schedule = make_drifted(crontab=eleven)

    boss.post(url_of(schedule, "take_code"), {"confirmed": "yes", "fields_chosen": ["trigger"]})

    assert PeriodicTask.objects.get().crontab.hour == "9"
    assert CrontabSchedule.objects.count() == 2


def test_keep_mine_ends_the_report_and_can_be_taken_back(boss):
    """
    A kept field is shown as decided and is drift no more; the code's word can still be taken.
    """
    schedule = make_drifted(queue="mine")

    boss.post(url_of(schedule, "keep_mine"), {"confirmed": "yes", "fields_chosen": ["queue"]})
    shown = page(boss, schedule)

    assert PeriodicTask.objects.get().queue == "mine"
    assert "kept until the code changes" in shown
    assert "Keep mine" not in shown
    assert BADGE not in boss.get(LIST).content.decode()

    boss.post(url_of(schedule, "take_code"), {"confirmed": "yes", "fields_chosen": ["queue"]})

    assert PeriodicTask.objects.get().queue is None
    assert Schedule.objects.get().kept == {}


def test_several_at_once_take_all_their_fields(boss):
    """
    From the list each chosen schedule goes back as a whole; one without drift is told.
    """
    rows = [make_drifted("one", queue="a", priority=3), make_schedule("two")]

    answer = boss.post(
        LIST,
        {
            "action": "take_code_selected",
            "_selected_action": [row.pk for row in rows],
            "confirmed": "yes",
        },
        follow=True,
    )

    one = PeriodicTask.objects.get(name="one")
    assert (one.queue, one.priority) == (None, None)
    assert [str(message) for message in answer.context["messages"]] == [
        "1 schedule now says what the code says.",
        "Schedule 'two' does not differ from the code.",
    ]


def test_question_names_the_fields_and_needs_one(boss):
    """
    The question lists what differs, all ticked, and does nothing when none is.
    """
    schedule = make_drifted(queue="<b>mine</b>")

    asked = boss.post(url_of(schedule, "take_code")).content.decode()
    unanswered = boss.post(url_of(schedule, "take_code"), {"confirmed": "yes"}).content.decode()

    assert "queue: &lt;b&gt;mine&lt;/b&gt;; the code says nothing" in asked
    assert "checked" in asked
    assert "This field is required." in unanswered
    assert PeriodicTask.objects.get().queue == "<b>mine</b>"

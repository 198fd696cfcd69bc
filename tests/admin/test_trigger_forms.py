"""When a periodic task fires is typed, shown in words, and stored as rows that are shared."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from recurring_jobs.models import Schedule
from recurring_jobs.periodic import beat_tables
from tests.admin.rows import make_rule_schedule, make_schedule

pytestmark = pytest.mark.django_db

ADD = "/admin/django_celery_beat/periodictask/add/"
PREVIEW = "/admin/django_celery_beat/periodictask/trigger-preview/"
BASE = {"name": "typed", "task": "host.report", "enabled": "on"}
BASE |= {"args": "[]", "kwargs": "{}", "headers": "{}"}
TYPED = {
    "cron": ({"kind": "cron", "cron": "30 7 * * mon-fri", "zone": "Europe/Paris"}, "crontab"),
    "every": ({"kind": "every", "every": "15", "period": "minutes"}, "interval"),
    "rule": (
        {
            "kind": "rule",
            "rule": "FREQ=MONTHLY;BYDAY=-1FR",
            "zone": "Europe/Paris",
            "rule_start": "2026-01-30T17:00",
        },
        "interval",
    ),
    "at": ({"kind": "at", "at": "2030-05-01T12:00:00"}, "clocked"),
}
WORDS = {
    "cron": "every week on Monday to Friday at 07:30 (Europe/Paris)",
    "every": "every 15 minutes",
    "rule": "every month on the last Friday (Europe/Paris)",
    "at": "2030-05-01",
}


def change_url(task: PeriodicTask) -> str:
    return reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])


def filled(browser, url: str) -> dict[str, Any]:
    """Return what the form at *url* holds, as a browser would send it."""
    form = browser.get(url).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False, "")}


@pytest.mark.parametrize("kind", TYPED)
def test_task_is_added_with_what_was_typed(boss, kind):
    """
    Each kind becomes the row that django-celery-beat has for it, and reads as it was typed.
    """
    data, column = TYPED[kind]

    answer = boss.post(ADD, {**BASE, **data})

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    task = PeriodicTask.objects.get()
    chosen = [name for name in ("interval", "crontab", "solar", "clocked") if getattr(task, name)]
    assert chosen == [column]
    assert task.one_off == (kind == "at")
    assert WORDS[kind] in beat_tables.trigger_of(task).describe()


def test_solar_event_is_chosen_by_its_id(boss):
    """
    Events of the sun are rows of their own, named by a raw id.
    """
    event = SolarSchedule.objects.create(event="sunset", latitude=48, longitude=2)

    boss.post(ADD, {**BASE, "kind": "solar", "solar": event.pk})

    assert PeriodicTask.objects.get().solar == event


def test_equal_lines_share_a_row(boss):
    """
    Two tasks of one crontab point to one row, as declared ones do.
    """
    data, _column = TYPED["cron"]

    boss.post(ADD, {**BASE, **data})
    boss.post(ADD, {**BASE, **data, "name": "another"})

    assert PeriodicTask.objects.count() == 2
    assert CrontabSchedule.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ({"kind": "cron", "cron": "61 * * * *"}, "cron", "61"),
        ({"kind": "cron", "cron": ""}, "cron", "five"),
        ({"kind": "cron", "cron": "0 9 * * *", "zone": "Mars/Olympus"}, "cron", "Mars/Olympus"),
        ({"kind": "every", "every": "0", "period": "days"}, "every", "greater than"),
        ({"kind": "every", "every": "9" * 20, "period": "days"}, "every", "too long"),
        ({"kind": "every", "every": "9" * 30, "period": "microseconds"}, "every", "too long"),
        ({"kind": "rule", "rule": "FREQ=NEVER", "rule_start": "2026-01-01T09:00"}, "rule", "NEVER"),
        ({"kind": "at"}, "at", "Say when."),
        ({"kind": "solar"}, "solar", "Choose an event of the sun."),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(boss, data, field, words):
    """
    Nothing is stored, no row of a trigger either.
    """
    answer = boss.post(ADD, {**BASE, **data})

    assert words in " ".join(answer.context["adminform"].form.errors[field])
    assert not PeriodicTask.objects.exists()
    rows = (CrontabSchedule, IntervalSchedule, ClockedSchedule)
    assert [model.objects.count() for model in rows] == [0, 0, 0]


def test_form_is_filled_with_what_is_stored_and_saving_it_changes_nothing(boss):
    """
    Saved as it was opened, a task keeps its row, and a rule stays what it was.
    """
    cron = make_schedule()
    rule = make_rule_schedule("by rule", "FREQ=MONTHLY;BYDAY=-1FR")
    before = [beat_tables.trigger_of(each.periodic_task) for each in (cron, rule)]

    codes = [
        boss.post(url, filled(boss, url)).status_code
        for url in (change_url(cron.periodic_task), change_url(rule.periodic_task))
    ]

    rows = Schedule.objects.order_by("pk").select_related("periodic_task")
    assert codes == [302, 302]
    assert [beat_tables.trigger_of(row.periodic_task) for row in rows] == before
    assert CrontabSchedule.objects.count() == 1


def test_rule_gives_way_to_a_crontab(boss):
    """
    Another kind takes the rule away, so that there is one answer to when it fires.
    """
    task = make_rule_schedule("by rule", "FREQ=MONTHLY;BYDAY=-1FR").periodic_task
    url = change_url(task)

    boss.post(url, {**filled(boss, url), "kind": "cron", "cron": "0 9 * * *", "zone": "UTC"})

    schedule = Schedule.objects.get()
    assert schedule.rule == ""
    trigger = beat_tables.trigger_of(schedule.periodic_task)
    assert trigger.describe() == "every day at 09:00 (UTC)"


def test_zone_that_does_not_exist_is_mended(boss):
    """
    The form opens with the line as it is stored; another zone saves it.
    """
    task = make_schedule().periodic_task
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_celery_beat_crontabschedule SET timezone = 'Mars/Olympus'")
    url = change_url(task)
    data = filled(boss, url)

    answer = boss.post(url, {**data, "zone": "Europe/Paris"})

    assert (data["cron"], data["zone"]) == ("0 9 * * *", "Mars/Olympus")
    assert answer.status_code == 302
    stored = PeriodicTask.objects.defer("crontab").get()
    assert str(CrontabSchedule.objects.get(pk=stored.crontab_id).timezone) == "Europe/Paris"


@pytest.mark.parametrize("kind", TYPED)
def test_what_is_typed_is_shown_in_words_with_its_times(boss, kind):
    """
    As a piece of a page for the script, and as a whole page for who has none; nothing is stored.
    """
    data, _column = TYPED[kind]

    piece = boss.get(PREVIEW, data).content.decode()
    whole = boss.post(PREVIEW, {**BASE, **data}).content.decode()

    words = WORDS[kind][0].upper() + WORDS[kind][1:]
    assert words in piece
    assert "<html" not in piece
    assert words in whole
    assert "<html" in whole
    assert piece.count("<time") == (1 if kind == "at" else 10)
    assert not PeriodicTask.objects.exists()


def test_preview_says_what_is_wrong(boss):
    """
    A line that cannot be is a sentence, as text.
    """
    html = boss.get(PREVIEW, {"kind": "cron", "cron": "<b>61 * * * *"}).content.decode()

    assert "errorlist" in html
    assert "<b>" not in html


def test_preview_is_for_those_who_may_look(browser_of):
    """
    Others are refused.
    """
    assert browser_of().get(PREVIEW, {"kind": "cron", "cron": "0 9 * * *"}).status_code == 403


def test_viewer_sees_the_words_and_no_form(browser_of):
    """
    Who only looks sees when it fires, and nothing to type.
    """
    task = make_schedule().periodic_task

    page = browser_of("django_celery_beat.view_periodictask").get(change_url(task))

    html = page.content.decode()
    assert "Every day at 09:00 (Europe/Paris)" in html
    assert 'name="cron"' not in html

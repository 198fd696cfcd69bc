from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from recurring_jobs.models import Fire
from tests.admin.rows import make_rule_schedule, make_schedule

pytestmark = pytest.mark.django_db

LIST = "/admin/django_celery_beat/periodictask/"
VIEW = "django_celery_beat.view_periodictask"
CHANGE = "django_celery_beat.change_periodictask"
PAUSE = "recurring_jobs.pause_schedule"
RUN = "recurring_jobs.run_schedule"
# Each action, what it needs, and whether the (enabled) task is enabled and fired afterwards.
ACTIONS = {
    "enable_tasks": (PAUSE, True, 0),
    "disable_tasks": (PAUSE, False, 0),
    "toggle_tasks": (PAUSE, False, 0),
    "run_tasks": (RUN, True, 1),
}


def choose(browser, action: str, *tasks: PeriodicTask):
    chosen = {"action": action, "_selected_action": [task.pk for task in tasks], "index": 0}
    chosen["confirmed"] = "yes"  # to the question, where there is one
    return browser.post(LIST, chosen, follow=True)


@pytest.mark.parametrize("action", ACTIONS)
def test_viewer_can_do_nothing(browser_of, action):
    """
    Who may only look at periodic tasks neither runs nor disables one, as upstream lets them.
    """
    task = make_schedule().periodic_task
    browser = browser_of(VIEW)

    answer = choose(browser, action, task)

    assert answer.status_code == 200
    assert PeriodicTask.objects.get().enabled
    assert (Fire.objects.count(), LogEntry.objects.count()) == (0, 0)
    assert browser.get(LIST).context["action_form"] is None


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("permission", [CHANGE, PAUSE, RUN])
def test_each_action_needs_its_own_permission(browser_of, action, permission):
    """
    Changing does not include pausing, nor pausing running; what was done is on record.
    """
    task = make_schedule().periodic_task
    needed, is_enabled, fires = ACTIONS[action]

    choose(browser_of(VIEW, permission), action, task)

    is_allowed = permission == needed
    assert PeriodicTask.objects.get().enabled == (is_enabled or not is_allowed)
    assert Fire.objects.count() == (fires if is_allowed else 0)
    assert LogEntry.objects.count() == int(is_allowed)


def test_task_without_a_schedule_yet_is_run(boss):
    """
    A task made a moment ago, which no beat has seen, can be run as well.
    """
    task = make_schedule().periodic_task
    task.recurring_schedule.delete()

    answer = choose(boss, "run_tasks", PeriodicTask.objects.get())

    assert Fire.objects.get().kind == "manual"
    assert [str(message) for message in answer.context["messages"]] == ["1 task was fired."]


def test_form_has_no_inline_script_and_does_not_read_every_crontab(boss):
    """
    The page keeps to a strict policy, and its cost does not grow with crontabs in words.
    """
    task = make_schedule().periodic_task
    CrontabSchedule.objects.bulk_create(
        [CrontabSchedule(minute=str(minute)) for minute in range(30)]
    )

    with CaptureQueriesContext(connection) as queries:
        answer = boss.get(f"{LIST}{task.pk}/change/")

    html = answer.content.decode()
    assert "readable_crontabs" not in answer.context
    assert "<script>" not in html
    assert "readable-crontabs" not in html
    assert len(queries) < 20


def test_crontab_is_not_deleted_with_the_tasks_that_use_it(boss):
    """
    django-celery-beat would delete them along; the page names them in place of a button.
    """
    task = make_schedule().periodic_task
    url = f"/admin/django_celery_beat/crontabschedule/{task.crontab_id}"

    page = boss.get(f"{url}/change/").content.decode()
    answer = boss.post(f"{url}/delete/", {"post": "yes"})

    assert answer.status_code == 403
    assert PeriodicTask.objects.exists()
    assert f">{task.name}</a>" in page
    assert "deletelink" not in page


@pytest.mark.parametrize("kind", ["crontab", "interval", "clocked", "solar"])
def test_nothing_uses_a_trigger_that_is_new(boss, kind):
    """
    The page for a new one names no task: those that have none of its kind are not its own.
    """
    make_schedule("nightly report")
    make_rule_schedule("last Friday", "FREQ=MONTHLY;BYDAY=-1FR")

    html = boss.get(f"/admin/django_celery_beat/{kind}schedule/add/").content.decode()

    assert "nightly report" not in html
    assert "last Friday" not in html

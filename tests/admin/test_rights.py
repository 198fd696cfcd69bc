"""Arguments and tracebacks are for those who may see them, wherever they would stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from recurring_jobs.models import DeadLetter, Run, TaskLock
from tests.admin.rows import make_drifted, make_letter, make_lock, make_run

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

VIEW = (
    *(f"recurring_jobs.view_{model}" for model in ("schedule", "fire", "run", "deadletter")),
    "recurring_jobs.view_tasklock",
    "django_celery_beat.view_periodictask",
)
ACT = (
    *("recurring_jobs.requeue_deadletter", "recurring_jobs.change_schedule"),
    *("recurring_jobs.break_tasklock", "recurring_jobs.run_schedule"),
    "django_celery_beat.change_periodictask",
)
ARGUMENT, TRACEBACK = "customer-4711", "line 17, in charge"


@pytest.fixture
def rows() -> dict[str, object]:
    """One row of each kind, with the argument in all that is made of arguments."""
    schedule = make_drifted(kwargs=json.dumps({"who": ARGUMENT}))
    PeriodicTask.objects.update(args=json.dumps([ARGUMENT]), headers=json.dumps({"h": ARGUMENT}))
    return {
        "recurring_jobs_schedule": schedule,
        "recurring_jobs_run": make_run("failed", args=[ARGUMENT], kwargs={"who": ARGUMENT}),
        "recurring_jobs_deadletter": make_letter(args=[ARGUMENT], tracebacks=[TRACEBACK]),
        "recurring_jobs_tasklock": make_lock(key=json.dumps({"who": ARGUMENT})),
        "django_celery_beat_periodictask": schedule.periodic_task,
    }


def pages(browser: Client, rows: dict[str, object]) -> dict[str, str]:
    """Return the list, the page, the history, and what each action asks, of each of *rows*."""
    found = {}
    for name, row in rows.items():
        for page in ("changelist", "change", "history"):
            url = reverse(f"admin:{name}_{page}", args=[] if page == "changelist" else [row.pk])
            found[url] = browser.get(url)
        for tool in (found[url_of(name, row)].context or {}).get("recurring_jobs_tools", ()):
            found[tool["url"]] = browser.post(tool["url"])
    assert {answer.status_code for answer in found.values()} <= {200, 302}
    return {url: answer.content.decode() for url, answer in found.items()}


def url_of(name: str, row: object) -> str:
    return reverse(f"admin:{name}_change", args=[row.pk])


@pytest.mark.parametrize("more", [(), ACT], ids=["viewer", "operator"])
def test_without_the_permission_nothing_tells_an_argument_or_a_traceback(browser_of, rows, more):
    """
    No page, list, history or question shows any, whatever else the person may do.
    """
    told = pages(browser_of(*VIEW, *more), rows)

    assert [url for url, html in told.items() if ARGUMENT in html] == []
    assert [url for url, html in told.items() if TRACEBACK in html] == []
    for name in ("recurring_jobs_run", "recurring_jobs_deadletter", "recurring_jobs_schedule"):
        assert "recurring_jobs.view_arguments" in told[url_of(name, rows[name])]


@pytest.mark.parametrize(
    ("permission", "canary"),
    [
        ("recurring_jobs.view_arguments", ARGUMENT),
        ("recurring_jobs.view_tracebacks", TRACEBACK),
    ],
)
def test_each_permission_shows_its_own(browser_of, rows, permission, canary):
    """
    Who may see arguments sees no traceback for it, and the other way round.
    """
    told = "".join(pages(browser_of(*VIEW, *ACT, permission), rows).values())

    assert [each for each in (ARGUMENT, TRACEBACK) if each in told] == [canary]


@pytest.mark.parametrize("lookup", ["__contains", "__icontains", "__startswith", "", "__regex"])
@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("recurring_jobs_run", "args"),
        ("recurring_jobs_run", "exception"),
        ("recurring_jobs_deadletter", "kwargs"),
        ("recurring_jobs_deadletter", "tracebacks"),
        ("recurring_jobs_tasklock", "key"),
        ("recurring_jobs_schedule", "periodic_task__kwargs"),
        ("recurring_jobs_fire", "schedule__periodic_task__args"),
        ("django_celery_beat_periodictask", "kwargs"),
    ],
)
def test_no_address_asks_what_is_not_shown(browser_of, rows, name, column, lookup):
    """
    A filter by such a column would tell its text letter by letter; it leads back to the list.
    """
    url = reverse(f"admin:{name}_changelist")

    answer = browser_of(*VIEW).get(url, {f"{column}{lookup}": "customer"})

    assert (answer.status_code, answer.headers.get("Location")) == (302, f"{url}?e=1")


def test_letter_is_sent_as_it_was_by_who_may_not_see_it(browser_of, sent):
    """
    Who may send it again but not see its arguments sends what was sent, whatever is posted.
    """
    letter = make_letter(args=[ARGUMENT], kwargs={})
    browser = browser_of("recurring_jobs.view_deadletter", "recurring_jobs.requeue_deadletter")

    browser.post(
        reverse("admin:recurring_jobs_deadletter_requeue", args=[letter.pk]),
        {"confirmed": "yes", "args": '["forged"]', "kwargs": "{}"},
    )

    assert Run.objects.get().args == [ARGUMENT]
    assert DeadLetter.objects.get().state == "requeued"


def test_form_keeps_what_is_not_shown(browser_of):
    """
    Who edits a periodic task without seeing its arguments leaves them as they are.
    """
    task = make_drifted(kwargs=json.dumps({"who": ARGUMENT})).periodic_task
    browser = browser_of(
        "django_celery_beat.view_periodictask", "django_celery_beat.change_periodictask"
    )
    url = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    shown = browser.get(url).context["adminform"].form
    data = {
        name: value for name in shown.fields if (value := shown[name].value()) not in (None, False)
    }

    answer = browser.post(url, {**data, "description": "Mended.", "kwargs": "{}"})

    task.refresh_from_db()
    assert answer.status_code == 302
    assert (task.description, json.loads(task.kwargs)) == ("Mended.", {"who": ARGUMENT})


def test_name_of_a_lock_tells_no_argument():
    """
    A lock is named by its task and a piece of its id, not by its key: names are kept in logs.
    """
    lock = TaskLock.objects.get(pk=make_lock(key=json.dumps({"who": ARGUMENT})).pk)

    assert str(lock) == f"host.report[{lock.pk[:8]}]"

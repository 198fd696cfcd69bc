"""Markup in every text that a page shows comes out as text, on every page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from django_celery_results.models import GroupResult, TaskResult

from recurring_jobs.models import Beat, DeadLetter, Fire, Run, Schedule, TaskLock
from tests.admin.rows import PAYLOAD, make_drifted, make_fire, make_letter, make_lock, make_run

pytestmark = pytest.mark.django_db

APPS = ("recurring_jobs", "django_celery_beat", "django_celery_results")
TEXTS = ("CharField", "TextField")
#: Texts that mean something: with markup in them there is no such row, or another page is meant.
MEANT = {
    *("id", "task_id", "root_id", "state", "kind", "misfire", "overlap", "status", "period"),
    *("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "event", "holder"),
    *("content_type", "content_encoding", "args", "kwargs", "headers", "result", "group_id"),
    *("rule", "rule_start", "rule_timezone", "owner", "task_args", "task_kwargs", "meta"),
    *("trigger_key", "requeued_as", "retried_from", "scheduler"),
}


def fill(model: type[Any]) -> set[str]:
    """Put the markup in each text of all rows of *model* that is free, and return their names."""
    texts = {
        field.name: PAYLOAD[: field.max_length or 1000]
        for field in model._meta.concrete_fields
        if field.get_internal_type() in TEXTS and field.name not in MEANT
    }
    model._base_manager.update(**texts)
    return texts.keys()


@pytest.fixture
def rows() -> list[Any]:
    """A row of each kind, with markup in each text and within each JSON."""
    schedule = make_drifted()
    fire = make_fire(schedule, state="missed")
    given = {"args": [PAYLOAD], "kwargs": {PAYLOAD: PAYLOAD}}
    run = make_run("failed", id="run-1", root_id="run-1", **given)
    letter = make_letter(task_id="run-1", tracebacks=[PAYLOAD], not_sendable_reason="x", **given)
    lock = make_lock(owner=run.pk)
    stored = {"content_type": "application/json", "content_encoding": "utf-8"}
    stored["result"] = json.dumps({"exc_type": PAYLOAD, PAYLOAD: [PAYLOAD]})
    result = TaskResult.objects.create(
        task_id="run-2", task_args=json.dumps(PAYLOAD), status="FAILURE", **stored
    )
    group = GroupResult.objects.create(group_id="g", **stored)
    now = timezone.now()
    Beat.objects.create(name="x", started_at=now, ticked_at=now)
    for model in (Fire, Run, DeadLetter, TaskLock, Schedule, PeriodicTask, TaskResult, Beat):
        fill(model)
    Schedule.objects.update(paused_at=now, applied={"task": PAYLOAD, "args": [PAYLOAD]})
    PeriodicTask.objects.update(args=json.dumps([PAYLOAD]), kwargs=json.dumps({PAYLOAD: 1}))
    with connection.cursor() as cursor:  # past the checks of the column
        zone = PAYLOAD[:60]
        cursor.execute("UPDATE django_celery_beat_crontabschedule SET timezone = %s", [zone])
    return [schedule, fire, run, letter, lock, result, group, schedule.periodic_task]


def test_no_page_takes_it_for_markup(boss, rows):
    """
    Lists, pages, histories and questions show it; no browser would run any of it.
    """
    lists = [model for model in admin.site._registry if model._meta.app_label in APPS]
    addresses = ["/admin/recurring_jobs/", *(_url(model, "changelist") for model in lists)]
    questions = []
    for row in [*rows, CrontabSchedule.objects.defer("timezone").get()]:
        of_row = [_url(type(row), name, row.pk) for name in ("change", "history", "delete")]
        page = admin.site.get_model_admin(type(row))
        actions = getattr(page, "object_actions", ())
        questions += [_url(type(row), action.name, row.pk) for action in actions]
        addresses += of_row
    pages = {url: boss.get(url) for url in addresses}
    pages |= {url: boss.post(url, follow=True) for url in questions}

    codes = {url: each.status_code for url, each in pages.items()}
    in_use = _url(CrontabSchedule, "delete", rows[0].periodic_task.crontab_id)
    assert codes == {**dict.fromkeys(pages, 200), in_use: 403}
    shown = [url for url, each in pages.items() if "onerror=alert(1)" in each.content.decode()]
    run_by_a_browser = [
        url
        for url, each in pages.items()
        for sign in ("<img src=x", "<script>alert", "</script><script>")
        if sign in each.content.decode()
    ]
    assert run_by_a_browser == []
    assert len(shown) > len(pages) / 2, "the markup has to be there to be told from text"


def _url(model: type[Any], name: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)

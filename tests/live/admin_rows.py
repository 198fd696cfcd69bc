"""Rows of every kind for a browser to look at, hostile ones among them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_results.models import TaskResult

from recurring_jobs.models import Beat, Schedule, regenerate, skip
from tests.admin.rows import (
    PAYLOAD,
    make_drifted,
    make_fire,
    make_letter,
    make_lock,
    make_rule_schedule,
    make_run,
    make_schedule,
    make_worker,
)
from tests.host.models import Todo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page


@pytest.fixture
def rows() -> dict[str, str]:
    """Rows of every kind, and the address of each page that shows them."""
    return make_rows()


@pytest.fixture
def questions() -> dict[str, str]:
    """The address of each question that is asked before something is done."""
    return make_questions()


@pytest.fixture
def few_questions(questions: dict[str, str]) -> dict[str, str]:
    """Those with most on them, where each page takes long to look at."""
    return {name: questions[name] for name in ("cancel", "send-again", "backfill", "split")}


def every_page(
    open_page: Callable[..., Page], rows: dict[str, str], questions: dict[str, str], **options: Any
) -> Iterator[tuple[str, Page]]:
    """Open each page of *rows*, and press the button to each of *questions*; close it after."""
    for name, path in rows.items():
        page = open_page(path, **options)
        yield name, page
        page.close()
    for name, path in questions.items():
        page = open_page(f"{path.rsplit('/', 2)[0]}/change/", **options)
        page.locator(f'form[action="{path}"] button').click()
        page.locator(".recurring-jobs-confirm").wait_for()
        yield name, page
        page.close()


def make_rows() -> dict[str, str]:
    """Store rows of every kind, and return the address of each page that shows them."""
    nightly = make_schedule("nightly report", declared_in="shop.tasks")
    make_rule_schedule(
        "last Friday invoices",
        "FREQ=MONTHLY;BYDAY=-1FR",
        next_fire_at=timezone.now() + timedelta(days=3),
    )
    make_schedule("paused import", enabled=False)
    make_schedule("withdrawn cleanup", enabled=False, withdrawn_at=timezone.now())
    make_schedule(PAYLOAD, set_aside_reason=PAYLOAD)
    states = ["succeeded", "failed", "running", "retrying", "succeeded", "succeeded"]
    for age, state in enumerate(states):
        fire = make_fire(nightly, days_ago=age)
        make_run(
            state,
            fire=fire,
            worker="celery@web-1",
            attempt=1,
            progress_done=40 if state == "running" else None,
            progress_total=100 if state == "running" else None,
            progress_note="customers" if state == "running" else "",
            exception="ConnectionError: the other side hung up" if state == "failed" else "",
        )
    make_fire(nightly, days_ago=9, state="missed", published_at=None, reason="No beat was running.")
    run = make_run("failed", task=PAYLOAD, exception=PAYLOAD, args=[PAYLOAD])
    letter = make_letter()
    make_letter(task="shop.tasks.charge", kwargs={"token": "[redacted]", "user": 7})
    make_letter(task=PAYLOAD, exception=PAYLOAD, exception_type=PAYLOAD, tracebacks=[PAYLOAD])
    todo = Todo.objects.create(
        title="Water the plants",
        due_at=timezone.now() - timedelta(days=30),
        recurrence_rule="FREQ=WEEKLY;BYDAY=MO,TH",
        recurrence_timezone="Europe/Paris",
    )
    for week in range(3):
        Todo.objects.create(
            title="Water the plants",
            due_at=timezone.now() + timedelta(weeks=week),
            recurrence_parent=todo,
            recurrence_id=f"2026030{week + 1}T090000",
        )
    for number, hour in enumerate((1, 2, 2, 5, 9, 14)):
        make_run(
            "failed" if number % 3 == 0 else "succeeded",
            task=("shop.tasks.charge", "shop.tasks.mail")[number % 2],
            worker="celery@web-1",
            heartbeat_at=timezone.now(),
            created_at=timezone.now() - timedelta(hours=hour),
        )
    interval = IntervalSchedule.objects.create(every=7, period="minutes")
    beating = PeriodicTask.objects.create(name="poll", task="host.poll", interval=interval)
    soon = timezone.now() + timedelta(minutes=3)
    Schedule.objects.create(periodic_task=beating, next_fire_at=soon)
    Beat.objects.create(name="web-1:4711", started_at=timezone.now(), ticked_at=timezone.now())
    make_worker()
    make_worker(PAYLOAD, age=600, queues=["celery", PAYLOAD])
    lock = make_lock(key=PAYLOAD)
    make_result("succeeded", "SUCCESS", {"rows": 12})
    result = make_result(run.pk, "FAILURE", PAYLOAD, task_name=PAYLOAD, traceback=PAYLOAD)
    base = "/admin/recurring_jobs"
    beat = "/admin/django_celery_beat/periodictask"
    return {
        "index": "/admin/recurring_jobs/",
        "schedules": f"{base}/schedule/",
        "schedule": f"{base}/schedule/{nightly.pk}/change/",
        "fires": f"{base}/fire/",
        "fire": f"{base}/fire/{fire.pk}/change/",
        "runs": f"{base}/run/",
        "run": f"{base}/run/{run.pk}/change/",
        "dead-letters": f"{base}/deadletter/",
        "dead-letter": f"{base}/deadletter/{letter.pk}/change/",
        "todos": "/admin/host/todo/",
        "todo": f"/admin/host/todo/{todo.pk}/change/",
        "new-todo": "/admin/host/todo/add/",
        "new-event": "/events/new/",
        "locks": f"{base}/tasklock/",
        "lock": f"{base}/tasklock/{lock.pk}/change/",
        "results": "/admin/django_celery_results/taskresult/",
        "result": f"/admin/django_celery_results/taskresult/{result.pk}/change/",
        "results-group": "/admin/django_celery_results/groupresult/",
        "crontabs": "/admin/django_celery_beat/crontabschedule/",
        "crontab": "/admin/django_celery_beat/crontabschedule/"
        f"{nightly.periodic_task.crontab_id}/change/",
        "occurrence": f"/admin/host/todo/{todo.occurrences.first().pk}/change/",
        "courses": "/admin/host/course/",
        "periodic-tasks": f"{beat}/",
        "periodic-task": f"{beat}/{nightly.periodic_task_id}/change/",
        "new-periodic-task": f"{beat}/add/",
    }


def make_questions() -> dict[str, str]:
    """Store rows that something can be done to, and return where it is asked about."""
    running = make_run("running", task=PAYLOAD, worker="celery@web-1", heartbeat_at=timezone.now())
    failed = make_run("failed", task=PAYLOAD, args=[PAYLOAD], kwargs={"token": "[redacted]"})
    result = make_result(make_run("succeeded", args=[7]).pk, "SUCCESS", None)
    schedule = make_drifted("hourly import", queue="imports")
    series = Todo.objects.create(
        title="Water the garden",
        due_at=timezone.now(),
        recurrence_rule="FREQ=DAILY",
        recurrence_timezone="Europe/Paris",
    )
    regenerate(series)
    first, *_, last = series.occurrences.order_by("due_at")
    skip(first)
    asked = {
        "cancel": running,
        "send_again": failed,
        "requeue": make_letter(kwargs={"token": "[redacted]"}),
        "discard": make_letter(),
        "break": make_lock(),
        **dict.fromkeys(("run_now", "pause", "skip_next", "backfill"), schedule),
        **dict.fromkeys(("take_code", "keep_mine"), schedule),
        **dict.fromkeys(("change_rule", "end", "unskip"), series),
        **dict.fromkeys(("skip", "reschedule", "split"), last),
    }
    return {
        **{name.replace("_", "-"): question_of(row, name) for name, row in asked.items()},
        "send-result-again": question_of(result, "send_again"),
    }


def question_of(row: Any, action: str) -> str:
    """Return the address that asks about *action* for *row*."""
    opts = row._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{action}", args=[row.pk])


def make_result(task_id: str, status: str, result: object, **fields: Any) -> TaskResult:
    """Store what the result back end would have of a task."""
    values = {
        "task_name": "host.report",
        "task_args": json.dumps(repr((PAYLOAD,))),
        "task_kwargs": json.dumps("{'days': 7}"),
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "result": json.dumps(result),
        "worker": "celery@web-1",
    }
    return TaskResult.objects.create(task_id=task_id, status=status, **{**values, **fields})

"""The pages of results: how long it took, what schedule it came from, and to send it again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import GroupResult, TaskResult

from recurring_jobs.models import Run
from tests.admin.rows import make_fire, make_letter, make_run, make_schedule

pytestmark = pytest.mark.django_db

LIST = "/admin/django_celery_results/taskresult/"


def make_result(task_id: str = "result-1", **fields: Any) -> TaskResult:
    values = {
        "task_name": "host.report",
        "status": "SUCCESS",
        "task_args": json.dumps("(1, 'two')"),
        "task_kwargs": json.dumps("{'days': 7}"),
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "result": json.dumps({"rows": 12}),
        "worker": "w1@host",
    }
    return TaskResult.objects.create(task_id=task_id, **{**values, **fields})


def page_of(browser, result: TaskResult) -> str:
    url = reverse("admin:django_celery_results_taskresult_change", args=[result.pk])
    return browser.get(url).content.decode()


def test_list_says_how_long_it_took_and_which_schedule_sent_it(boss):
    """
    The time is that of the back end, or of the run where only that is known.
    """
    schedule = make_schedule()
    first = make_result(periodic_task_name="nightly report")
    started_at = timezone.now() - timedelta(minutes=5)
    TaskResult.objects.filter(pk=first.pk).update(
        date_started=started_at, date_done=started_at + timedelta(seconds=90)
    )
    make_result("result-2")
    make_run("succeeded", id="result-2")

    page = boss.get(LIST).content.decode()

    assert "1\xa0min 30\xa0s" in page
    assert "3.0\xa0s" in page
    schedule_url = reverse("admin:recurring_jobs_schedule_change", args=[schedule.pk])
    assert f'<a href="{schedule_url}">nightly report</a>' in page


def test_what_a_result_does_not_know_its_run_does(boss):
    """
    Without CELERY_RESULT_EXTENDED a result has no name of its task, its schedule or worker.
    """
    schedule = make_schedule()
    fire = make_fire(schedule)
    run = make_run("succeeded", fire=fire, task="host.report", worker="w7@host")
    result = make_result(fire.task_id, task_name=None, worker=None)

    for page in (boss.get(LIST).content.decode(), page_of(boss, result)):
        assert "unknown task" not in page
        assert "host.report" in page
        assert "w7@host" in page
        schedule_url = reverse("admin:recurring_jobs_schedule_change", args=[schedule.pk])
        assert f'<a href="{schedule_url}">nightly report</a>' in page
    run_url = reverse("admin:recurring_jobs_run_change", args=[run.pk])
    assert f"host.report[{run.pk[:8]}]</a>" in boss.get(run_url).content.decode()


def test_queries_do_not_grow_with_rows(boss):
    """
    Runs and schedules of a whole page are read in one query each.
    """
    counts = []
    for number in range(6):
        make_result(f"more-{number}", periodic_task_name="nightly report")
        if number in {0, 5}:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                boss.get(LIST)
            counts.append(len(queries))

    assert counts[0] == counts[1]


def test_result_is_sent_again_where_its_run_is_kept(boss, sent, django_capture_on_commit_callbacks):
    """
    With the arguments of the run, which are the ones that were sent.
    """
    result = make_result()
    make_run("succeeded", id="result-1", args=[1, "two"], kwargs={"days": 7})
    url = reverse("admin:django_celery_results_taskresult_send_again", args=[result.pk])
    form = boss.post(url).context["form"]
    typed = {name: form[name].value() for name in ("args", "kwargs")}

    page = page_of(boss, result)
    assert "Yes, as it was." in page
    assert f'<form method="post" action="{url}">' in page
    with django_capture_on_commit_callbacks(execute=True):
        boss.post(url, {"confirmed": "yes", **typed})

    assert [(each["args"], each["kwargs"]) for each in sent] == [([1, "two"], {"days": 7})]
    assert Run.objects.filter(retried_from="result-1").count() == 1


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (None, "No run is kept of it, so its arguments are not known as they were sent."),
        ({"state": "running"}, "is running. Cancel it, or wait until it has ended."),
        ({"kwargs": {"token": "[redacted]"}}, "its arguments were not kept as they were sent."),
    ],
    ids=["no-run", "goes-on", "secret"],
)
def test_page_says_why_it_cannot_be_sent_as_it_was(boss, run, sentence):
    """
    Where we do not hold the arguments, there is a sentence in place of a button.
    """
    result = make_result()
    if run is not None:
        make_run(**{"state": "succeeded", "id": "result-1", **run})

    assert sentence in page_of(boss, result)


def test_open_dead_letter_is_what_to_send(boss):
    """
    The page leads there, and offers nothing of its own.
    """
    result = make_result(status="FAILURE")
    make_run("failed", id="result-1")
    letter = make_letter(task_id="result-1")

    page = page_of(boss, result)

    assert "which is what to send" in page
    assert reverse("admin:recurring_jobs_deadletter_change", args=[letter.pk]) in page
    assert "recurring-jobs-tool-send_again" not in page


def test_nothing_secret_is_shown(boss):
    """
    The back end keeps what the task was given as it was; the page does not show it.
    """
    secret = "hunter2-the-second"
    result = make_result(
        status="FAILURE",
        task_kwargs=json.dumps(str({"password": secret, "days": 7})),
        result=json.dumps({"exc_type": "ValueError", "api_key": secret}),
        traceback=f"ValueError: {secret} was refused",
    )
    odd = make_result("result-3", task_kwargs=json.dumps(f"{{'token': '{secret}', 'x': <Foo>}}"))

    pages = page_of(boss, result) + page_of(boss, odd)

    assert secret not in pages
    assert "[redacted] was refused" in pages
    assert "so they are not shown" in pages


def test_pickled_result_is_not_read(boss):
    """
    What is not JSON is named, and never opened.
    """
    result = make_result(content_type="application/x-python-serialize", result="gASVBQ==")

    assert "It is kept as application/x-python-serialize" in page_of(boss, result)


def test_viewer_sees_neither_arguments_nor_results_nor_tracebacks(browser_of):
    """
    Each needs a permission of its own; the kind of the exception is told.
    """
    result = make_result(
        status="FAILURE",
        task_args=json.dumps("('customer-4711',)"),
        result=json.dumps({"exc_type": "ValueError", "exc_message": "customer-4711"}),
        traceback="line 17, in charge",
    )
    group = GroupResult.objects.create(
        group_id="g-1",
        result=json.dumps(["customer-4711"]),
        content_type="application/json",
        content_encoding="utf-8",
    )
    viewer = browser_of(
        "django_celery_results.view_taskresult", "django_celery_results.view_groupresult"
    )
    group_url = reverse("admin:django_celery_results_groupresult_change", args=[group.pk])

    page = page_of(viewer, result)
    pages = page + viewer.get(LIST).content.decode() + viewer.get(group_url).content.decode()

    assert "ValueError" in page
    assert "customer-4711" not in pages
    assert "in charge" not in pages
    assert pages.count("recurring_jobs.view_arguments") == 3


@pytest.mark.parametrize(
    "query",
    ["q=result-1", "q=host.rep", "status=SUCCESS", "task=host.report", "schedule=nightly"],
)
def test_list_is_searched_and_filtered(boss, query):
    """
    By id, by the beginning of the task's name, by state, task and schedule.
    """
    make_result(periodic_task_name="nightly")
    make_result("other", task_name="shop.charge", status="FAILURE")

    page = boss.get(f"{LIST}?{query}")

    assert [row.task_id for row in page.context["cl"].result_list] == ["result-1"]


def test_page_is_called_by_its_task(boss):
    """
    And by the beginning of the id; what the model calls itself is in no heading, nor crumb.
    """
    html = page_of(boss, make_result())

    assert "<h2>host.report[result-1]</h2>" in html
    assert "&lt;Task:" not in html

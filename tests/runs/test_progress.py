"""What a run says of how far it is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import DatabaseError, connection

from recurring_jobs import BaseTaskWithRetry
from recurring_jobs.inspection import run_status
from recurring_jobs.models import Run
from recurring_jobs.runs.progress import Progress

pytestmark = pytest.mark.django_db


class Clock:
    """A clock to move by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def progress(clock):
    """The progress of a run that is at work."""
    Run.objects.create(id="run-1", task="made.task", state="running", attempt=1)
    task = SimpleNamespace(name="made.task", sensitive=("iban",))
    request = SimpleNamespace(id="run-1", args=(), kwargs={"iban": "DE89370400"}, retries=0)
    return Progress(task, request, clock=clock)


def written():
    run = Run.objects.get()
    return run.progress_done, run.progress_total, run.progress_note


def make(app, body, **options):
    def run(self):
        return body(self)

    options.setdefault("tracked", True)
    return app.task(bind=True, base=BaseTaskWithRetry, name="made.task", shared=False, **options)(
        run
    )


def test_the_first_report_is_written_at_once(progress):
    """
    Done, total and note are on the row after the first report.
    """
    progress.report(1, 10, "rows read")

    assert written() == (1, 10, "rows read")


def test_reports_are_written_once_a_second(progress, clock, django_assert_num_queries):
    """
    Of a thousand reports in a second one costs a statement.
    """
    progress.report(0, 2000)

    with django_assert_num_queries(0):
        for done in range(1000):
            progress.report(done, 2000)
    assert written() == (0, 2000, "")
    clock.now += 1
    progress.report(1000, 2000)

    assert written() == (1000, 2000, "")


def test_the_last_report_is_written_at_once(progress):
    """
    All of all is not kept back.
    """
    progress.report(1, 10)
    progress.report(10, 10)

    assert written() == (10, 10, "")


def test_what_was_kept_back_is_written_at_the_end(app):
    """
    When the task ends, its last word counts, whether it succeeds or fails.
    """

    def body(task):
        for done in range(7):
            task.report_progress(done, note="pages")

    make(app, body).apply(task_id="run-1")

    assert written() == (6, None, "pages")
    assert run_status("run-1").progress == {"done": 6, "total": None, "note": "pages"}


def test_a_secret_is_no_note(progress):
    """
    A note does not show what the arguments hide, and is cut to its column.
    """
    progress.report(1, note="DE89370400 \x00" + "x" * 500)

    assert written()[2].startswith("[redacted] xxx")
    assert len(written()[2]) == 255


@pytest.mark.parametrize("given", [(-1,), (1, -5)], ids=["done", "total"])
def test_less_than_nothing_is_refused(progress, given):
    """
    A negative number is a mistake of the task, and said so.
    """
    with pytest.raises(ValueError, match="give numbers of at least 0"):
        progress.report(*given)


def test_an_ended_run_is_not_written_to(progress):
    """
    What a late copy reports does not change a run that has ended.
    """
    Run.objects.update(state="succeeded")

    progress.report(1, 10)

    assert written() == (None, None, "")


def test_a_database_that_is_away_harms_no_task(progress, caplog):
    """
    A report that cannot be written is logged, and the task goes on.
    """

    def refuse(execute, sql, params, many, context):
        if sql.startswith("UPDATE"):
            raise DatabaseError
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        progress.report(1, 10)

    assert "recurring_jobs.run.progress_not_recorded" in caplog.messages


def test_a_run_that_is_not_kept_is_told_so_once(app, caplog):
    """
    A task that is not tracked reports into the void; the log says so, once.
    """
    task = make(app, lambda task: task.report_progress(1), tracked=False)

    task.apply()
    task.apply()

    assert caplog.messages.count("recurring_jobs.run.progress_not_kept") == 1
    assert not Run.objects.exists()


def test_a_direct_call_may_report(app):
    """
    Calling the task as a function reports to no one.
    """
    assert make(app, lambda task: task.report_progress(1, 2))() is None

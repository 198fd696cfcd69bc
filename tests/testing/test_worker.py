"""The worker and the beat in the process of a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app, shared_task
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from kombu.exceptions import EncodeError

from recurring_jobs import BaseTaskWithRetry, Cron, GiveUp, RetryLater, periodic_task
from recurring_jobs.models import Beat, DeadLetter, Fire, Run, Schedule
from recurring_jobs.periodic.registry import no_declarations
from recurring_jobs.testing import Clock, Worker, check_ledger, run_until
from tests.host.tasks import add, add_tracked, gives_up

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)

ran: list[datetime] = []


@shared_task(name="testing.note", base=BaseTaskWithRetry)
def note(*args: Any) -> None:
    """Note when it ran."""
    ran.append(timezone.now())


@shared_task(
    name="testing.flaky", bind=True, base=BaseTaskWithRetry, retry_backoff=10, retry_jitter=False
)
def flaky(self, failures: int) -> int:
    """Fail so often, then succeed."""
    if self.request.retries < failures:
        raise ConnectionError("away")
    return failures


@shared_task(name="testing.busy", bind=True, base=BaseTaskWithRetry)
def busy(self, seconds: float = 3 * 3600) -> str:
    """Be told to come back later, by default after three hours."""
    if not self.request.retries:
        raise RetryLater(seconds)
    return "done"


@shared_task(name="testing.passes_on")
def passes_on() -> None:
    """Send another task, in part when its transaction has ended."""
    note.apply_async(countdown=60)
    with transaction.atomic():
        note.delay_on_commit()


@shared_task(name="testing.endless")
def endless() -> None:
    """Send itself for ever."""
    endless.delay()


@pytest.fixture(autouse=True)
def alone():
    """No declaration and no note from another test."""
    ran.clear()
    with no_declarations():
        yield


@pytest.fixture
def worker(jobs_clock, jobs_worker):
    """A worker of the kit, at midnight."""
    jobs_clock.move_to(MIDNIGHT)
    return jobs_worker


def facts(attempts):
    return [(each.task, (each.at - MIDNIGHT) / HOUR, each.state) for each in attempts]


def test_schedules_fire_and_their_tasks_run_at_their_times(worker):
    """
    A day goes by: the ledger has each fire, published in time, with the run of its task.
    """
    periodic_task(Cron("0 9,17 * * *"), name="office")(add_tracked.name)
    periodic_task(Cron("30 12 * * *"), name="lunch", args=[1, 2])("host.add")
    call_command("setup_periodic_tasks", verbosity=0)
    PeriodicTask.objects.filter(name="office").update(args="[3, 4]")

    attempts = worker.run_until(MIDNIGHT + 24 * HOUR)

    assert facts(attempts) == [
        ("host.add_tracked", 9, "SUCCESS"),
        ("host.add", 12.5, "SUCCESS"),
        ("host.add_tracked", 17, "SUCCESS"),
    ]
    assert [each.result for each in attempts] == [7, 3, 7]
    assert [each.fire.nominal_at for each in attempts] == [each.at for each in attempts]
    fires = Fire.objects.order_by("nominal_at")
    assert {(fire.state, fire.published_at - fire.nominal_at) for fire in fires} == {
        ("published", timedelta(0))
    }
    assert {(run.state, run.worker) for run in Run.objects.all()} == {("succeeded", "in-process")}
    assert timezone.now() == MIDNIGHT + 24 * HOUR
    check_ledger()


def test_a_second_until_goes_on_where_the_first_has_ended(worker):
    """
    The time that was lived through is not lived again, and nothing fires twice.
    """
    every, _ = IntervalSchedule.objects.get_or_create(every=6, period="hours")
    PeriodicTask.objects.create(name="note", task="testing.note", interval=every)

    worker.run_until(MIDNIGHT + 6 * HOUR)
    worker.run_until(MIDNIGHT + 6 * HOUR)
    worker.run_until(MIDNIGHT + 12 * HOUR)

    assert ran == [MIDNIGHT + 6 * HOUR, MIDNIGHT + 12 * HOUR]
    assert len(worker.attempts) == 2


def test_retries_come_back_at_their_time(worker):
    """
    A run is retried after its backoff, or after just what the task asked for.
    """
    result = flaky.delay(2)
    busy.delay()

    attempts = worker.run_until(MIDNIGHT + 4 * HOUR)

    assert [(a.task, a.number, (a.at - MIDNIGHT).total_seconds(), a.state) for a in attempts] == [
        ("testing.flaky", 1, 0, "RETRY"),
        ("testing.busy", 1, 0, "RETRY"),
        ("testing.flaky", 2, 10, "RETRY"),
        ("testing.flaky", 3, 30, "SUCCESS"),
        ("testing.busy", 2, 3 * 3600, "SUCCESS"),
    ]
    assert str(attempts[0].result) == "away"
    assert result.get() == 2


def test_a_run_that_gives_up_leaves_its_dead_letter(worker):
    """
    What a real worker records, this one does.
    """
    gives_up.delay()

    (attempt,) = worker.run_due()

    assert (attempt.state, type(attempt.result)) == ("FAILURE", GiveUp)
    assert DeadLetter.objects.get().task == "host.gives_up"


def test_overlap_is_decided_by_what_still_runs(worker):
    """
    A fire that comes while the run before waits for its retry is skipped, as it says.
    """
    every, _ = IntervalSchedule.objects.get_or_create(every=2, period="hours")
    task = PeriodicTask.objects.create(name="busy", task="testing.busy", interval=every)
    Schedule.objects.create(periodic_task=task, overlap="skip")

    attempts = worker.run_until(MIDNIGHT + 7 * HOUR)

    assert [(hour, state) for _task, hour, state in facts(attempts)] == [
        (2, "RETRY"),
        (5, "SUCCESS"),
        (6, "RETRY"),
    ]
    assert Fire.objects.get(nominal_at=MIDNIGHT + 4 * HOUR).state == "skipped"


def test_a_run_that_is_cancelled_goes_no_further(worker):
    """
    Revoked, a message is dropped and its run recorded as such.
    """
    every, _ = IntervalSchedule.objects.get_or_create(every=20, period="seconds")
    task = PeriodicTask.objects.create(
        name="busy", task="testing.busy", interval=every, kwargs='{"seconds": 30}'
    )
    Schedule.objects.create(periodic_task=task, overlap="terminate_other")

    attempts = worker.run_until(MIDNIGHT + timedelta(seconds=51))

    assert [((a.at - MIDNIGHT).total_seconds(), a.state) for a in attempts] == [
        (20, "RETRY"),
        (50, "REVOKED"),
        (51, "RETRY"),
    ]


def test_what_a_task_sends_is_run_too(worker):
    """
    At once, at its time, and after the commit for which a test's transaction never comes.
    """
    passes_on.delay()

    worker.run_until(MIDNIGHT + HOUR)

    assert ran == [MIDNIGHT, MIDNIGHT + timedelta(minutes=1)]


def test_a_message_expires_by_the_clock(worker):
    """
    What was not begun in time is not begun.
    """
    note.apply_async(countdown=7200, expires=3600)

    (attempt,) = worker.run_until(MIDNIGHT + 3 * HOUR)

    assert (attempt.state, ran) == ("REVOKED", [])


def test_an_unknown_task_is_on_record(worker):
    """
    A message for a task that the app does not have becomes a dead letter, as in a worker.
    """
    current_app.send_task("nobody.knows", args=[1])

    (attempt,) = worker.run_due()

    assert attempt.state == "UNKNOWN"
    assert DeadLetter.objects.get().task == "nobody.knows"


def test_arguments_that_cannot_be_sent_are_refused(worker):
    """
    As with a broker, what JSON cannot hold is an error where the task is sent.
    """
    with pytest.raises(EncodeError):
        note.delay(object())


def test_a_task_that_sends_itself_for_ever_is_named(worker, monkeypatch):
    """
    The test ends with a sentence instead of never.
    """
    monkeypatch.setattr("recurring_jobs.testing.worker.MOST_AT_ONCE", 20)
    endless.delay()

    with pytest.raises(RuntimeError, match=r"^'testing.endless' was run for the 20th time at"):
        worker.run_due()


def test_eager_projects_get_a_queue_as_well(worker):
    """
    Nothing runs before it is told to, whatever task_always_eager says.
    """
    app = current_app._get_current_object()
    app.conf.task_always_eager = True
    try:
        with Worker() as inner:
            result = add.delay(1, 2)
            assert [message.task for message in inner.waiting] == ["host.add"]
            inner.run_due()
            assert result.get() == 3
        assert app.conf.task_always_eager is True
    finally:
        app.conf.task_always_eager = False


def test_time_does_not_go_backwards(worker):
    """
    run_until refuses a time that has passed, and one without a zone.
    """
    with pytest.raises(ValueError, match="already"):
        worker.run_until(MIDNIGHT - HOUR)
    with pytest.raises(ValueError, match="no time zone"):
        worker.run_until(datetime(2026, 3, 3))  # noqa: DTZ001


def test_nothing_is_left_behind():
    """
    Afterwards the clock is real, messages go to the broker, and no beat is listed.
    """
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    PeriodicTask.objects.create(name="note", task="testing.note", interval=every)
    app = current_app._get_current_object()

    run_until(MIDNIGHT + HOUR, start=MIDNIGHT)

    assert ran == [MIDNIGHT + HOUR]
    assert "producer_or_acquire" not in vars(app)
    assert "now" not in vars(app)
    assert abs(timezone.now() - datetime.now(UTC)) < HOUR
    assert not Beat.objects.exists()


def test_a_worker_goes_by_the_clock_around_it():
    """
    Entered in a clock, it moves that one; alone, it has one of its own.
    """
    with Clock(MIDNIGHT) as clock, Worker() as worker:
        note.apply_async(countdown=60)
        worker.run_until(MIDNIGHT + HOUR)
        assert clock.now == MIDNIGHT + HOUR
    assert ran == [MIDNIGHT + timedelta(minutes=1)]

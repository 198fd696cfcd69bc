"""With RESEND_AFTER, what the broker has lost is sent once more, and what is only late is not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery import current_app
from celery.app.task import Context
from celery.app.trace import build_tracer
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from recurring_jobs.clock import moved_now
from recurring_jobs.models import DeadLetter, Fire, Run, Schedule, TaskLock
from recurring_jobs.periodic.controls import fire_now
from recurring_jobs.runs import dead_letters, locks
from recurring_jobs.runs.overlap import overlap_key
from recurring_jobs.runs.reaper import resend
from recurring_jobs.runs.stopping import cancel
from recurring_jobs.schedulers import DatabaseScheduler
from recurring_jobs.testing import check_ledger
from tests.host import tasks
from tests.messages import taking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.django_db(transaction=True)

AFTER = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def patience(settings):
    """Messages have a quarter of an hour."""
    settings.RECURRING_JOBS = {**settings.RECURRING_JOBS, "RESEND_AFTER": AFTER}


@pytest.fixture
def lost() -> Iterator[Callable[[], list[Any]]]:
    """Take the messages that are with the broker, as if it had lost them; say what they were."""
    with taking(current_app.conf.task_default_queue) as take:
        yield take


@pytest.fixture
def beat() -> DatabaseScheduler:
    return DatabaseScheduler(current_app._get_current_object(), lazy=True)


def declare(**fields: Any) -> PeriodicTask:
    every = IntervalSchedule.objects.create(every=1, period="days")
    known = {"name": "each", "task": "host.add_tracked", "args": "[1, 2]", "interval": every}
    return PeriodicTask.objects.create(**{**known, **fields})


def work_off(messages: list[Any]) -> None:
    """Do what a worker does with *messages*."""
    for message in messages:
        headers = message.headers
        task = current_app.tasks[headers["task"]]
        args, kwargs, _embed = message.payload
        sent = {name: value for name, value in headers.items() if name.startswith("recurring")}
        task.apply(args, kwargs, task_id=headers["id"], retries=headers["retries"], headers=sent)


class TestFires:
    """Published, and no worker has begun them."""

    @pytest.fixture
    def fire(self, beat, jobs_clock, lost) -> Fire:
        """One that was published, and the broker has lost its message."""
        declare()
        beat.tick()
        jobs_clock.move_by(timedelta(days=1))
        beat.tick()
        assert len(lost()) == 1
        return Fire.objects.get()

    def test_are_sent_again_when_their_time_is_over(self, beat, jobs_clock, lost, fire):
        """
        The same message under the same id, then after twice as long; not before.
        """
        beat.tick()
        assert lost() == []

        jobs_clock.move_by(AFTER)
        beat.tick()
        beat.tick()
        (second,) = lost()
        assert second.headers["id"] == fire.task_id
        assert second.headers["recurring_jobs_fire"] == fire.pk

        jobs_clock.move_by(AFTER * 0.9)
        beat.tick()
        assert lost() == []
        jobs_clock.move_by(AFTER * 0.2)
        beat.tick()
        work_off([second, *lost()])

        run = Run.objects.get()
        assert (run.pk, run.state, run.attempt, run.fire_id) == (
            fire.task_id,
            "succeeded",
            1,
            fire.pk,
        )

    def test_are_left_once_they_have_begun(self, beat, jobs_clock, lost, fire):
        """
        What has a run is nobody's business any more, also where it takes long.
        """
        Run.objects.create(pk=fire.task_id, task="host.add_tracked", state="running", fire=fire)
        jobs_clock.move_by(AFTER)

        beat.tick()

        assert lost() == []
        assert Fire.objects.get().due_at is None
        check_ledger()

    @pytest.mark.parametrize(
        "fields",
        [{"task": "host.plain_failure"}, {"expire_seconds": 60}],
        ids=["another-class", "expires"],
    )
    def test_that_might_run_twice_are_not_sent_twice(self, beat, jobs_clock, lost, fire, fields):
        """
        Only a task of ours refuses a copy; and a message that expires may do so.
        """
        PeriodicTask.objects.filter(name="each").update(**fields)
        jobs_clock.move_by(AFTER)

        beat.tick()

        assert lost() == []
        assert Fire.objects.get().due_at is None

    def test_of_an_unknown_task_are_for_another_beat(self, beat, jobs_clock, lost, fire):
        """
        While a new version is rolled out, an old beat does not know its tasks.
        """
        PeriodicTask.objects.filter(name="each").update(task="elsewhere.pay")
        jobs_clock.move_by(AFTER)
        beat.tick()
        assert lost() == []

        PeriodicTask.objects.filter(name="each").update(task="host.add_tracked")
        jobs_clock.move_by(AFTER * 2)
        beat.tick()

        assert [message.headers["id"] for message in lost()] == [fire.task_id]

    def test_of_a_person_keep_their_own_arguments_till_then(self, beat, jobs_clock, lost):
        """
        What was given for one fire is given again.
        """
        declare()
        beat.tick()
        fire_now(Schedule.objects.get(), args=[40, 2])
        assert len(lost()) == 1
        jobs_clock.move_by(AFTER)

        beat.tick()

        (message,) = lost()
        assert message.payload[0] == [40, 2]
        work_off([message])
        jobs_clock.move_by(AFTER)
        beat.tick()
        fire = Fire.objects.get()
        assert (fire.due_at, fire.arguments, Run.objects.get().state) == (None, None, "succeeded")

    def test_are_left_where_the_setting_is_taken_back(self, beat, jobs_clock, lost, fire, settings):
        """
        Without it nothing is sent twice.
        """
        settings.RECURRING_JOBS = {}
        jobs_clock.move_by(AFTER)

        beat.tick()

        assert (lost(), Fire.objects.get().due_at) == ([], None)


class TestRuns:
    """On record as queued or between two attempts, and no worker begins them."""

    @pytest.fixture
    def retrying(self, lost) -> Run:
        """One whose first attempt has failed, and the broker has lost its retry."""
        tasks.recovers.apply_async((1,), task_id="failed-once")
        (first,) = lost()
        self.make_attempt(first)
        assert [message.headers["retries"] for message in lost()] == [1]
        return Run.objects.get()

    @staticmethod
    def make_attempt(message: Any) -> None:
        """Have a worker's tracer make one attempt, which may publish the next."""
        args, kwargs, embed = message.payload
        task = current_app.tasks[message.headers["task"]]
        request = {**message.headers, **embed, "args": args, "kwargs": kwargs}
        request["delivery_info"] = message.delivery_info
        request["is_eager"] = False
        build_tracer(task.name, task, app=current_app, hostname="w@h")(
            message.headers["id"], args, kwargs, Context(request).__dict__
        )

    def test_retry_is_sent_again(self, jobs_clock, lost, retrying):
        """
        The second attempt comes, once, under its number.
        """
        assert (retrying.state, retrying.next_attempt) == ("retrying", 2)
        assert (resend(), lost()) == (0, [])
        jobs_clock.move_by(AFTER + timedelta(minutes=1))

        assert (resend(), resend()) == (1, 0)

        (message,) = lost()
        assert (message.headers["id"], message.headers["retries"]) == ("failed-once", 1)
        work_off([message, message])
        run = Run.objects.get()
        assert (run.state, run.attempt, run.resend_at) == ("succeeded", 2, None)

    @pytest.mark.parametrize(
        ("changes", "times"),
        [({}, 1), ({"args": [{"countdown": 2}]}, 0), ({"queue": "elsewhere"}, 0)],
        ids=["as-it-was", "other-arguments", "another-queue"],
    )
    def test_retry_that_was_asked_for_is_sent_as_it_was_or_not_at_all(
        self, jobs_clock, lost, changes, times
    ):
        """
        Arguments and queue of a retry by hand are not on record before it is begun.
        """
        with taking("elsewhere") as take:
            tasks.asks_again.apply_async((changes,), task_id="asked")
            self.make_attempt(*lost())
            assert len(lost() + take()) == 1
            jobs_clock.move_by(AFTER + timedelta(minutes=1))

            assert resend() == times
            assert len(lost() + take()) == times

    def test_letter_is_sent_again(self, jobs_clock, lost):
        """
        What a person has sent is lost with the broker: it is sent once more.
        """
        letter = DeadLetter.objects.create(task="host.add", task_id="gave-up", args=[1, 2])
        run_id = dead_letters.requeue(letter)
        assert len(lost()) == 1
        jobs_clock.move_by(AFTER)

        assert resend() == 1

        (message,) = lost()
        assert message.headers["id"] == run_id
        assert message.headers["recurring_jobs_retried_from"] == "gave-up"

    def test_what_is_cancelled_is_not_sent(self, jobs_clock, lost, retrying):
        """
        That is how one ends what was purged.
        """
        cancel(retrying)
        jobs_clock.move_by(AFTER + timedelta(minutes=1))

        assert (resend(), lost()) == (0, [])

    def test_what_was_not_stored_as_sent_waits_on(self, jobs_clock, lost, retrying):
        """
        A secret cannot be sent again, and the message may only be late.
        """
        Run.objects.update(args=["[redacted]"])
        jobs_clock.move_by(AFTER + timedelta(minutes=1))

        assert (resend(), lost()) == (0, [])
        assert (Run.objects.get().state, DeadLetter.objects.count()) == ("retrying", 0)

    def test_a_task_of_another_class_is_not_sent_twice(self, jobs_clock, lost):
        """
        Nothing would keep the copy from running.
        """
        letter = DeadLetter.objects.create(task="host.plain_failure", task_id="gave-up")
        dead_letters.requeue(letter)
        assert len(lost()) == 1
        jobs_clock.move_by(AFTER * 10)

        assert (resend(), lost()) == (0, [])

    def test_that_waits_for_another_is_sent_again(self, jobs_clock, lost, tmp_path):
        """
        A run that sends itself on until a lock is free is not late as long as it does so.
        """
        key = overlap_key(tasks.in_turn, (str(tmp_path),), {})
        locks.take(key, owner="other", worker="elsewhere:1")
        tasks.in_turn.apply_async((str(tmp_path),), task_id="waits")
        for _look in range(3):
            self.make_attempt(*lost())
            TaskLock.objects.update(lease_until=timezone.now() + timedelta(hours=9))
            jobs_clock.move_by(AFTER * 0.9)
            assert resend() == 0
        assert len(lost()) == 1
        jobs_clock.move_by(AFTER * 0.2)

        assert resend() == 1

        (message,) = lost()
        assert message.headers["id"] == "waits"


def test_without_the_setting_nothing_is_sent_twice(settings, jobs_clock, lost):
    """
    It is to be asked for: whoever purges a queue by hand wants it empty.
    """
    settings.RECURRING_JOBS = {}
    dead_letters.requeue(DeadLetter.objects.create(task="host.add", task_id="g", args=[1, 2]))
    assert len(lost()) == 1
    jobs_clock.move_by(timedelta(days=2))

    assert (resend(), lost()) == (0, [])
    assert moved_now() is not None

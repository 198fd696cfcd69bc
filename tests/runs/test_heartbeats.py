"""Heartbeats, copies of messages, and late wakers: who may start a run, and who is believed."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery import signals
from celery.app.task import Context
from celery.exceptions import Ignore
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recurring_jobs.exceptions import SettingError
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs import rows
from recurring_jobs.runs.attempts import HOLD
from recurring_jobs.runs.execution import execution_of
from recurring_jobs.runs.heartbeats import Heart, Hold
from recurring_jobs.runs.states import RunState
from tests.host import tasks

pytestmark = pytest.mark.django_db


def begun(run_id="run-1", *, attempt=1, task=tasks.add_tracked, **request):
    """Begin an attempt as one worker would; return its request."""
    context = Context(id=run_id, args=[1, 2], kwargs={}, retries=attempt - 1, **request)
    hold = Hold(run_id)
    setattr(context, HOLD, hold)
    hold.is_on_record = rows.start_run(execution_of(task, context))
    return context


def told(request, state=RunState.SUCCEEDED, task=tasks.add_tracked):
    """Say what came of an attempt, and return whether it was believed."""
    return rows.end_run(execution_of(task, request), state)


def stored():
    """Return what the row of the one run says."""
    return Run.objects.values_list("state", "attempt", "next_attempt", "crashes").get()


@contextmanager
def database_away():
    """Refuse every statement of this thread."""

    def refuse(*_):
        message = "the database is away"
        raise DatabaseError(message)

    with connection.execute_wrapper(refuse):
        yield


class TestStarts:
    """Of any number of copies of a message, one starts."""

    def test_a_copy_that_comes_during_the_run_does_not_start(self):
        """
        The first start wins; the copy leaves the row to it.
        """
        first = begun()

        second = begun()

        assert (getattr(first, HOLD).is_on_record, getattr(second, HOLD).is_on_record) == (
            True,
            False,
        )
        assert Run.objects.get().holder == getattr(first, HOLD).token
        assert told(first)

    def test_a_retry_starts_before_its_cause_is_on_record(self):
        """
        The next attempt may be begun before the last one was written down as failed.
        """
        first = begun()

        second = begun(attempt=2)

        assert getattr(second, HOLD).is_on_record
        assert not rows.retry_run(execution_of(tasks.add_tracked, first), exception="late")
        assert stored() == ("running", 2, 3, 0)

    def test_a_late_copy_of_an_attempt_that_failed_does_not_start(self):
        """
        While a run waits for its second attempt, a copy of the first is not it.
        """
        first = begun()
        rows.retry_run(execution_of(tasks.add_tracked, first), exception="once")

        assert not getattr(begun(), HOLD).is_on_record
        assert getattr(begun(attempt=2), HOLD).is_on_record

    def test_a_message_that_the_worker_puts_back_starts_again(self):
        """
        A worker that is told to end opens the attempt of the run that it stops.
        """
        request = begun()

        rows.reopen_run(execution_of(tasks.add_tracked, request))

        assert stored() == ("retrying", 1, 1, 0)
        assert getattr(begun(), HOLD).is_on_record

    def test_the_message_is_kept_as_it_was_sent(self):
        """
        The row holds what is needed to send the run again, and no more.
        """
        begun(
            headers={"tenant": 7},
            callbacks=[{"task": "host.add", "args": [], "kwargs": {}, "options": {}}],
            delivery_info={"exchange": "", "routing_key": "fast", "priority": 3},
        )

        run = Run.objects.get()
        assert (run.args, run.queue) == ([1, 2], "fast")
        assert run.options == {
            "headers": {"tenant": 7},
            "link": [{"task": "host.add", "args": [], "kwargs": {}, "options": {}}],
            "priority": 3,
            "queue": "fast",
        }

    def test_a_start_and_an_end_are_two_statements(self):
        """
        A tracked run that nobody has recorded before costs an INSERT and an UPDATE.
        """
        with CaptureQueriesContext(connection) as asked:
            told(begun())

        # The test runs in a transaction, whose savepoints are no statements of ours.
        verbs = [each["sql"].split()[0] for each in asked.captured_queries]
        assert [verb for verb in verbs if "SAVEPOINT" not in verb and verb != "RELEASE"] == [
            "INSERT",
            "UPDATE",
        ]


class TestBeats:
    """What one process says of the runs that it has."""

    def test_all_runs_beat_in_one_statement(self, django_assert_num_queries):
        """
        However many runs a process has, a heartbeat is one UPDATE.
        """
        long_ago = timezone.now() - timedelta(hours=1)
        held = {}
        for number in range(5):
            request = begun(f"run-{number}")
            held[request.id] = getattr(request, HOLD).token
        Run.objects.update(heartbeat_at=long_ago)

        with django_assert_num_queries(1):
            gone = rows.beat(held)

        assert gone == set()
        assert not Run.objects.filter(heartbeat_at__lte=long_ago).exists()

    def test_a_run_that_was_taken_is_noticed(self):
        """
        The beat tells which runs this process does not have any more.
        """
        mine, lost = begun("mine"), begun("lost")
        heart = Heart()
        for request in (mine, lost):
            heart.hold(getattr(request, HOLD))
        Run.objects.filter(pk="lost").update(holder="another")

        heart.beat()

        assert (getattr(mine, HOLD).is_taken, getattr(lost, HOLD).is_taken) == (False, True)

    def test_a_setting_that_went_wrong_does_not_end_the_beats(self, settings):
        """
        It is told to whoever begins the next run; those that run stay alive.
        """
        heart, hold, beaten = Heart(), Hold("run-1"), threading.Event()
        heart.beat = beaten.set
        settings.RECURRING_JOBS = {"HEARTBEAT": timedelta(seconds=1)}
        heart.hold(hold)

        settings.RECURRING_JOBS = {"HEARTBEAT": "often"}
        for _ in range(2):
            beaten.clear()
            assert beaten.wait(5)

        with pytest.raises(SettingError, match="HEARTBEAT"):
            heart.hold(Hold("run-2"))
        heart.let_go(hold)

    def test_a_process_that_was_silent_asks_before_it_speaks(self, django_assert_num_queries):
        """
        Within the lease nothing is asked; after it, one statement says who has the run.
        """
        hold = getattr(begun(), HOLD)
        with django_assert_num_queries(0):
            assert not hold.is_lost()
        Run.objects.update(holder="another")

        hold.proven_at -= 3600

        assert hold.is_lost()

    def test_with_the_database_away_nobody_could_have_taken_the_run(self):
        """
        A worker that cannot ask goes on as the holder that it was.
        """
        hold = getattr(begun(), HOLD)
        hold.proven_at -= 3600

        with database_away():
            assert not hold.is_lost()


class TestLateWakers:
    """A process that wakes after its run went on elsewhere changes nothing."""

    def test_its_end_is_not_believed(self):
        """
        The outcome of the run that was lost never overwrites the one that took its place.
        """
        late = begun()
        rows.claim_lost(Run.objects.get(), "reaper")
        now = begun()

        assert not told(late, RunState.FAILED)
        assert told(now)
        assert not told(late, RunState.FAILED)
        assert stored() == ("succeeded", 1, 2, 1)

    @pytest.mark.parametrize("ends", ["well", "with a retry", "by hand"])
    def test_neither_its_result_nor_its_retry_counts(self, failing, ends):
        """
        The task ends as ignored: no result, no next attempt, no dead letter.
        """
        task = {"well": tasks.add, "with a retry": failing(), "by hand": tasks.retries_by_hand}[
            ends
        ]
        hold = Hold("run-1", is_on_record=True, is_taken=True)
        task.push_request(id="run-1", called_directly=False, **{HOLD: hold})
        try:
            with pytest.raises(Ignore, match="went on elsewhere"):
                task.run(*((1, 2) if ends == "well" else ()))
        finally:
            task.pop_request()

    def test_it_leaves_no_dead_letter(self):
        """
        A failure that is not believed is no reason to call a person.
        """
        late = begun()
        Run.objects.update(holder="another")
        tasks.add_tracked.request_stack.push(late)
        try:
            signals.task_failure.send(
                sender=tasks.add_tracked,
                task_id=late.id,
                exception=ConnectionError("away"),
                args=[1, 2],
                kwargs={},
                einfo=SimpleNamespace(traceback="…"),
            )
        finally:
            tasks.add_tracked.request_stack.pop()

        assert not DeadLetter.objects.exists()
        assert Run.objects.get().state == "running"


@pytest.mark.django_db(transaction=True)
class TestOwed:
    """An outcome that the database did not take is told later."""

    def test_the_end_is_told_when_the_database_is_back(self):
        """
        The worker keeps what it could not write, beats on, and writes it.
        """
        request = begun()
        heart, hold = Heart(), getattr(request, HOLD)
        heart.hold(hold)

        with database_away(), pytest.raises(DatabaseError):
            told(request)
        heart.let_go(hold)
        heart.owe(hold, lambda: told(request))

        done = threading.Event()
        for _ in range(200):
            if Run.objects.get().state == "succeeded":
                break
            done.wait(0.05)
        assert stored() == ("succeeded", 1, 2, 0)

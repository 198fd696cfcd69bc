from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import TimeLimitExceeded
from celery import signals
from celery.app.task import Context
from celery.app.trace import build_tracer
from celery.exceptions import Ignore, Reject, Retry
from django.core import serializers
from django.db import DatabaseError, OperationalError, connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_results.models import TaskResult

from recurring_jobs import BaseTaskWithRetry
from recurring_jobs.models import DeadLetter, Fire, Run, Schedule
from recurring_jobs.runs import recorder, sending
from recurring_jobs.runs.headers import TRACKED
from recurring_jobs.signals import run_gave_up, run_retried, run_succeeded
from tests.host import tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard():
    """Collect what our own signals say."""
    said: list[tuple[str, dict[str, Any]]] = []

    def on_retried(signal, **facts):
        said.append(("retried", facts))

    def on_gave_up(signal, **facts):
        said.append(("gave up", facts))

    run_retried.connect(on_retried)
    run_gave_up.connect(on_gave_up)
    yield said
    run_retried.disconnect(on_retried)
    run_gave_up.disconnect(on_gave_up)


@pytest.fixture
def fire():
    """A fire of a schedule."""
    interval = IntervalSchedule.objects.create(every=1, period="days")
    task = PeriodicTask.objects.create(name="daily", task="host.add", interval=interval)
    schedule = Schedule.objects.create(periodic_task=task)
    return Fire.objects.create(
        schedule=schedule, nominal_at="2026-03-02T09:00:00Z", task_id="fired-1"
    )


def hard_time_limit(task):
    """Return what Celery reports of a task that it has stopped."""
    return {
        "sender": task,
        "task_id": "limit-1",
        "exception": TimeLimitExceeded(1),
        "args": [60],
        "kwargs": {},
        "traceback": None,
        "einfo": SimpleNamespace(traceback="TimeLimitExceeded(1,)"),
    }


@pytest.fixture
def unstored(app, monkeypatch):
    """Run a task once whose result cannot be stored; return how often its body was called."""
    calls = []

    @app.task(base=BaseTaskWithRetry, name="made.unstored", shared=False)
    def unstored():
        calls.append(1)

    def is_away(*_args, **_kwargs):
        message = "server closed the connection"
        raise OperationalError(message)

    def run(*away):
        for name in away:
            monkeypatch.setattr(app.backend, name, is_away)
        trace = build_tracer(unstored.name, unstored, app=app)
        message = {"id": "unstored-1", "headers": {TRACKED: True}, "delivery_info": {}}
        trace("unstored-1", (), {}, message)
        return len(calls)

    return run


@pytest.mark.filterwarnings("ignore:Exception raised outside body")
def test_a_result_that_cannot_be_stored_fails_the_run_once(unstored):
    """
    Celery reports a failure whose request is gone. The run ends with the letter, and a copy
    of its message does not run it again.
    """
    assert unstored("mark_as_done") == 1

    run, letter = Run.objects.get(), DeadLetter.objects.get()
    assert (run.state, run.holder, letter.task_id) == ("failed", "", run.pk)
    assert letter.exception_type.endswith("OperationalError")
    assert unstored("mark_as_done") == 1
    recorder.heart.beat()
    assert Run.objects.get().state == "failed"


@pytest.mark.filterwarnings("ignore:Exception raised outside body")
@pytest.mark.parametrize("start", ["on record", "not on record"])
def test_a_run_that_nobody_can_be_told_of_is_told_by_the_heartbeats(unstored, start, monkeypatch):
    """
    The result back end stays away, so that Celery tells nobody and drops the message: the
    run has succeeded, and is on record as soon as the database is there.
    """
    if start == "not on record":

        def is_away(_execution):
            message = "no connection"
            raise DatabaseError(message)

        monkeypatch.setattr(recorder.rows, "start_run", is_away)
    with pytest.raises(OperationalError):
        unstored("mark_as_done", "mark_as_failure")
    assert not Run.objects.exclude(state="running").exists()

    recorder.heart.beat()

    assert Run.objects.get().state == "succeeded"
    assert not DeadLetter.objects.exists()


class TestRuns:
    """Which runs are kept, and how far they are."""

    def test_an_untracked_success_costs_no_query(self, django_assert_num_queries):
        """
        A task that succeeds and asks for nothing leaves no row and makes no query.
        """
        with django_assert_num_queries(0):
            result = tasks.add.apply((1, 2))

        assert result.result == 3
        assert not Run.objects.exists()

    def test_a_tracked_success_is_on_record(self):
        """
        A tracked run is kept with its arguments, times and end.
        """
        tasks.add_tracked.apply((1,), {"right": 2}, task_id="kept-1")

        run = Run.objects.get()
        assert (run.pk, run.task, run.state, run.attempt) == (
            "kept-1",
            "host.add_tracked",
            "succeeded",
            1,
        )
        assert (run.args, run.kwargs, run.root_id) == ([1], {"right": 2}, "kept-1")
        assert run.created_at <= run.started_at <= run.finished_at

    def test_a_run_that_recovers_is_one_run(self, heard):
        """
        Retries belong to the run; one that succeeds in the end leaves no dead letter.
        """
        tasks.recovers.apply((2,), task_id="kept-2")

        run = Run.objects.get()
        assert (run.state, run.attempt, run.exception) == ("succeeded", 3, "")
        assert not DeadLetter.objects.exists()
        assert [
            (what, facts["run_id"], facts["attempt"], facts["delay"]) for what, facts in heard
        ] == [("retried", "kept-2", 1, 0.01), ("retried", "kept-2", 2, 0.02)]

    def test_a_waiting_run_says_why(self):
        """
        Between two attempts a run is retrying, with the exception of the last.
        """
        task = tasks.recovers
        task.push_request(id="kept-3", called_directly=False, is_eager=True)
        signals.task_prerun.send(sender=task, task_id="kept-3", task=task, args=(), kwargs={})
        reason = Retry(exc=ConnectionError("not yet"), when=5)
        signals.task_retry.send(sender=task, request=task.request, reason=reason, einfo=None)
        task.pop_request()

        run = Run.objects.get()
        assert (run.state, run.exception) == ("retrying", "ConnectionError: not yet")
        assert run.finished_at is None

    def test_all_runs_of_the_base_class_can_be_kept(self, settings):
        """
        RECURRING_JOBS["TRACK_RUNS"] = "all" keeps the runs of untracked tasks too.
        """
        settings.RECURRING_JOBS = {"TRACK_RUNS": "all"}

        tasks.add.apply((1, 2))
        tasks.plain_failure.apply()

        assert [run.task for run in Run.objects.all()] == ["host.add"]

    def test_a_run_of_a_fire_is_kept_whatever_its_task(self, fire):
        """
        The header of the scheduler ties the run to its fire, also for a task of Celery's class.
        """
        tasks.plain_failure.apply(task_id=fire.task_id, headers={"recurring_jobs_fire": fire.pk})

        run = Run.objects.get()
        assert (run.fire, run.state, run.exception) == (fire, "failed", "ConnectionError: away")
        assert not DeadLetter.objects.exists()

    def test_a_queued_run_goes_on_in_its_row(self):
        """
        A row made before sending is the one that the worker goes on with.
        """
        queued, is_new = sending.record_queued(
            sending.Message("sent-1", "host.add_tracked", [1, 2], queue="fast")
        )
        assert (queued.state, queued.attempt, queued.queue, is_new) == ("queued", 0, "fast", True)

        tasks.add_tracked.apply((1, 2), task_id="sent-1")

        run = Run.objects.get()
        assert (run.state, run.attempt, run.queue) == ("succeeded", 1, "fast")

    def test_recording_a_queued_run_again_changes_nothing(self):
        """
        A run that a worker has begun is not put back.
        """
        tasks.add_tracked.apply((1, 2), task_id="sent-2")

        run, is_new = sending.record_queued(sending.Message("sent-2", "host.add_tracked", [1, 2]))

        assert (run.state, is_new) == ("succeeded", False)

    def test_an_ignored_run_is_skipped(self, app):
        """
        A task that raises Ignore has not run, and says so.
        """

        def body():
            raise Ignore("nothing to do")

        task = app.task(base=BaseTaskWithRetry, name="made.ignores", tracked=True, shared=False)(
            body
        )
        task.apply()

        run = Run.objects.get()
        assert (run.state, run.exception) == (
            "skipped",
            "celery.exceptions.Ignore: nothing to do",
        )

    @pytest.mark.parametrize(
        ("report", "state", "reason"),
        [
            ({"expired": True}, "skipped", "Expired."),
            ({}, "skipped", "Revoked."),
            ({"terminated": True}, "failed", "Terminated."),
        ],
        ids=["expired", "revoked", "terminated"],
    )
    def test_a_stopped_run_is_on_record(self, report, state, reason):
        """
        What a person or a deadline stopped is no success and no dead letter.
        """
        request = Context(id="stopped-1", retries=0)

        signals.task_revoked.send(sender=tasks.add_tracked, request=request, **report)

        run = Run.objects.get()
        assert (run.state, run.exception) == (state, reason)
        assert not DeadLetter.objects.exists()


class TestForward:
    """A second or late copy of a message changes nothing."""

    def test_a_finished_run_is_not_run_again(self):
        """
        The same message once more runs nothing and leaves the row as it is.
        """
        tasks.recovers.apply((0,), task_id="twice")
        before = Run.objects.values().get()

        result = tasks.recovers.apply((0,), task_id="twice")

        assert result.state == "IGNORED"
        assert Run.objects.values().get() == before

    def test_a_late_copy_of_an_earlier_attempt_is_not_run(self):
        """
        The message of attempt 1 that comes during attempt 2 runs nothing.
        """
        Run.objects.create(
            id="late", task="host.recovers", state="running", attempt=2, next_attempt=3
        )

        result = tasks.recovers.apply((0,), task_id="late")

        assert result.state == "IGNORED"
        run = Run.objects.get()
        assert (run.state, run.attempt) == ("running", 2)

    def test_a_message_that_comes_back_from_a_lost_worker_is_run(self):
        """
        A run whose worker was lost is open for another start of the same attempt.
        """
        Run.objects.create(
            id="back", task="host.recovers", state="retrying", attempt=1, next_attempt=1, crashes=1
        )

        result = tasks.recovers.apply((0,), task_id="back")

        assert result.state == "SUCCESS"
        assert Run.objects.get().state == "succeeded"


class TestDeadLetters:
    """What is kept of a run that gave up."""

    def test_what_its_message_said_is_kept(self, app):
        """
        Priority and limits are there for the message with which it is sent again; when it was
        to be dropped is not.
        """
        task = tasks.always_fails
        message = {
            "id": "dead-1",
            "headers": {TRACKED: True},
            "retries": task.max_retries,
            "delivery_info": {"exchange": "", "routing_key": "slow", "priority": 7},
            "timelimit": [60, 30],
            "expires": "2126-03-02T09:00:00+00:00",
        }

        build_tracer(task.name, task, app=app)("dead-1", ("moon",), {}, message)

        letter = DeadLetter.objects.get()
        assert letter.options == {"priority": 7, "time_limit": 60, "soft_time_limit": 30}
        assert letter.queue == "slow"

    def test_a_failure_for_good_leaves_one_letter(self, heard):
        """
        The letter holds the arguments, the exception and the traceback of each attempt.
        """
        tasks.always_fails.apply(("moon",), task_id="dead-1", headers={"tenant": 7})

        letter = DeadLetter.objects.get()
        assert (letter.task, letter.task_id, letter.root_id) == (
            "host.always_fails",
            "dead-1",
            "dead-1",
        )
        assert (letter.args, letter.kwargs, letter.headers) == (["moon"], {}, {"tenant": 7})
        assert (letter.is_sendable, letter.not_sendable_reason) == (True, "")
        assert (letter.exception_type, letter.exception) == (
            "ConnectionError",
            "moon, attempt 3",
        )
        assert letter.attempts == 3
        assert [text.splitlines()[-1] for text in letter.tracebacks] == [
            "ConnectionError: moon, attempt 1",
            "ConnectionError: moon, attempt 2",
            "ConnectionError: moon, attempt 3",
        ]
        assert letter.state == "open"
        what, facts = heard[-1]
        assert (what, facts["sender"], facts["run_id"], facts["dead_letter"]) == (
            "gave up",
            "host.always_fails",
            "dead-1",
            letter,
        )

    def test_giving_up_leaves_a_letter_at_once(self):
        """
        GiveUp makes no second attempt.
        """
        tasks.gives_up.apply()

        letter = DeadLetter.objects.get()
        assert (letter.exception_type, letter.exception, letter.attempts) == (
            "recurring_jobs.exceptions.GiveUp",
            "The account is closed.",
            1,
        )

    def test_a_rejected_message_leaves_a_letter(self):
        """
        Reject without requeueing drops the message, so it is kept here.
        """
        tasks.rejects.apply()

        letter = DeadLetter.objects.get()
        assert letter.exception_type == "celery.exceptions.Reject"

    def test_a_message_put_back_leaves_none(self, app):
        """
        Reject with requeueing is no end.
        """

        def body():
            raise Reject("later", requeue=True)

        app.task(base=BaseTaskWithRetry, name="made.puts_back", shared=False)(body).apply()

        assert not DeadLetter.objects.exists()

    def test_foreign_tasks_leave_none(self):
        """
        The failure of a task of Celery's own class is not ours to keep.
        """
        tasks.plain_failure.apply()

        assert not DeadLetter.objects.exists()

    def test_a_failure_reported_twice_leaves_one_letter(self, heard):
        """
        Celery 5.7 reports a hard time limit twice.
        """
        report = hard_time_limit(tasks.sleeps)
        tasks.sleeps.request_stack.push(
            Context(
                id="limit-1",
                root_id="root-1",
                retries=2,
                delivery_info={"exchange": "", "routing_key": "slow"},
                headers={"recurring_jobs_failures": ["first", "second"]},
            )
        )
        signals.task_failure.send(**report)
        signals.task_failure.send(**report)
        tasks.sleeps.request_stack.pop()

        letter = DeadLetter.objects.get()
        assert (letter.root_id, letter.queue, letter.attempts) == ("root-1", "slow", 3)
        assert letter.tracebacks == ["first", "second", "TimeLimitExceeded(1,)"]
        assert len(heard) == 1

    def test_a_foreign_task_that_is_stopped_has_no_run_for_ever(self):
        """
        A kept run of Celery's own class, of which only the id is reported, ends as well.
        """
        Run.objects.create(id="limit-1", task="host.plain_failure", state="running", attempt=2)

        signals.task_failure.send(**hard_time_limit(tasks.plain_failure))

        run = Run.objects.get()
        assert (run.state, run.attempt) == ("failed", 2)
        assert not DeadLetter.objects.exists()

    def test_an_unknown_task_leaves_a_letter(self):
        """
        The message of a task that the worker does not know is kept, secrets aside.
        """
        message = SimpleNamespace(
            headers={
                "id": "unknown-1",
                "task": "elsewhere.pay",
                "root_id": "root-2",
                "retries": 1,
                "argsrepr": "('hunter2',)",
                "tenant": 7,
            },
            payload=([1], {"token": "hunter2"}, {}),
            delivery_info={"exchange": "", "routing_key": "pay"},
        )

        signals.task_unknown.send(
            sender=None, message=message, exc=KeyError(), name="elsewhere.pay", id="unknown-1"
        )

        letter = DeadLetter.objects.get()
        assert (letter.task, letter.task_id, letter.root_id, letter.queue) == (
            "elsewhere.pay",
            "unknown-1",
            "root-2",
            "pay",
        )
        assert (letter.args, letter.kwargs, letter.headers) == (
            [1],
            {"token": "[redacted]"},
            {"tenant": 7},
        )
        assert letter.exception_type == "celery.exceptions.NotRegistered"
        assert not letter.is_sendable

    def test_what_is_no_task_message_is_left_alone(self):
        """
        A rejected message that names no task leaves nothing.
        """
        message = SimpleNamespace(headers={}, payload="?", delivery_info={})

        signals.task_rejected.send(sender=None, message=message, exc=None)

        assert not DeadLetter.objects.exists()

    def test_no_stored_row_holds_a_secret(self, caplog):
        """
        A password in arguments, exception and traceback is in no row and no record of ours.
        """
        caplog.set_level(logging.INFO, "recurring_jobs")

        tasks.logs_in.apply(("bob", "hunter2"), {"account": "acc-hunter2"})

        rows = [*Run.objects.all(), *DeadLetter.objects.all(), *TaskResult.objects.all()]
        ours = [record for record in caplog.records if record.name.startswith("recurring_jobs")]
        assert {type(row) for row in rows} == {Run, DeadLetter}
        assert "hunter2" not in serializers.serialize("json", rows)
        assert "hunter2" not in json.dumps([vars(record) for record in ours], default=repr)
        assert DeadLetter.objects.get().exception == "bob:[redacted] was refused for [redacted]"


class TestEdges:
    """What goes wrong here harms no task."""

    def test_a_database_that_is_away_harms_no_task(self, caplog):
        """
        A tracked task succeeds although its run cannot be recorded, which is logged.
        """

        def refuse(execute, sql, params, many, context):
            if "recurring_jobs_run" in sql:
                raise DatabaseError("away")
            return execute(sql, params, many, context)

        with connection.execute_wrapper(refuse):
            result = tasks.add_tracked.apply((1, 2), task_id="edge-1")

        assert result.result == 3
        assert not Run.objects.exists()
        lost = [r for r in caplog.records if r.message == "recurring_jobs.run.not_recorded"]
        assert [(record.event, record.run_id) for record in lost] == [
            ("begin", "edge-1"),
            ("succeed", "edge-1"),
        ]
        assert all(record.exc_info for record in lost)

    def test_a_failing_listener_harms_no_task(self):
        """
        A receiver of run_retried that raises does not stop the retries.
        """

        def listener(**_):
            raise ValueError("broken")

        run_retried.connect(listener)
        try:
            result = tasks.recovers.apply((1,))
        finally:
            run_retried.disconnect(listener)

        assert result.result == 1

    def test_each_step_is_one_event(self, caplog):
        """
        Started, retried, gave up and succeeded have one constant name each, with facts.
        """
        caplog.set_level(logging.INFO, "recurring_jobs")

        tasks.always_fails.apply(task_id="logged-1")
        tasks.add.apply((1, 2), task_id="logged-2")

        seen = [
            (record.message.removeprefix("recurring_jobs.run."), record.run_id, record.attempt)
            for record in caplog.records
            if record.message.startswith("recurring_jobs.run.")
        ]
        assert seen == [
            ("started", "logged-1", 1),
            ("retried", "logged-1", 1),
            ("started", "logged-1", 2),
            ("retried", "logged-1", 2),
            ("started", "logged-1", 3),
            ("gave_up", "logged-1", 3),
            ("started", "logged-2", 1),
            ("succeeded", "logged-2", 1),
        ]

    @pytest.mark.django_db(transaction=True)
    def test_a_run_outlives_its_fire(self, fire):
        """
        A run whose fire was deleted meanwhile is kept without it.
        """
        gone = fire.pk
        fire.delete()

        tasks.add.apply((1, 2), task_id="orphan", headers={"recurring_jobs_fire": gone})

        run = Run.objects.get()
        assert (run.state, run.fire) == ("succeeded", None)


@pytest.mark.parametrize("task", [tasks.add, tasks.add_tracked], ids=["not kept", "kept"])
def test_success_is_told_with_its_duration(task):
    """
    A receiver is told how long the run took, also where Celery does not say it, as 5.6.
    """
    told = []

    def receiver(duration, **_):
        told.append(duration)

    run_succeeded.connect(receiver)
    task.push_request(id="run-1", args=[1, 2], kwargs={}, retries=0)
    try:
        signals.task_prerun.send(sender=task, task_id="run-1", task=task, args=[1, 2], kwargs={})
        signals.task_success.send(sender=task, result=3)
    finally:
        task.pop_request()
        run_succeeded.disconnect(receiver)

    assert [0 <= duration < 60 for duration in told] == [True]

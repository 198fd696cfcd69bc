"""Runs whose worker was lost: each is dealt with once, as its task says."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from recurring_jobs import BaseTaskWithRetry
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs.reaper import reap
from recurring_jobs.signals import run_gave_up, run_lost

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(minutes=5)


@pytest.fixture
def heard():
    """Collect what run_lost and run_gave_up say."""
    said: list[tuple] = []

    def on_lost(signal, sender, run_id, crashes, outcome, **_):
        said.append(("lost", sender, run_id, crashes, outcome))

    def on_gave_up(signal, sender, run_id, **_):
        said.append(("gave up", sender, run_id))

    run_lost.connect(on_lost)
    run_gave_up.connect(on_gave_up)
    yield said
    run_lost.disconnect(on_lost)
    run_gave_up.disconnect(on_gave_up)


@pytest.fixture
def task(app):
    """Make a task of the base class, whose messages can be looked at."""

    def make(**options):
        def body(left, right=0):
            return left + right

        return app.task(body, base=BaseTaskWithRetry, shared=False, name="made.sum", **options)

    return make


def silent(**values):
    """Store a run that has not beaten for long."""
    known = {
        "id": "run-1",
        "task": "made.sum",
        "state": "running",
        "attempt": 2,
        "next_attempt": 3,
        "holder": "gone",
        "worker": "dead@host",
        "heartbeat_at": timezone.now() - LONG_AGO,
        "args": [1],
        "kwargs": {"right": 2},
    }
    return Run.objects.create(**{**known, **values})


def messages(app, queue=""):
    """Take the messages that wait in *queue*, the usual one unless given."""
    found = []
    with app.connection_for_read() as broker:
        waiting = broker.SimpleQueue(queue or app.conf.task_default_queue)
        while waiting.qsize():
            message = waiting.get(block=False)
            message.ack()
            found.append(message)
        waiting.close()
    return found


class TestSentAgain:
    """A lost run goes on with the next worker."""

    def test_with_the_message_as_it_was(self, app, task, heard):
        """
        Id, attempt, arguments, queue, priority, headers and callbacks are those of the loss.
        """
        task()
        link = {"task": "host.add", "args": [], "kwargs": {}, "options": {}}
        silent(
            queue="fast",
            options={
                "queue": "fast",
                "priority": 3,
                "retries": 1,
                "headers": {"tenant": 7},
                "link": [link],
                "root_id": "root",
            },
        )

        assert reap(app) == 1

        (message,) = messages(app, "fast")
        args, kwargs, embed = message.payload
        assert (args, kwargs, embed["callbacks"]) == ([1], {"right": 2}, [link])
        sent = message.headers
        assert (sent["id"], sent["retries"], sent["root_id"]) == ("run-1", 1, "root")
        assert (sent["tenant"], sent["recurring_jobs_tracked"]) == (7, True)
        assert message.properties["priority"] == 3
        run = Run.objects.get()
        assert (run.state, run.attempt, run.next_attempt) == ("retrying", 2, 2)
        assert (run.crashes, run.holder, run.heartbeat_at) == (1, "", None)
        assert heard == [("lost", "made.sum", "run-1", 1, "retry")]

    def test_only_after_a_lease(self, app, task):
        """
        A run that beat a moment ago is left alone.
        """
        task()
        silent(heartbeat_at=timezone.now() - timedelta(seconds=10))

        assert reap(app) == 0

        assert Run.objects.get().state == "running"

    def test_by_a_process_that_knows_the_task(self, app):
        """
        An old worker leaves the runs of a new task to the new workers.
        """
        silent(task="made.elsewhere")

        assert reap(app) == 0

    def test_also_where_the_reaper_was_lost(self, app, task, heard):
        """
        A run that was taken, but whose message did not go out, is sent; no crash is counted.
        """
        task()
        silent(state="retrying", next_attempt=2, crashes=1)

        assert reap(app) == 1

        assert len(messages(app)) == 1
        assert (Run.objects.get().crashes, heard) == (1, [])

    def test_a_run_that_waits_for_its_retry_is_not_lost(self, app, task):
        """
        Between two attempts nobody has the run, and nobody needs to beat for it.
        """
        task()
        silent(state="retrying", heartbeat_at=None, holder="")

        assert reap(app) == 0


class TestEnds:
    """A lost run that does not go on."""

    def test_a_poison_message_is_a_dead_letter(self, app, task, heard):
        """
        After ``max_crashes`` nobody tries again, and a person can read why.
        """
        task(max_crashes=3)
        silent(crashes=2)

        reap(app)

        letter = DeadLetter.objects.get()
        assert (letter.task_id, letter.args, letter.kwargs) == ("run-1", [1], {"right": 2})
        assert letter.exception_type == "recurring_jobs.exceptions.RunLostError"
        assert letter.exception == (
            "The worker was lost 3 times while it ran this. It may be lost 3 times (max_crashes)."
        )
        assert letter.is_sendable
        run = Run.objects.get()
        assert (run.state, run.crashes, run.heartbeat_at is None) == ("lost", 3, False)
        assert messages(app) == []
        assert heard == [
            ("lost", "made.sum", "run-1", 3, "dead_letter"),
            ("gave up", "made.sum", "run-1"),
        ]
        assert app.AsyncResult("run-1").state == "FAILURE"

    @pytest.mark.parametrize(("on_lost", "letters"), [("dead_letter", 1), ("lost", 0)])
    def test_as_the_task_says(self, app, task, on_lost, letters):
        """
        A task that must not run twice says so; its run is shown as lost.
        """
        task(on_lost=on_lost)
        silent()

        reap(app)

        assert Run.objects.get().state == "lost"
        assert DeadLetter.objects.count() == letters
        assert messages(app) == []

    def test_who_waits_for_it_is_told(self, app, task):
        """
        The callback for errors that came with the message is sent.
        """
        task(on_lost="dead_letter")

        def body(run_id):
            return run_id

        app.task(body, shared=False, name="made.told")
        told = {"task": "made.told", "args": [], "kwargs": {}, "options": {}, "subtask_type": None}
        silent(options={"link_error": [told]})

        reap(app)

        (message,) = messages(app)
        assert (message.headers["task"], message.payload[0]) == ("made.told", ["run-1"])

    def test_what_was_not_stored_as_sent_is_not_sent(self, app, task):
        """
        A run with a secret in its arguments is kept as a letter that says so.
        """
        task()
        silent(args=["[redacted]"])

        reap(app)

        letter = DeadLetter.objects.get()
        assert "not stored as they were sent" in letter.exception
        assert messages(app) == []

    def test_a_task_of_another_class_is_shown_as_lost(self, app):
        """
        Nobody has said that such a task may run twice.
        """

        def body():
            pass

        app.task(body, shared=False, name="made.plain")
        silent(task="made.plain")

        assert reap(app) == 1

        assert Run.objects.get().state == "lost"
        assert not DeadLetter.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_reapers_one_deals_with_a_run(app, task):
    """
    Eight that look at the same moment send each lost run once.
    """
    task()
    for number in range(5):
        silent(id=f"run-{number}")
    barrier = threading.Barrier(8)
    dealt_with = []

    def look():
        barrier.wait(30)
        try:
            dealt_with.append(reap(app))
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(dealt_with) == 8
    assert sum(dealt_with) == 5
    sent = [message.headers["id"] for message in messages(app)]
    assert sorted(sent) == [f"run-{number}" for number in range(5)]
    assert set(Run.objects.values_list("crashes", flat=True)) == {1}

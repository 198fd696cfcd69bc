"""What a person sends is on record first: who is killed before its message is out loses nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery import current_app
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from recurring_jobs.inspection.triggering import trigger_task
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs import dead_letters, resending, sending
from recurring_jobs.runs.reaper import reap
from recurring_jobs.runs.stopping import cancel
from recurring_jobs.signals import run_lost
from tests.host import tasks
from tests.messages import taking
from tests.runs.test_dead_letters import QUEUE
from tests.runs.test_dead_letters import make_letter as stored_letter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """Stands for kill -9 just before a message goes out: nothing tidies up behind it."""


@pytest.fixture
def sent() -> Iterator[Callable[[], list[Any]]]:
    """Take the messages that went out."""
    with taking(QUEUE, current_app.conf.task_default_queue) as take:
        yield take


@pytest.fixture
def killed(monkeypatch) -> Callable[..., str]:
    """Call something that is killed over its message; return the id of the run on record."""

    def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
        def die(_message: object) -> None:
            raise Killed

        with monkeypatch.context() as context:
            context.setattr(sending, "_publish", die)
            with pytest.raises(Killed):
                function(*args, **kwargs)
        connection.close()
        run = Run.objects.get(state="queued")
        return str(run.pk)

    return call


def after_a_lease() -> None:
    """Have all that is held been silent for long."""
    held = Run.objects.exclude(heartbeat_at=None)
    held.update(heartbeat_at=timezone.now() - timedelta(minutes=5))


def make_letter(**values: Any) -> DeadLetter:
    return stored_letter(**{"options": {"priority": 7, "time_limit": 60}, **values})


def make_run(**values: Any) -> Run:
    letter = {"id": "run-1", "state": "succeeded", "root_id": "root-1", "queue": QUEUE}
    known = {"task": "host.add", "args": [1], "kwargs": {"right": 2}}
    options = {"priority": 7, "time_limit": 60, "headers": {"tenant": 7}}
    return Run.objects.create(**{**letter, **known, "options": options, **values})


def said(message: Any) -> tuple[Any, ...]:
    """Return all that matters of *message* but its id."""
    told = message.headers
    names = ("task", "root_id", "tenant", "timelimit", "recurring_jobs_retried_from")
    return (
        message.payload[:2],
        message.properties["priority"],
        message.delivery_info["routing_key"],
        *(told.get(name) for name in names),
        told["recurring_jobs_tracked"],
    )


class TestUnsent:
    """The sender was killed after the commit, before the message was out."""

    @pytest.mark.parametrize(
        ("make", "send"),
        [(make_letter, dead_letters.requeue), (make_run, resending.send_again)],
        ids=["letter", "run"],
    )
    def test_is_sent_just_so_after_a_lease(self, sent, killed, make, send):
        """
        The message is the one that would have gone out; before the lease ends, nobody sends it.
        """
        send(make())
        (usual,) = sent()
        Run.objects.all().delete()
        DeadLetter.objects.all().delete()
        run_id = killed(send, make())

        assert (reap(), sent()) == (0, [])
        after_a_lease()
        assert (reap(), reap()) == (1, 0)

        (message,) = sent()
        assert message.headers["id"] == run_id
        assert said(message) == said(usual)
        run = Run.objects.get(pk=run_id)
        assert (run.state, run.crashes, run.attempt) == ("queued", 0, 0)
        assert (run.holder, run.heartbeat_at) == ("", None)

    def test_of_a_trigger_is_sent_by_the_route_of_its_task(self, sent):
        """
        A triggered task goes where its messages go.
        """
        message = sending.Message("asked-1", "host.add_tracked", [1, 2])
        sending.record_queued(message)
        after_a_lease()

        assert reap() == 1

        (found,) = sent()
        assert (found.headers["id"], found.payload[0]) == ("asked-1", [1, 2])

    def test_of_a_long_transaction_is_sent_once(self, sent):
        """
        Its record may be older than a lease when it is seen at the commit; then others send it.
        """
        run = make_run()
        with transaction.atomic():
            run_id = resending.send_again(run)
            after_a_lease()
            transaction.on_commit(reap)
            connection.run_on_commit.reverse()  # They are quicker than the one who asked.

        assert [message.headers["id"] for message in sent()] == [run_id]
        assert Run.objects.get(pk=run_id).heartbeat_at is None

    def test_is_no_crash(self, sent, killed):
        """
        Nothing has run: nobody is told of a lost worker, and ``on_lost`` is not asked.
        """
        heard = []

        def on_lost(run_id, **_):
            heard.append(run_id)

        run_lost.connect(on_lost)
        killed(dead_letters.requeue, make_letter(task="host.plain_failure", args=[], kwargs={}))
        after_a_lease()

        assert reap() == 1

        run_lost.disconnect(on_lost)
        assert (len(sent()), heard) == (1, [])
        assert Run.objects.get().state == "queued"

    def test_with_a_secret_is_a_letter_that_says_so(self, sent, killed):
        """
        What was not stored cannot be sent; it is not silently forgotten either.
        """
        letter = make_letter(task="host.logs_in", args=["bob"], kwargs={})
        run_id = killed(dead_letters.requeue, letter, kwargs={"password": "hunter2"})
        after_a_lease()

        assert reap() == 1

        assert sent() == []
        assert Run.objects.get(pk=run_id).state == "lost"
        assert DeadLetter.objects.get(task_id=run_id).exception == (
            "Whoever was to send this was lost. Its arguments are not stored as they were sent."
        )

    def test_that_its_task_refuses_is_a_letter(self, sent, killed):
        """
        Arguments that no longer fit would be refused for ever.
        """
        run_id = killed(dead_letters.requeue, make_letter(args=[1, 2, 3], kwargs={}))
        after_a_lease()

        assert (reap(), reap()) == (1, 0)

        assert sent() == []
        assert Run.objects.get(pk=run_id).state == "failed"
        assert DeadLetter.objects.get(task_id=run_id).exception_type == "TypeError"

    def test_is_not_sent_once_it_is_cancelled(self, sent, killed):
        """
        Whoever cancels it meanwhile is obeyed.
        """
        run_id = killed(dead_letters.requeue, make_letter())
        cancel(Run.objects.get(pk=run_id))
        after_a_lease()

        assert (reap(), sent()) == (0, [])
        assert Run.objects.get(pk=run_id).state == "skipped"


def test_a_message_that_is_out_waits_as_long_as_it_must(sent):
    """
    A full queue is no reason to send it once more.
    """
    dead_letters.requeue(make_letter())
    trigger_task(current_app, "host.add_tracked", [1, 2])
    after_a_lease()

    assert (len(sent()), reap()) == (2, 0)


def test_two_copies_start_once(sent, monkeypatch):
    """
    Where the database goes away just after the message is out, a second copy starts nothing.
    """
    message = sending.Message("asked-1", "host.add_tracked", [1, 2])
    sending.record_queued(message)

    publish = sending._publish

    def away(*_: Any, **__: Any) -> None:
        raise DatabaseError

    with monkeypatch.context() as context:

        def publish_at_last(message: sending.Message) -> None:
            publish(message)
            context.setattr("django.db.models.query.QuerySet.update", away)

        context.setattr(sending, "_publish", publish_at_last)
        sending.send(message)
    after_a_lease()
    reap()
    copies = sent()

    for _copy in copies:
        tasks.add_tracked.apply((1, 2), task_id="asked-1", headers={"recurring_jobs_tracked": True})

    run = Run.objects.get()
    assert (len(copies), run.state, run.attempt) == (2, "succeeded", 1)

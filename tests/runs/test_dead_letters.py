from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from celery import current_app
from django.db import connection, transaction

from recurring_jobs.exceptions import NotSendableError
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs import dead_letters
from tests.messages import taking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "resent"


@pytest.fixture
def sent() -> Iterator[Callable[[], list[Any]]]:
    """Take the messages that went to the queue of the letters."""
    with taking(QUEUE) as take:
        yield take


@pytest.fixture
def no_new_queues() -> Iterator[None]:
    """Make the broker refuse queues that it does not know."""
    current_app.amqp.queues.create_missing = False
    yield
    current_app.amqp.queues.create_missing = True


def make_letter(**values: Any) -> DeadLetter:
    known = {
        "task": "host.add",
        "task_id": "failed-1",
        "root_id": "root-1",
        "queue": QUEUE,
        "args": [1],
        "kwargs": {"right": 2},
        "headers": {"tenant": 7},
        "exception_type": "ConnectionError",
    }
    return DeadLetter.objects.create(**{**known, **values})


def test_a_letter_is_sent_again_as_it_was(sent):
    """
    The new message has the old arguments and headers, a new id and the lineage.
    """
    letter = make_letter()

    task_id = dead_letters.requeue(letter, by="ann")

    (message,) = sent()
    headers = message.headers
    assert message.payload[:2] == [[1], {"right": 2}]
    assert (headers["id"], headers["task"], headers["root_id"]) == (task_id, "host.add", "root-1")
    assert (headers["tenant"], headers["recurring_jobs_retried_from"]) == (7, "failed-1")
    assert (letter.state, letter.requeued_as, letter.closed_by) == ("requeued", task_id, "ann")
    run = Run.objects.get()
    assert (run.pk, run.state, run.retried_from, run.root_id, run.queue) == (
        task_id,
        "queued",
        "failed-1",
        "root-1",
        QUEUE,
    )


def test_a_letter_is_sent_again_with_its_priority_and_limits(sent):
    """
    What a task is urgent by, and how long it may take, is said again.
    """
    dead_letters.requeue(make_letter(options={"priority": 7, "time_limit": 60}))

    (message,) = sent()
    assert message.properties["priority"] == 7
    assert message.headers["timelimit"] == [60, None]


def test_edited_arguments_replace_the_stored_ones(sent):
    """
    What a person changed is sent; what was left alone stays.
    """
    letter = make_letter()

    dead_letters.requeue(letter.pk, kwargs={"right": 40})

    (message,) = sent()
    assert message.payload[:2] == [[1], {"right": 40}]


def test_a_task_that_is_not_known_here_is_sent_by_name(sent):
    """
    The process that requeues need not have the task.
    """
    dead_letters.requeue(make_letter(task="elsewhere.pay"))

    (message,) = sent()
    assert message.headers["task"] == "elsewhere.pay"


def test_a_second_click_sends_nothing(sent):
    """
    A letter that was sent is not sent again; the caller gets the same id.
    """
    letter = make_letter()
    first = dead_letters.requeue(letter)

    second = dead_letters.requeue(letter.pk)

    assert second == first
    assert len(sent()) == 1


def test_four_people_at_once_send_one_message(sent):
    """
    Of four that requeue at the same moment, one sends.
    """
    letter = make_letter()
    barrier = threading.Barrier(4)
    ids = []

    def click():
        barrier.wait(timeout=10)
        try:
            ids.append(dead_letters.requeue(letter.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    (message,) = sent()
    assert ids == [message.headers["id"]] * 4
    assert Run.objects.count() == 1


def test_nothing_is_sent_before_the_commit(sent):
    """
    A requeue inside a transaction that is rolled back has not happened.
    """
    letter = make_letter()

    with transaction.atomic():
        dead_letters.requeue(letter)
        transaction.set_rollback(True)

    letter.refresh_from_db()
    assert letter.state == "open"
    assert sent() == []
    assert not Run.objects.exists()


def test_a_letter_that_the_broker_does_not_take_stays_open(sent, no_new_queues):
    """
    When publishing fails the error comes out, and the letter can be sent another time.
    """
    letter = make_letter(queue="nowhere")

    with pytest.raises(KeyError, match="nowhere"):
        dead_letters.requeue(letter, by="ann")

    letter.refresh_from_db()
    assert (letter.state, letter.requeued_as, letter.closed_by) == ("open", "", "")
    assert letter.closed_at is None
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("edited", "problem"),
    [
        ({"args": "[1, 2]"}, "args is '[1, 2]'. Give a list, such as [1, 2]."),
        ({"kwargs": [1]}, 'kwargs is [1]. Give a dict of names, such as {"user_id": 7}.'),
        ({"kwargs": {1: 2}}, 'kwargs is {1: 2}. Give a dict of names, such as {"user_id": 7}.'),
        ({"args": [{1}]}, "args is not JSON: Object of type set is not JSON serializable."),
        ({"args": [1, 2, 3]}, "add() takes 2 positional arguments but 3 were given."),
    ],
    ids=["text for a list", "list for a dict", "numbers for names", "no JSON", "too many"],
)
def test_wrong_arguments_are_refused(sent, edited, problem):
    """
    Arguments that cannot be are refused in a sentence, and the letter stays open.
    """
    letter = make_letter(kwargs={})

    with pytest.raises(NotSendableError) as caught:
        dead_letters.requeue(letter, **edited)

    assert str(caught.value) == f"Dead letter host.add[failed-1] cannot be sent again: {problem}"
    letter.refresh_from_db()
    assert letter.state == "open"
    assert sent() == []


class TestSecrets:
    """A letter without its secrets is not sent as it is."""

    def letter(self) -> DeadLetter:
        return make_letter(
            task="host.logs_in",
            args=["bob"],
            kwargs={"password": "[redacted]"},
            is_sendable=False,
            not_sendable_reason="secret arguments were not stored.",
        )

    def test_it_is_refused_as_it_is(self, sent):
        """
        The error says why, and what to do.
        """
        with pytest.raises(NotSendableError) as caught:
            dead_letters.requeue(self.letter())

        assert str(caught.value) == (
            "Dead letter host.logs_in[failed-1] cannot be sent again: "
            "secret arguments were not stored. Give the arguments to send it with."
        )
        assert sent() == []

    def test_a_placeholder_that_is_left_is_refused(self, sent):
        """
        Editing other arguments does not send the placeholder.
        """
        with pytest.raises(NotSendableError, match="Replace each placeholder that is left"):
            dead_letters.requeue(self.letter(), args=["ann"])

        assert sent() == []

    def test_it_is_sent_with_the_secret_given(self, sent):
        """
        With the arguments given anew it is sent, and they are not stored.
        """
        dead_letters.requeue(self.letter(), kwargs={"password": "hunter2"})

        (message,) = sent()
        assert message.payload[1] == {"password": "hunter2"}
        assert message.headers["kwargsrepr"] == "{'password': '[redacted]'}"
        assert Run.objects.get().kwargs == {"password": "[redacted]"}


def test_a_discarded_letter_is_closed(sent):
    """
    Discarding closes a letter once, and it is not sent any more.
    """
    letter = make_letter()

    assert dead_letters.discard(letter, by="ann")
    assert not dead_letters.discard(letter.pk, by="bob")

    assert (letter.state, letter.closed_by) == ("discarded", "ann")
    with pytest.raises(NotSendableError, match=r"it was discarded by ann\."):
        dead_letters.requeue(letter)
    assert sent() == []


def test_a_letter_that_was_sent_is_not_discarded(sent):
    """
    Discarding after sending changes nothing.
    """
    letter = make_letter()
    dead_letters.requeue(letter)

    assert not dead_letters.discard(letter)
    assert letter.state == "requeued"


def test_questions_about_letters():
    """
    Letters are found by whether they are open, and by task.
    """
    mine = make_letter(task="host.add", task_id="a")
    make_letter(task="host.add", task_id="b", state="discarded")
    make_letter(task="host.pay", task_id="c")

    assert list(DeadLetter.objects.open().for_task("host.add")) == [mine]

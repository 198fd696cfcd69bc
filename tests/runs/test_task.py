"""What a task of the base class does, attempt by attempt; see test_traps.py as well."""

from __future__ import annotations

from datetime import timedelta

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery import current_app
from celery.exceptions import Reject

from recurring_jobs import GiveUp, RetryLater
from tests.host import tasks
from tests.runs.conftest import attempt
from tests.runs.test_traps import attempts_of, our_family

__all__ = ["our_family"]  # a fixture

pytestmark = pytest.mark.django_db


def test_no_limit_as_an_attribute_is_none(failing):
    """
    Max_retries None retries without end.
    """
    task = failing(max_retries=None)

    assert attempt(task, retries=1000).sig.options["retries"] == 1001


def test_the_limit_of_one_call_counts_for_that_call(app, our_family):
    """
    When a retry by hand has no retries left, the task does not go on by itself.
    """
    attempts = []

    def body(self):
        attempts.append(self.request.retries)
        raise self.retry(exc=ConnectionError("away"), max_retries=1)

    task = app.task(bind=True, base=our_family, name="made.by_hand", shared=False)(body)
    result = task.apply()

    assert attempts == [0, 1]
    assert repr(result.result) == "ConnectionError('away')"


def test_a_soft_time_limit_is_retried_where_it_is_named(failing, our_family):
    """
    Naming the very class in autoretry_for retries it.
    """
    task = failing(SoftTimeLimitExceeded(), base=our_family, autoretry_for=(SoftTimeLimitExceeded,))

    assert attempts_of(task) == 6


def test_jitter_stays_below_the_backoff(failing):
    """
    Fully jittered waits lie between nothing and the backoff, and differ.
    """
    task = failing(retry_backoff=0.5)

    waits = [attempt(task, retries=2).when for _ in range(50)]

    assert all(0 <= wait < 2 for wait in waits)
    assert len(set(waits)) > 40


def test_always_eager_runs_retry(app, failing, our_family):
    """
    delay() under task_always_eager and task_eager_propagates retries, then raises.
    """
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    task = failing(base=our_family)

    with pytest.raises(ConnectionError, match="away"):
        task.delay()

    assert task.attempts == [0, 1, 2, 3, 4, 5]


def test_a_direct_call_is_a_function_call(failing):
    """
    Calling the task raises what the body raises, at once.
    """
    task = failing()

    with pytest.raises(ConnectionError, match="away"):
        task()

    assert task.attempts == [0]


@pytest.mark.parametrize("delay", [7.5, timedelta(seconds=7.5)], ids=["seconds", "timedelta"])
def test_retry_later_waits_as_asked(failing, delay):
    """
    RetryLater waits exactly its delay, beyond the maximum and without jitter.
    """
    task = failing(RetryLater(delay), retry_backoff_max=1)

    assert attempt(task).when == 7.5


def test_retry_later_counts_as_a_retry():
    """
    RetryLater uses up the retries, and ends as itself.
    """
    result = tasks.waits.apply()

    assert result.result == 1


def test_retries_by_hand_use_the_backoff():
    """
    raise self.retry(exc=exc) waits as the task's own retries do, unless it says how long.
    """
    task = tasks.retries_by_hand

    assert [attempt(task, retries=retry).when for retry in (0, 1)] == [0.01, 0.02]


@pytest.mark.parametrize("given", [{"countdown": 0}, {"countdown": 33}], ids=["now", "33 s"])
def test_a_countdown_by_hand_counts(app, given, our_family):
    """
    A countdown given to retry() is used as it is.
    """

    def body(self):
        raise self.retry(exc=ConnectionError(), **given)

    task = app.task(bind=True, base=our_family, name="made.countdown", shared=False)(body)

    assert attempt(task).sig.options["countdown"] == given["countdown"]


@pytest.mark.parametrize(
    ("exc", "state"),
    [(GiveUp("closed"), "FAILURE"), (Reject("no"), "REJECTED")],
    ids=["give up", "reject"],
)
def test_a_blanket_retry_by_hand_respects_the_end(app, exc, state, our_family):
    """
    "except Exception as exc: raise self.retry(exc=exc)" does not retry what is to end.
    """
    attempts = []

    def body(self):
        attempts.append(1)
        try:
            raise exc  # noqa: TRY301  the shape of the blanket retry
        except Exception as error:
            raise self.retry(exc=error) from error

    task = app.task(bind=True, base=our_family, name="made.blanket", shared=False)(body)

    assert task.apply().state == state
    assert len(attempts) == 1


def test_a_blanket_retry_by_hand_sends_one_message(app, our_family):
    """
    A retry inside the try of another is not sent twice.
    """

    def body(self):
        try:
            raise self.retry(exc=ConnectionError(), countdown=1)  # noqa: TRY301  see above
        except Exception as error:
            raise self.retry(exc=error, countdown=2) from error

    task = app.task(bind=True, base=our_family, name="made.nested", shared=False)(body)

    assert attempt(task).when == 1


def test_tracebacks_travel_with_the_message(failing):
    """
    A retry carries the tracebacks of the attempts before it, five at most.
    """
    task = failing(ConnectionError("away"))
    headers = {"theirs": 1, "recurring_jobs_failures": ["one", "two", "three", "four", "five"]}

    sent = attempt(task, headers=headers).sig.options["headers"]

    assert sent["theirs"] == 1
    assert sent["recurring_jobs_failures"][:4] == ["two", "three", "four", "five"]
    assert sent["recurring_jobs_failures"][4].endswith("ConnectionError: away\n")


def test_a_long_traceback_is_cut(failing):
    """
    Four kilobytes of each traceback travel: its end, where the message is.
    """
    task = failing(ConnectionError("x" * 50_000 + "the end"))

    (sent,) = attempt(task).sig.options["headers"]["recurring_jobs_failures"]

    assert len(sent) == 4 * 1024 + 1
    assert sent.endswith("the end\n")


def test_secrets_do_not_travel_in_clear_texts():
    """
    What a sent message says of its arguments for logs and results holds no secret.
    """
    with current_app.connection_for_write() as connection:
        tasks.logs_in.apply_async(("bob", "hunter2"), queue="unseen", account="acc-1234")
        queue = connection.SimpleQueue("unseen")
        message = queue.get(timeout=5)
        message.ack()
        queue.close()

    assert message.headers["argsrepr"] == "('bob', '[redacted]')"
    assert message.payload[0] == ["bob", "hunter2"]

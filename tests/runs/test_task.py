"""The traps of Celery's own retries, each shown beside what becomes of it here."""

from __future__ import annotations

from datetime import timedelta

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Task, current_app
from celery.contrib.django.task import DjangoTask
from celery.exceptions import MaxRetriesExceededError, Reject, Retry

from recurring_jobs import BaseTaskWithRetry, GiveUp, RetryLater
from recurring_jobs.models import DeadLetter
from tests.host import tasks
from tests.runs.conftest import attempt

pytestmark = pytest.mark.django_db


def family(base):
    """Make a family as Celery's documentation shows one; a new one, since Celery changes it."""
    options = {
        "abstract": True,
        "autoretry_for": (Exception,),
        "retry_kwargs": {"max_retries": 5},
        "retry_backoff": False,
        "default_retry_delay": 0,
    }
    return type("Family", (base,), options)


@pytest.fixture
def plain_family():
    """A family on Celery's own class."""
    return family(Task)


@pytest.fixture
def our_family():
    """The same family on ours."""
    return family(BaseTaskWithRetry)


def attempts_of(task, *args, **kwargs):
    task.attempts.clear()
    task.apply(args, kwargs)
    return len(task.attempts)


def test_a_limit_of_the_decorator_is_the_nearest(failing, plain_family, our_family):
    """
    A decorator's max_retries wins over the retry_kwargs of a base class.
    """
    plain = failing(base=plain_family, max_retries=1)
    ours = failing(base=our_family, max_retries=1)

    assert attempts_of(plain) == 6
    assert attempts_of(ours) == 2


def test_retry_kwargs_of_the_decorator_leave_the_other_keys(failing, plain_family, our_family):
    """
    Retry_kwargs of a decorator without a limit keep that of the base class.
    """
    plain = failing(base=plain_family, retry_kwargs={"countdown": 0})
    ours = failing(base=our_family, retry_kwargs={"countdown": 0})

    assert attempts_of(plain) == 4
    assert attempts_of(ours) == 6


def test_no_limit_in_retry_kwargs_is_none(failing, plain_family, our_family):
    """
    Retry_kwargs with max_retries None retry without end, not three times.
    """
    plain = failing(base=plain_family, retry_kwargs={"max_retries": None})
    ours = failing(base=our_family, retry_kwargs={"max_retries": None})

    assert attempts_of(plain) == 4
    assert ours.max_retries is None
    assert attempt(ours, retries=1000).sig.options["retries"] == 1001


def test_no_limit_as_an_attribute_is_none(failing):
    """
    Max_retries None retries without end.
    """
    task = failing(max_retries=None)

    assert attempt(task, retries=1000).sig.options["retries"] == 1001


def test_the_limit_of_one_call_is_forgotten(app, plain_family, our_family):
    """
    A retry(max_retries=1) made by hand does not change what the task does later.
    """

    def make(base):
        def body(self, by_hand):
            self.attempts.append(by_hand)
            if by_hand:
                raise self.retry(exc=ConnectionError(), max_retries=1)
            raise ConnectionError

        task = app.task(bind=True, base=base, name=f"made.{base.__base__.__name__}", shared=False)(
            body
        )
        task.attempts = []
        return task

    plain, ours = make(plain_family), make(our_family)
    attempts_of(plain, by_hand=True)
    attempts_of(ours, by_hand=True)

    assert attempts_of(plain, by_hand=False) == 2
    assert attempts_of(ours, by_hand=False) == 6


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


def test_a_retry_without_exception_ends_after_its_own_limit(app, our_family):
    """
    The MaxRetriesExceededError of a bare self.retry() is not retried again.
    """
    attempts = []

    def body(self):
        attempts.append(self.request.retries)
        raise self.retry(max_retries=2)

    task = app.task(bind=True, base=our_family, name="made.bare", shared=False)(body)
    result = task.apply()

    assert attempts == [0, 1, 2]
    assert isinstance(result.result, MaxRetriesExceededError)


def test_exhausted_retries_end_with_the_cause(failing, our_family):
    """
    When no retry is left, the exception of the task comes out, by itself or by hand.
    """
    assert repr(failing(base=our_family).apply().result) == "ConnectionError('away')"


def test_expected_failures_are_dead_letters_too(failing, our_family):
    """
    Throws lowers the level of Celery's log line, and nothing else.
    """
    task = failing(base=our_family, throws=(ConnectionError,))

    assert attempts_of(task) == 6
    assert DeadLetter.objects.get().task == task.name


def test_delay_on_commit_tells_the_id(failing, django_capture_on_commit_callbacks):
    """
    delay_on_commit returns the id of the run, where Celery's returns nothing.
    """
    plain, ours = failing(base=DjangoTask), failing()

    with django_capture_on_commit_callbacks():
        assert plain.delay_on_commit() is None
        assert isinstance(ours.delay_on_commit(), str)
        assert ours.apply_async_on_commit(task_id="chosen") == "chosen"


def test_eager_retries_wait_as_set(app, settings, monkeypatch):
    """
    EAGER_LONGEST_WAIT has eager retries wait as their task says, up to that long.
    """
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    settings.RECURRING_JOBS = {"EAGER_LONGEST_WAIT": timedelta(seconds=2)}

    def body(self):
        raise ConnectionError

    options = {"retry_backoff": 1, "retry_jitter": False, "max_retries": 3}
    app.task(bind=True, base=BaseTaskWithRetry, name="made.eager", shared=False, **options)(
        body
    ).apply()

    assert waits == [1.0, 2.0, 2.0]


def test_the_tasks_of_a_family_share_no_options(app, failing, our_family):
    """
    A retry(max_retries=1) made by hand in one task does not reach another of its family.
    """

    def body(self):
        raise self.retry(exc=ConnectionError(), max_retries=1)

    app.task(bind=True, base=our_family, name="made.by_hand", shared=False)(body).apply()

    assert our_family.retry_kwargs == {"max_retries": 5}
    assert attempts_of(failing(base=our_family)) == 6


@pytest.mark.parametrize(
    "exc",
    [Reject("no"), SoftTimeLimitExceeded(), MaxRetriesExceededError(), GiveUp("closed")],
    ids=lambda exc: type(exc).__name__,
)
def test_what_must_not_be_retried_is_not(failing, exc, plain_family, our_family):
    """
    A family that retries any Exception still ends where retrying makes no sense.
    """
    assert attempts_of(failing(exc, base=plain_family)) == 6
    assert attempts_of(failing(exc, base=our_family)) == 1
    assert attempts_of(failing(exc, base=our_family, dont_autoretry_for=(KeyError,))) == 1


def test_a_soft_time_limit_is_retried_where_it_is_named(failing, our_family):
    """
    Naming the very class in autoretry_for retries it.
    """
    task = failing(SoftTimeLimitExceeded(), base=our_family, autoretry_for=(SoftTimeLimitExceeded,))

    assert attempts_of(task) == 6


def test_fractions_of_a_second_count(failing):
    """
    A backoff of half a second waits half a second, then one.
    """
    options = {"retry_backoff": 0.5, "retry_jitter": False}
    plain = failing(base=Task, autoretry_for=(Exception,), **options)
    ours = failing(**options)

    assert [attempt(plain, retries=retry).when for retry in (0, 1, 2)] == [1, 2, 4]
    assert [attempt(ours, retries=retry).when for retry in (0, 1, 2)] == [0.5, 1.0, 2.0]


def test_jitter_stays_below_the_backoff(failing):
    """
    Fully jittered waits lie between nothing and the backoff, and differ.
    """
    task = failing(retry_backoff=0.5)

    waits = [attempt(task, retries=2).when for _ in range(50)]

    assert all(0 <= wait < 2 for wait in waits)
    assert len(set(waits)) > 40


def test_eager_tasks_that_throw_are_retried_too(failing, plain_family, our_family):
    """
    With throw=True all retries happen, and the last exception comes out.
    """
    plain, ours = failing(base=plain_family), failing(base=our_family)

    with pytest.raises(Retry):
        plain.apply(throw=True)
    with pytest.raises(ConnectionError, match="away"):
        ours.apply(throw=True)

    assert len(plain.attempts) == 1
    assert len(ours.attempts) == 6


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

"""
The traps of Celery's own retries: each falls shut on a plain task, and not on ours.

1. Options of one task reach others of its family (Celery up to 5.6).
2. The limit of one ``retry()`` by hand stays.
3. A decorator's limit loses to its base class; its ``retry_kwargs`` replace all others.
4. What must not be retried is.
5. A bare ``retry()`` that is used up is retried by the task.
6. No limit means three.
7. Eager retries do not wait, and do not happen where exceptions are thrown.
8. Of a run whose retries are used up nothing says so.
9. What ``before_start()`` raises is not retried.
10. A wait longer than Redis' visibility timeout runs twice: ``tests/live/test_traps.py``.
11. A worker that dies between retry and acknowledgement runs an attempt again: there too.
12. A copy of a message counts twice in a chord.
13. ``throws`` hides failures from the log, and nothing else keeps them.
14. A ``__call__()`` of the class hides the request behind a copy in eager mode.

Beside these: fractions of a backoff are lost, and ``delay_on_commit()`` returns nothing.
"""

from __future__ import annotations

from datetime import timedelta

import celery
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery, Task
from celery.app.trace import build_tracer
from celery.contrib.django.task import DjangoTask
from celery.exceptions import MaxRetriesExceededError, Reject, Retry
from django_celery_results.models import ChordCounter

from recurring_jobs import BaseTaskWithRetry, GiveUp
from recurring_jobs.models import DeadLetter, Run
from tests.runs.conftest import attempt

pytestmark = pytest.mark.django_db


def family(base, **more):
    """Make a family as Celery's documentation shows one; a new one, since Celery changes it."""
    options = {
        "abstract": True,
        "autoretry_for": (Exception,),
        "retry_kwargs": {"max_retries": 5},
        "retry_backoff": False,
        "default_retry_delay": 0,
    }
    return type("Family", (base,), {**options, **more})


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


def deliver(task, task_id, args=(), **request):
    """Have *task* executed as a worker does with one message."""
    known = {"id": task_id, "retries": 0, "delivery_info": {}, "hostname": "one@host"}
    return build_tracer(task.name, task, app=task.app)(task_id, args, {}, {**known, **request})


def made(app, base, body, **options):
    """Make a task of *body* that notes in its list ``attempts``."""
    name = f"made.{base.__mro__[1].__name__}.{body.__name__}"
    task = app.task(bind=True, base=base, name=name, shared=False, **options)(body)
    task.attempts = []
    return task


def test_1_the_tasks_of_a_family_share_no_options(app, failing, plain_family, our_family):
    """
    A retry(max_retries=1) made by hand in one task does not reach another of its family.
    """

    def by_hand(self):
        raise self.retry(exc=ConnectionError(), max_retries=1)

    for base in (plain_family, our_family):
        made(app, base, by_hand).apply()

    is_mended = celery.VERSION >= (5, 7)
    assert plain_family.retry_kwargs == {"max_retries": 5 if is_mended else 1}
    assert attempts_of(failing(base=plain_family)) == (6 if is_mended else 2)
    assert our_family.retry_kwargs == {"max_retries": 5}
    assert attempts_of(failing(base=our_family)) == 6


def test_2_the_limit_of_one_call_is_forgotten(app, plain_family, our_family):
    """
    A retry(max_retries=1) made by hand does not change what the task does later.
    """

    def sometimes(self, by_hand):
        self.attempts.append(by_hand)
        if by_hand:
            raise self.retry(exc=ConnectionError(), max_retries=1)
        raise ConnectionError

    plain, ours = (made(app, base, sometimes) for base in (plain_family, our_family))
    attempts_of(plain, by_hand=True)
    attempts_of(ours, by_hand=True)

    assert attempts_of(plain, by_hand=False) == 2
    assert attempts_of(ours, by_hand=False) == 6


def test_3_a_limit_of_the_decorator_is_the_nearest(failing, plain_family, our_family):
    """
    A decorator's max_retries wins over the retry_kwargs of a base class.
    """
    assert attempts_of(failing(base=plain_family, max_retries=1)) == 6
    assert attempts_of(failing(base=our_family, max_retries=1)) == 2


def test_3_retry_kwargs_of_the_decorator_leave_the_other_keys(failing, plain_family, our_family):
    """
    Retry_kwargs of a decorator without a limit keep that of the base class.
    """
    options = {"retry_kwargs": {"countdown": 0}}

    assert attempts_of(failing(base=plain_family, **options)) == 4
    assert attempts_of(failing(base=our_family, **options)) == 6


@pytest.mark.parametrize(
    "exc",
    [Reject("no"), SoftTimeLimitExceeded(), MaxRetriesExceededError(), GiveUp("closed")],
    ids=lambda exc: type(exc).__name__,
)
def test_4_what_must_not_be_retried_is_not(failing, exc, plain_family, our_family):
    """
    A family that retries any Exception still ends where retrying makes no sense.
    """
    assert attempts_of(failing(exc, base=plain_family)) == 6
    assert attempts_of(failing(exc, base=our_family)) == 1
    assert attempts_of(failing(exc, base=our_family, dont_autoretry_for=(KeyError,))) == 1


def test_5_a_retry_without_exception_ends_after_its_own_limit(app, plain_family, our_family):
    """
    The MaxRetriesExceededError of a bare self.retry() is not retried again.
    """

    def bare(self):
        self.attempts.append(self.request.retries)
        raise self.retry(countdown=0)

    plain = made(app, plain_family, bare)
    ours = made(app, our_family, bare, max_retries=3, retry_kwargs={})
    result = ours.apply()

    assert attempts_of(plain) == 6  # three of its own, then those of the family
    assert ours.attempts == [0, 1, 2, 3]
    assert isinstance(result.result, MaxRetriesExceededError)


def test_6_no_limit_in_retry_kwargs_is_none(failing, plain_family, our_family):
    """
    Retry_kwargs with max_retries None retry without end, not three times.
    """
    plain = failing(base=plain_family, retry_kwargs={"max_retries": None})
    ours = failing(base=our_family, retry_kwargs={"max_retries": None})

    assert attempts_of(plain) == 4
    assert ours.max_retries is None
    assert attempt(ours, retries=1000).sig.options["retries"] == 1001


def test_7_eager_tasks_that_throw_are_retried_too(failing, plain_family, our_family):
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


def test_7_eager_retries_wait_as_set(app, failing, settings, monkeypatch):
    """
    EAGER_LONGEST_WAIT has eager retries wait as their task says, up to that long.
    """
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    settings.RECURRING_JOBS = {"EAGER_LONGEST_WAIT": timedelta(seconds=2)}
    options = {"retry_backoff": 1, "retry_jitter": False, "max_retries": 3}

    failing(base=Task, autoretry_for=(Exception,), **options).apply()
    assert waits == []
    failing(**options).apply()
    assert waits == [1.0, 2.0, 2.0]


def test_8_exhausted_retries_end_with_the_cause(failing, plain_family, our_family):
    """
    When no retry is left the exception of the task comes out, and a letter tells of them.
    """
    assert repr(failing(base=plain_family).apply().result) == "ConnectionError('away')"
    assert not DeadLetter.objects.exists()

    assert repr(failing(base=our_family).apply().result) == "ConnectionError('away')"
    assert DeadLetter.objects.get().attempts == 6


def test_9_what_comes_before_the_start_is_retried(app):
    """
    An exception of before_start() is one of the attempt, and is retried.
    """

    def before_start(self, task_id, args, kwargs):
        self.attempts.append((task_id, args, kwargs))
        if len(self.attempts) < 3:
            raise ConnectionError

    def body(self, number):
        return number * 2

    plain, ours = (
        made(app, family(base, before_start=before_start), body)
        for base in (Task, BaseTaskWithRetry)
    )
    failed, done = plain.apply((4,)), ours.apply((4,), task_id="begun")

    assert (failed.state, len(plain.attempts)) == ("FAILURE", 1)
    assert (done.result, ours.attempts) == (8, [("begun", (4,), {})] * 3)
    assert ours(5) == 10
    assert len(ours.attempts) == 3


def test_9_nothing_comes_before_a_copy_of_a_start(app):
    """
    Celery calls before_start() for each copy of a message; ours for none that is dropped.
    """

    def before_start(self, *_):
        self.attempts.append("before")

    def body(self):
        self.attempts.append("body")

    plain = made(app, family(Task, before_start=before_start), body)
    ours = made(app, family(BaseTaskWithRetry, before_start=before_start), body, tracked=True)
    for task in (plain, ours):
        deliver(task, f"{task.name}-1")
        deliver(task, f"{task.name}-1")

    assert plain.attempts == ["before", "body"] * 2
    assert ours.attempts == ["before", "body"]


def test_11_a_message_that_comes_again_after_its_retry_does_nothing(app):
    """
    The message of an attempt that asked for a retry is dropped when it comes once more.
    """

    def body(self):
        self.attempts.append(self.request.retries)
        if not self.request.retries:
            raise self.retry(exc=ConnectionError(), countdown=0)

    plain = made(app, family(Task), body)
    ours = made(app, family(BaseTaskWithRetry), body, tracked=True)
    for task in (plain, ours):
        for retries in (0, 0, 1):
            deliver(task, f"{task.name}-1", retries=retries)

    assert plain.attempts == [0, 0, 1]
    assert ours.attempts == [0, 1]
    assert Run.objects.get().state == "succeeded"


def test_12_a_copy_counts_once_in_a_chord():
    """
    A part of a chord whose message comes twice is counted once, so that the body waits.
    """
    app = Celery("made", broker="memory://", backend="django-db", set_as_current=False)

    def part(self):
        return 1

    body = {"task": "made.body", "args": [], "kwargs": {}, "options": {}}
    left = {}
    for base, options in ((Task, {}), (BaseTaskWithRetry, {"tracked": True})):
        task = made(app, family(base), part, **options)
        group = f"group of {task.name}"
        ChordCounter.objects.create(group_id=group, sub_tasks="[]", count=3)
        for _ in range(2):
            deliver(task, f"{task.name}-1", group=group, chord=body)
        left[base] = ChordCounter.objects.get(group_id=group).count

    assert left == {Task: 1, BaseTaskWithRetry: 2}


def test_13_expected_failures_are_dead_letters_too(failing, plain_family, our_family):
    """
    Throws lowers the level of Celery's log line, and nothing else.
    """
    plain, ours = (failing(base=base, throws=(OSError,)) for base in (plain_family, our_family))

    assert attempts_of(plain) == 6
    assert not DeadLetter.objects.exists()
    assert attempts_of(ours) == 6
    assert DeadLetter.objects.get().task == ours.name


def test_14_a_class_with_its_own_call_sees_its_request(app):
    """
    Behind a __call__() of the class stands the request of the attempt, not a copy of it.
    """

    def own_call(base):
        def __call__(self, *args, **kwargs):  # noqa: N807  it is that method
            return base.__call__(self, *args, **kwargs)

        def after_return(self, *_):
            self.attempts.append(getattr(self.request, "noted", None))

        return family(base, __call__=__call__, after_return=after_return)

    def body(self, number):
        self.request.noted = self.request.retries
        if self.request.retries < 2:
            raise ConnectionError
        return number * 2

    plain, ours = (made(app, own_call(base), body) for base in (Task, BaseTaskWithRetry))

    assert (plain.apply((4,)).result, plain.attempts) == (8, [None])
    assert (ours.apply((4,)).result, ours.attempts) == (8, [2])
    with pytest.raises(ConnectionError):
        ours(4)


def test_a_task_that_calls_itself_is_one_attempt(app, plain_family, our_family):
    """
    Within its body a task may be called as a function: what that raises, it may handle.
    """

    def body(self, depth):
        self.attempts.append(depth)
        if depth:
            raise ConnectionError
        try:
            self(1)
        except ConnectionError:
            return "handled"

    plain, ours = (made(app, base, body) for base in (plain_family, our_family))

    assert (plain.apply((0,)).state, plain.attempts.count(0)) == ("FAILURE", 1)
    assert (ours.apply((0,)).result, ours.attempts) == ("handled", [0, 1])


def test_fractions_of_a_second_count(failing):
    """
    A backoff of half a second waits half a second, then one.
    """
    options = {"retry_backoff": 0.5, "retry_jitter": False}
    plain = failing(base=Task, autoretry_for=(Exception,), **options)
    ours = failing(**options)

    assert [attempt(plain, retries=retry).when for retry in (0, 1, 2)] == [1, 2, 4]
    assert [attempt(ours, retries=retry).when for retry in (0, 1, 2)] == [0.5, 1.0, 2.0]


def test_delay_on_commit_tells_the_id(failing, django_capture_on_commit_callbacks):
    """
    delay_on_commit returns the id of the run, where Celery's returns nothing.
    """
    plain, ours = failing(base=DjangoTask), failing()

    with django_capture_on_commit_callbacks():
        assert plain.delay_on_commit() is None
        assert isinstance(ours.delay_on_commit(), str)
        assert ours.apply_async_on_commit(task_id="chosen") == "chosen"

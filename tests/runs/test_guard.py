"""Runs that must not overlap: who is let in, who is sent away, and when the place is free."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from celery.exceptions import Reject, Retry
from django.utils import timezone

from recurring_jobs import BaseTaskWithRetry, GiveUp, RetryLater
from recurring_jobs.exceptions import (
    InvalidTaskOptionError,
    NoLockError,
    OverlapKeyError,
    StillRunningError,
)
from recurring_jobs.models import DeadLetter, Run, TaskLock
from recurring_jobs.runs import locks
from recurring_jobs.runs.overlap import overlap_key
from recurring_jobs.signals import run_skipped
from tests.host import tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def make(app):
    """Make a task that does what *body* says, without waits between attempts."""

    def make(body=lambda task: None, **options):
        options.setdefault("name", f"made.{uuid4().hex}")
        options.setdefault("no_overlap", True)
        options = {"retry_jitter": False, "retry_backoff": 0.01, "max_retries": 2, **options}

        def run(self, account=1):
            return body(self)

        return app.task(bind=True, base=BaseTaskWithRetry, shared=False, **options)(run)

    return make


def hold(task, *args, owner="other", **kwargs):
    """Take the lock of a run of *task* for another run."""
    return locks.take(overlap_key(task, args, kwargs), owner=owner, worker="elsewhere:1")


def holder_of(task):
    """Return who has the lock of *task*, by its row."""
    return TaskLock.objects.get(task=task.name).owner


class TestOneAtATime:
    """What becomes of a run that finds another one at work."""

    def test_a_run_that_is_alone_succeeds(self, make):
        """
        A run takes the lock, knows its token, frees the lock and is on record.
        """
        task = make(lambda task: (task.fencing_token, holder_of(task), task.lock.is_held()))

        token, owner, is_held = task.apply(task_id="run-1").result

        assert (owner, is_held) == ("run-1", True)
        assert TaskLock.objects.get().token == token
        assert holder_of(task) == ""
        assert Run.objects.get().state == "succeeded"

    def test_a_second_run_is_skipped_and_on_record(self, make, caplog):
        """
        A run whose lock is held does nothing, and says whose fault it is.
        """
        caplog.set_level("INFO")
        said = []
        run_skipped.connect(listener := lambda signal, **facts: said.append(facts))
        task = make(lambda task: pytest.fail("it ran"))
        hold(task)

        result = task.apply(task_id="run-2")

        run = Run.objects.get()
        assert (run.state, run.exception) == ("skipped", "Run other is still at work.")
        assert result.state == "IGNORED"
        assert [(each["run_id"], each["holder"]) for each in said] == [("run-2", "other")]
        assert "recurring_jobs.run.skipped" in caplog.messages
        assert not DeadLetter.objects.exists()
        assert holder_of(task) == "other"
        run_skipped.disconnect(listener)

    def test_a_waiting_run_that_cannot_wait_becomes_a_dead_letter(self, make):
        """
        Where "wait" has waited long enough, nothing is lost: a person can send it again.
        """
        task = make(lambda task: pytest.fail("it ran"), no_overlap="wait")
        hold(task)

        result = task.apply(task_id="run-3")

        assert isinstance(result.result, StillRunningError)
        assert str(result.result).startswith(f"Run other of {task.name!r} was still at work")
        assert DeadLetter.objects.get().task_id == "run-3"

    def test_an_eager_run_waits_as_long_as_set(self, make, settings):
        """
        An eager "wait" looks again until the other has ended.
        """
        settings.RECURRING_JOBS = {"EAGER_LONGEST_WAIT": timedelta(seconds=30)}
        task = make(lambda task: "done", no_overlap="wait")
        hold(task)
        TaskLock.objects.update(lease_until=timezone.now() + timedelta(seconds=0.3))

        assert task.apply().result == "done"

    def test_other_keys_do_not_wait(self, make):
        """
        Only runs of one key exclude each other.
        """
        task = make(lambda task: "done", overlap_key=["account"])
        hold(task, 1)

        assert task.apply((2,)).result == "done"
        assert task.apply((1,)).state == "IGNORED"
        assert task.apply(kwargs={"account": 1}).state == "IGNORED"

    def test_children_of_one_parent_exclude_each_other(self, make):
        """
        Tasks that share a root, as those of a chain do, are still different runs.
        """
        inner = make(lambda task: pytest.fail("it ran"), name="made.both")
        task = make(lambda task: inner.apply().state, name="made.parent", no_overlap=False)
        hold(inner, owner="its sister")

        assert task.apply().result == "IGNORED"

    def test_a_direct_call_takes_no_lock(self, make):
        """
        Calling the task is a function call.
        """
        task = make(lambda task: (task.lock, task.fencing_token))
        hold(task)

        assert task() == (None, None)

    def test_no_lock_no_run(self, make):
        """
        Where nothing takes the lock, the task refuses to run.
        """
        task = make()
        task.push_request(id="run-4", called_directly=False, is_eager=True)

        with pytest.raises(NoLockError, match="Add 'recurring_jobs' to INSTALLED_APPS"):
            task.run()

        task.pop_request()

    def test_the_message_of_an_ended_run_is_no_second_run(self, make):
        """
        A copy that comes late neither runs nor is recorded as skipped.
        """
        task = make(lambda task: "done")
        task.apply(task_id="run-5")
        hold(task)

        task.apply(task_id="run-5")

        assert Run.objects.get().state == "succeeded"

    def test_a_copy_frees_nothing_between_two_attempts(self, make):
        """
        A late copy of an earlier attempt leaves the lock to the run that waits to retry.
        """
        task = make(lambda task: pytest.fail("it ran"))
        lock = hold(task, owner="run-6")
        lock.suspend(timedelta(minutes=5))
        Run.objects.create(id="run-6", task=task.name, state="retrying", attempt=2, next_attempt=3)

        task.apply(task_id="run-6")

        assert holder_of(task) == "run-6"
        assert TaskLock.objects.get().worker == ""


class TestHeldThroughTheRun:
    """How long a run has its lock."""

    def test_it_is_held_through_retries(self, make):
        """
        Between two attempts no other run gets in, and each attempt has a larger token.
        """
        tokens, seen = [], []

        def body(task):
            tokens.append(task.fencing_token)
            seen.append(holder_of(task))
            if task.request.retries < 2:
                raise ConnectionError

        make(body).apply(task_id="run-1")

        assert seen == ["run-1"] * 3
        assert tokens == sorted(set(tokens))
        assert TaskLock.objects.get().owner == ""

    def test_it_is_kept_while_the_retry_waits(self, make):
        """
        The lease covers the wait, and belongs to no worker.
        """
        task = make()
        lock = hold(task, owner="run-1")
        task.push_request(id="run-1", called_directly=False, is_eager=False, args=(), kwargs={})
        from recurring_jobs.runs.guard import Place

        place = Place(task)
        place.lock = lock
        place.keep(3600)
        task.pop_request()

        row = TaskLock.objects.get()
        assert (row.owner, row.worker) == ("run-1", "")
        assert row.lease_until > timezone.now() + timedelta(minutes=65)

    @pytest.mark.parametrize(
        "exc",
        [GiveUp("closed"), Reject("no"), KeyError("x"), RetryLater(0)],
        ids=["give up", "reject", "retries used up", "retry later used up"],
    )
    def test_a_bad_end_frees_it(self, make, exc):
        """
        However a run ends, others may begin.
        """

        def body(task):
            raise exc

        task = make(body)

        task.apply()

        assert holder_of(task) == ""

    def test_a_rejected_message_that_comes_again_keeps_it(self, make):
        """
        A run that goes back to the queue has its lock when it comes again.
        """

        def body(task):
            raise Reject(requeue=True)

        task = make(body)

        task.apply(task_id="run-1")

        assert holder_of(task) == "run-1"
        assert TaskLock.objects.get().worker == ""

    def test_a_retry_that_the_task_raises_itself_keeps_it(self, make):
        """
        A Retry counts as one, whoever has made it.
        """

        def body(task):
            raise Retry(when=60)

        task = make(body)

        task.apply(task_id="run-1")

        assert holder_of(task) == "run-1"

    def test_a_run_that_lost_its_lock_while_it_waited_is_not_skipped(self, make):
        """
        What has begun waits for the other run instead of being dropped.
        """
        task = make(lambda task: pytest.fail("it ran"))
        hold(task)

        result = task.apply(task_id="run-1", retries=1)

        assert isinstance(result.result, StillRunningError)

    def test_a_broken_lock_is_not_freed_by_its_holder(self, make):
        """
        A run whose lock was taken from it leaves the next holder's alone.
        """

        def body(task):
            locks.break_lock(TaskLock.objects.get())
            hold(task, owner="next")

        task = make(body)

        task.apply()

        assert holder_of(task) == "next"


class TestKeys:
    """Which runs exclude each other."""

    @pytest.mark.parametrize(
        ("chosen", "left", "right"),
        [
            (None, ((1,), {}), ((2,), {})),
            (["account"], ((1,), {}), ((), {"account": 1})),
            (["account"], ((), {}), ((1,), {})),
            (lambda account=1: account // 10, ((11,), {}), ((19,), {})),
            (lambda account: account, (({"a": 1, "b": 2},), {}), (({"b": 2, "a": 1},), {})),
        ],
        ids=["no key", "by position or name", "default", "function", "order of a dict"],
    )
    def test_same_keys(self, make, chosen, left, right):
        """
        The key is made of what the arguments mean, not of how they were given.
        """
        task = make(overlap_key=chosen)

        assert overlap_key(task, *left) == overlap_key(task, *right)

    def test_different_keys(self, make):
        """
        Different values, and different tasks, have different keys.
        """
        task, other = make(overlap_key=["account"]), make(overlap_key=["account"])

        keys = {overlap_key(each, (value,), {}).id for each in (task, other) for value in (1, "1")}

        assert len(keys) == 4

    def test_a_shared_task_has_the_key_it_names(self):
        """
        What @shared_task returns, which stands for the task, has the key of the task.
        """
        folders = [{"folder": folder, "account": 1} for folder in "ab"]

        assert len({overlap_key(tasks.alone, (), each) for each in folders}) == 1
        assert overlap_key(tasks.alone, ("a", 1), {}) != overlap_key(tasks.alone, ("a", 2), {})

    def test_an_id_and_its_text_are_one_key(self, make):
        """
        A UUID is the same key as its text, whichever the serializer delivers.
        """
        task, value = make(overlap_key=["account"]), uuid4()

        assert overlap_key(task, (value,), {}) == overlap_key(task, (str(value),), {})

    def test_a_method_of_a_class_based_task_may_make_the_key(self, app):
        """
        Of a class-based task, overlap_key may be a method.
        """

        class Fetch(BaseTaskWithRetry):
            name = "made.fetch"
            no_overlap = True
            prefix = "at"

            def overlap_key(self, place):
                return f"{self.prefix} {place}"

            def run(self, place):
                return self.fencing_token

        task = app.register_task(Fetch())

        assert task.apply(("sea",)).result == TaskLock.objects.get().token
        assert TaskLock.objects.get().key == '{"key": "at sea"}'

    def test_a_secret_is_no_shown_key(self, app):
        """
        A key made of a secret is shown by its hash.
        """

        @app.task(base=BaseTaskWithRetry, no_overlap=True, overlap_key=["token"], shared=False)
        def call(token):
            return None

        assert overlap_key(call, ("hunter2",), {}).shown.startswith("sha256:")

    def test_arguments_without_a_key_are_a_dead_letter(self, make):
        """
        A run whose key cannot be made ends at once, with the reason.
        """
        task = make(overlap_key=["account"])

        result = task.apply((object(),), task_id="run-1")

        assert isinstance(result.result, OverlapKeyError)
        assert "a object has no text that is the same in every process" in str(result.result)
        assert DeadLetter.objects.get().attempts == 1

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"no_overlap": "later"}, "no_overlap is 'later'. Give 'skip' (or True), 'wait', or"),
            ({"overlap_key": 7}, "overlap_key is 7. Give argument names, or a function of them."),
            (
                {"overlap_key": ["acount"]},
                "overlap_key names 'acount', which is not an argument of the task.",
            ),
            (
                {"overlap_key": ["account"], "no_overlap": False},
                "overlap_key is given, but no_overlap is not.",
            ),
            ({"overlap_wait_max": -1}, "overlap_wait_max is -1. Give a number of seconds"),
            (
                {"overlap_keys": ["account"]},
                "overlap_keys is not a known option. Did you mean 'overlap_key'?",
            ),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_a_wrong_option_is_refused(self, make, options, error):
        """
        The error names the task and the attribute.
        """
        with pytest.raises(InvalidTaskOptionError) as caught:
            make(name="made.task", **options)

        assert str(caught.value).startswith(f"Task 'made.task': {error}")

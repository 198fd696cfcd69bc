"""The table of locks: who may take one, and what becomes of a holder that sleeps too long."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from recurring_jobs.exceptions import LockLostError
from recurring_jobs.models import TaskLock
from recurring_jobs.runs import locks
from recurring_jobs.runs.locks import Holder, Lock
from recurring_jobs.runs.overlap import OverlapKey

pytestmark = pytest.mark.django_db

KEY = OverlapKey("k" * 64, "host.alone", '{"account": 1}')


def take(owner="first", worker="w1:1", key=KEY):
    return locks.take(key, owner=owner, worker=worker)


def let_lease_end():
    TaskLock.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_the_first_takes_it():
    """
    A lock that no one has is taken, and says by whom.
    """
    lock = take()

    row = TaskLock.objects.get()
    assert (row.task, row.key, row.owner, row.worker) == (
        "host.alone",
        '{"account": 1}',
        "first",
        "w1:1",
    )
    assert lock.token == row.token
    assert lock.is_held()


def test_the_second_is_told_who_has_it():
    """
    A lock that is held is not to be had.
    """
    take()

    holder = take("second", "w2:2")

    assert (holder.owner, holder.worker) == ("first", "w1:1")
    assert 20 < holder.lease <= 31


def test_another_key_is_another_lock():
    """
    Two keys do not know of each other.
    """
    take()

    assert isinstance(take("second", key=KEY._replace(id="other")), Lock)


def test_a_freed_lock_is_taken_with_a_larger_token():
    """
    Tokens grow with each holder.
    """
    first = take()
    first.free()

    second = take("second")

    assert second.token > first.token


def test_a_token_grows_although_the_row_was_pruned():
    """
    A row that is made anew begins with a larger token than the one before could have had.
    """
    first = take()
    TaskLock.objects.all().delete()

    assert take("second").token >= first.token


def test_a_holder_whose_lease_ended_is_fenced():
    """
    When the lease is over another takes the lock, and the sleeper can do nothing any more.
    """
    sleeper = take()
    let_lease_end()
    next_one = take("second")

    assert not sleeper.is_held()
    assert not sleeper.renew()
    assert not sleeper.suspend(timedelta(seconds=1))
    assert not sleeper.free()
    with pytest.raises(LockLostError, match=r"Run first of 'host\.alone' has lost its lock"):
        sleeper.check()
    with pytest.raises(LockLostError), sleeper.atomic():
        pytest.fail("the block is not entered")
    assert next_one.is_held()


def test_a_sleeper_whose_lock_no_one_wanted_goes_on():
    """
    A lease that ended is renewed where no one has taken the lock since.
    """
    sleeper = take()
    let_lease_end()

    assert sleeper.renew()
    assert isinstance(take("second"), Holder)


def test_a_run_does_not_enter_beside_itself():
    """
    A copy of a message does not take the lock of its own run while that is at work.
    """
    take()

    assert isinstance(take("first", "w2:2"), Holder)


def test_a_run_takes_its_lock_again_between_two_attempts():
    """
    A suspended lock is kept for the same run, and only for that.
    """
    first = take()
    first.suspend(timedelta(seconds=60))

    assert isinstance(take("second", "w2:2"), Holder)
    again = take("first", "w2:2")
    assert again.token > first.token
    assert not first.free()


def test_what_an_ended_run_holds_is_freed():
    """
    A run that ended without its process frees what it had.
    """
    dead = take()

    assert locks.free_run("first") == 1
    assert not dead.is_held()
    assert isinstance(take("second"), Lock)


def test_a_broken_lock_is_lost_to_its_holder():
    """
    Breaking a lock lets others in and the holder neither commit nor free.
    """
    broken = take()

    assert locks.break_lock(TaskLock.objects.get())
    assert not locks.break_lock(TaskLock.objects.get())
    assert not broken.is_held()
    assert isinstance(take("second"), Lock)


def test_a_lock_that_changed_hands_is_not_broken():
    """
    Who wants to break what one holder had does not break what the next one has.
    """
    first = take()
    seen = TaskLock.objects.get()
    first.free()
    second = take("second")

    assert not locks.break_lock(seen)
    assert second.is_held()


def test_a_lock_lost_within_the_transaction_undoes_it():
    """
    What was written under a lock that is another's in the end is rolled back.
    """
    lock = take()

    def write_and_lose():
        with transaction.atomic(), lock.atomic():
            take("other", key=KEY._replace(id="written"))
            TaskLock.objects.filter(pk=KEY.id).update(owner="second")

    with pytest.raises(LockLostError):
        write_and_lose()

    assert not TaskLock.objects.filter(pk="written").exists()


@pytest.mark.django_db(transaction=True)
def test_of_eight_that_come_at_once_one_gets_it():
    """
    However many contend, one takes the lock, whether its row is there or not.
    """
    for round_ in range(5):
        key = KEY._replace(id=f"round-{round_ // 2}")
        found = _all_at_once(key, 8)
        holders = [each for each in found if isinstance(each, Lock)]

        assert len(found) == 8
        assert len(holders) == 1
        holders[0].free()


def _all_at_once(key, count):
    barrier = threading.Barrier(count)
    found = []

    def contend(number):
        barrier.wait(30)
        try:
            found.append(locks.take(key, owner=f"run-{number}", worker=f"w:{number}"))
        finally:
            connection.close()

    threads = [threading.Thread(target=contend, args=[number]) for number in range(count)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    return found

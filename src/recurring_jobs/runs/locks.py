"""The table of locks: each verb one guarded statement, by the database's clock."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connections, router, transaction
from django.db.models import F, Q
from django.utils import timezone

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import LockLostError
from recurring_jobs.runs.clock import DatabaseNow
from recurring_jobs.runs.models import TaskLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from recurring_jobs.runs.overlap import OverlapKey


class Lock:
    """
    A lock that a run holds, as one attempt at it sees it.

    *token* grows with each taking: what accepts only growing tokens refuses a holder that
    slept past its lease.
    """

    def __init__(self, key: OverlapKey, *, owner: str, token: int, using: str) -> None:
        self.key = key
        self.owner = owner
        self.token = token
        self.using = using

    def __repr__(self) -> str:
        return f"<Lock {self.key.task} {self.key.shown} of {self.owner}, token {self.token}>"

    def is_held(self) -> bool:
        """Return whether no one else has taken the lock since; ask the database."""
        return bool(self._rows().exists())

    def check(self) -> None:
        """Raise LockLostError where the lock is another's by now."""
        if not self.is_held():
            raise LockLostError(self.key.task, self.owner)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """
        Open a transaction that can only be committed under the lock.

        While it is open no one can take the lock, even if the lease ends. It covers writes
        to the database that holds the locks. Raise LockLostError where another has it.
        """
        with transaction.atomic(using=self.using):
            self._extend_or_raise()
            yield
            self._extend_or_raise()

    def renew(self) -> bool:
        """Start the lease anew; return False where the lock is another's by now."""
        features = connections[self.using].features
        with transaction.atomic(using=self.using):
            # In ``atomic`` the task itself has the row, and renews it.
            free = self._rows().select_for_update(
                skip_locked=features.has_select_for_update_skip_locked
            )
            if free.values_list("pk").first() is None:
                return self.is_held()
            return self._extend(lease())

    def suspend(self, wait: timedelta) -> bool:
        """Keep the lock for the next attempt at the run, by whichever worker, for *wait*."""
        return self._extend(wait, worker="")

    def free(self) -> bool:
        """Let others take the lock; return False where another has it already."""
        return bool(self._rows().update(owner="", worker="", lease_until=DatabaseNow()))

    def _rows(self) -> Any:
        return TaskLock.objects.using(self.using).filter(
            pk=self.key.id, owner=self.owner, token=self.token
        )

    def _extend(self, lease: timedelta, **changes: Any) -> bool:
        return bool(self._rows().update(lease_until=DatabaseNow() + lease, **changes))

    def _extend_or_raise(self) -> None:
        if not self._extend(lease()):
            raise LockLostError(self.key.task, self.owner)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lock that was not to be had."""

    owner: str
    worker: str
    #: Seconds until the lease ends, if it is not renewed.
    lease: float


def lease() -> timedelta:
    """Return how long a lock outlives a worker that was killed: three heartbeats."""
    return 3 * conf.heartbeat


def take(key: OverlapKey, *, owner: str, worker: str) -> Lock | Holder:
    """
    Take the lock of *key* for the run *owner*, or return who has it.

    A run takes its own lock again when its lease is over, or no worker is at it: between
    two attempts, and when its message came again.
    """
    using = router.db_for_write(TaskLock)
    while True:
        lock = _take_over(key, owner, worker, using) or _make(key, owner, worker, using)
        if lock is not None:
            return lock
        row = TaskLock.objects.using(using).filter(pk=key.id).exclude(owner="").first()
        if row is not None:
            lease = (row.lease_until - timezone.now()).total_seconds()
            return Holder(row.owner, row.worker, max(0.0, lease))


def free_run(run_id: str) -> int:
    """Free what the ended run *run_id* holds, wherever it ran; return how many locks."""
    rows = TaskLock.objects.using(router.db_for_write(TaskLock)).filter(owner=run_id)
    return rows.update(owner="", worker="", lease_until=DatabaseNow(), token=F("token") + 1)


def break_lock(lock: TaskLock) -> bool:
    """
    Take *lock* from its holder, which can neither commit under it nor free it from now on.

    Return False where the holder has changed since *lock* was read.
    """
    rows = TaskLock.objects.using(router.db_for_write(TaskLock)).filter(
        pk=lock.pk, owner=lock.owner, token=lock.token
    )
    changes = {"owner": "", "worker": "", "lease_until": DatabaseNow(), "token": F("token") + 1}
    return bool(rows.exclude(owner="").update(**changes))


def _take_over(key: OverlapKey, owner: str, worker: str, using: str) -> Lock | None:
    rows = TaskLock.objects.using(using).filter(pk=key.id)
    is_free = Q(owner="") | Q(owner=owner, worker="") | Q(lease_until__lte=DatabaseNow())
    with transaction.atomic(using=using):
        taken = rows.filter(is_free).update(
            owner=owner,
            worker=worker,
            token=F("token") + 1,
            taken_at=DatabaseNow(),
            lease_until=DatabaseNow() + lease(),
        )
        if not taken:
            return None
        token = rows.values_list("token", flat=True).get()
    return Lock(key, owner=owner, token=token, using=using)


def _make(key: OverlapKey, owner: str, worker: str, using: str) -> Lock | None:
    # Begun at the time, tokens grow on after a row was pruned and is made anew.
    token = int(time.time() * 1000)
    row = TaskLock(
        pk=key.id,
        task=key.task,
        key=key.shown,
        owner=owner,
        worker=worker,
        token=token,
        taken_at=DatabaseNow(),
        lease_until=DatabaseNow() + lease(),
    )
    if TaskLock.objects.using(using).filter(pk=key.id).exists():
        return None
    try:
        with transaction.atomic(using=using):
            row.save(using=using, force_insert=True)
    except IntegrityError:
        return None
    return Lock(key, owner=owner, token=token, using=using)

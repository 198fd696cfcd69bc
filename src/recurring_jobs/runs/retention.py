"""Deletes what is old, in batches so small that no writer waits for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connections, router, transaction
from django.utils import timezone

from recurring_jobs.conf import conf
from recurring_jobs.runs.kept_answers import kept_before
from recurring_jobs.runs.models import DeadLetter, Run, TaskLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.db.models import QuerySet

#: Rows deleted by one statement, in a transaction of its own.
BATCH = 500

#: A free lock is kept so long for the sake of its token, which sleepers may still show.
KEEP_LOCKS = timedelta(days=7)


@dataclass(frozen=True)
class Pruned:
    """How many rows were deleted, or would be."""

    runs: int
    dead_letters: int
    locks: int
    answers: int


def prune(
    *,
    keep_runs: timedelta | None = None,
    keep_dead_letters: timedelta | None = None,
    is_dry_run: bool = False,
    batch: int = BATCH,
) -> Pruned:
    """
    Delete runs that ended and dead letters that were closed long enough ago; return how many.

    The ages are those of the settings unless given. What has not ended, or waits for a
    person, is never deleted. A prune that is killed has deleted whole batches, and the
    next one goes on; any number may run at once.
    """
    now = timezone.now()
    runs_before = now - (conf.keep_runs if keep_runs is None else keep_runs)
    letters_before = now - (
        conf.keep_dead_letters if keep_dead_letters is None else keep_dead_letters
    )
    handle: Callable[[QuerySet[Any], int], int] = _count if is_dry_run else _delete
    return Pruned(
        runs=handle(_ended_runs(runs_before), batch),
        dead_letters=handle(_closed_letters(letters_before), batch),
        locks=handle(_free_locks(now - KEEP_LOCKS), batch),
        answers=handle(kept_before(now - conf.keep_answers), batch),
    )


def _ended_runs(before: datetime) -> QuerySet[Run]:
    rows = Run.objects.using(router.db_for_write(Run)).ended()
    return rows.filter(created_at__lt=before).exclude(finished_at__gte=before)


def _closed_letters(before: datetime) -> QuerySet[DeadLetter]:
    closed = [DeadLetter.State.REQUEUED, DeadLetter.State.DISCARDED]
    rows = DeadLetter.objects.using(router.db_for_write(DeadLetter))
    return rows.filter(state__in=closed, failed_at__lt=before, closed_at__lt=before)


def _free_locks(before: datetime) -> QuerySet[TaskLock]:
    rows = TaskLock.objects.using(router.db_for_write(TaskLock))
    return rows.filter(owner="", lease_until__lt=before)


def _count(rows: QuerySet[Any], _batch: int) -> int:
    return rows.count()


def _delete(rows: QuerySet[Any], batch: int) -> int:
    skips = connections[rows.db].features.has_select_for_update_skip_locked
    deleted = 0
    while True:
        with transaction.atomic(using=rows.db):
            locked = rows.order_by().select_for_update(skip_locked=skips)
            keys = list(locked.values_list("pk", flat=True)[:batch])
            rows.model._base_manager.using(rows.db).filter(pk__in=keys).delete()
        deleted += len(keys)
        if len(keys) < batch:
            return deleted

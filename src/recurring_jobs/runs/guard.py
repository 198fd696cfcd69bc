"""Lets at most one run at a time be at work for a task and key, its retries included."""

from __future__ import annotations

import logging
import os
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from celery.exceptions import Ignore, Reject, Retry
from django.db import Error as DatabaseError
from django.db import connections, router
from django.utils import timezone

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import OverlapKeyError, StillRunningError
from recurring_jobs.runs import backoff, headers, locks, renewal
from recurring_jobs.runs.execution import execution_of, facts_of
from recurring_jobs.runs.locks import Holder, Lock
from recurring_jobs.runs.models import Run
from recurring_jobs.runs.overlap import WAIT, overlap_key, overlap_policy
from recurring_jobs.runs.rows import comes_back, insert_run, new_run
from recurring_jobs.runs.states import RunState
from recurring_jobs.runs.task import seconds_until
from recurring_jobs.signals import run_skipped

if TYPE_CHECKING:
    from types import TracebackType

logger = logging.getLogger(__name__)

#: How long a lock is kept for a retry or a message that comes back, beyond its time:
#: queues may be long, and Redis hands back after an hour what a dead worker had.
GRACE = timedelta(minutes=10)

#: Seconds between two looks of a waiting run, at first and at most.
FIRST_LOOK, LONGEST_LOOK = 1.0, 30.0


class Place:
    """
    The place of one attempt at a run among those that must not overlap.

    Entered around the body of the task, it lets the body run, or ends the attempt with
    Ignore: as skipped, or to come back later, which uses up no retry.
    """

    def __init__(self, task: Any) -> None:
        self._task = task
        self._request = task.request
        self.lock: Lock | None = None
        self._holder: Holder | None = None
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        if isinstance(self._error, OverlapKeyError):
            raise self._error
        if self.lock is None:
            self._turn_away()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if isinstance(exc, Retry):
            self.keep(seconds_until(exc.when))  # type: ignore[arg-type]  # no other Real
        elif _comes_back(exc):
            self.keep(0.0)
        else:
            self.leave()

    @property
    def is_unknown(self) -> bool:
        """Whether it could not be found out who has the lock."""
        return self._error is not None

    def take(self) -> bool:
        """Take the lock; return whether it was to be had."""
        request = self._request
        worker = f"{request.hostname or ''}:{os.getpid()}"[-255:]
        try:
            key = overlap_key(self._task, request.args or (), request.kwargs or {})
            found = locks.take(key, owner=request.id, worker=worker)
        except (OverlapKeyError, DatabaseError) as error:
            logger.exception("recurring_jobs.lock.not_taken", extra=facts_of(self._task, request))
            self._error = error
            return False
        if isinstance(found, Holder):
            self._holder = found
            return False
        self.lock, self._holder = found, None
        if headers.WAITING in (request.headers or {}):
            kept = {name: each for name, each in request.headers.items() if name != headers.WAITING}
            request.headers = kept
        if not connections[found.using].in_atomic_block:
            # Else another connection would not see the lock that is to be renewed.
            renewal.renewer.add(found)
        return True

    def keep(self, seconds: float) -> None:
        """Keep the lock for the next attempt, which begins in *seconds*."""
        if self.lock is not None:
            lock = self.lock
            self._let_go(lambda: lock.suspend(timedelta(seconds=seconds) + GRACE))

    def leave(self) -> None:
        """Let others take the lock."""
        if self.lock is not None:
            self._let_go(self.lock.free)

    def wait_here(self) -> bool:
        """Wait for the lock in this process, as long as eager tasks may; return success."""
        deadline = time.monotonic() + conf.eager_longest_wait.total_seconds()
        while not self.take():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _let_go(self, change: Any) -> None:
        lock, self.lock = self.lock, None
        renewal.renewer.discard(lock)  # type: ignore[arg-type]  # there is one
        facts = facts_of(self._task, self._request)
        try:
            if not change():
                logger.warning("recurring_jobs.lock.lost", extra=facts)
        except DatabaseError:
            # Its lease will end.
            logger.exception("recurring_jobs.lock.not_freed", extra=facts)

    def _turn_away(self) -> None:
        holder = self._holder
        if holder is None or holder.owner == self._request.id:
            # The locks could not be asked, or this run is at work elsewhere or was until now.
            self._come_back(holder)
        elif self._waits():
            self._refuse_to_wait_for_ever(holder)
            self._come_back(holder)
        else:
            self._skip(holder)

    def _waits(self) -> bool:
        # A run that has begun is never skipped: its lock ended while it waited to retry.
        return overlap_policy(self._task) == WAIT or bool(self._request.retries)

    def _skip(self, holder: Holder) -> None:
        request = self._request
        reason = f"Run {holder.owner} is still at work."
        vars(request)["recurring_jobs_skipped"] = reason
        store = not request.is_eager and not (request.ignore_result or self._task.ignore_result)
        # Whoever waits for the result, a chord among them, is told.
        self._task.backend.mark_as_revoked(request.id, reason, request, store_result=store)
        facts = {**facts_of(self._task, request), "holder": holder.owner}
        logger.info("recurring_jobs.run.skipped", extra=facts)
        run_skipped.send_robust(
            sender=self._task, run_id=request.id, reason=reason, holder=holder.owner
        )
        raise Ignore(reason)

    def _refuse_to_wait_for_ever(self, holder: Holder) -> None:
        since, _ = _waiting(self._request)
        waited = timezone.now().timestamp() - since
        if self._request.is_eager or waited >= self._task.overlap_wait_max:
            raise StillRunningError(self._task.name, holder.owner, waited)

    def _come_back(self, holder: Holder | None) -> None:
        request = self._request
        if request.is_eager:
            # There is no queue to come back by.
            raise self._error or StillRunningError(self._task.name, request.id, 0)
        since, looks = _waiting(request)
        delay = _delay(holder, looks)
        vars(request)["recurring_jobs_waits"] = True
        request.headers = {
            **(request.headers or {}),
            headers.WAITING: {"since": since, "looks": looks + 1},
        }
        message = self._task.signature_from_request(
            request, request.args, request.kwargs, countdown=delay, retries=request.retries
        )
        try:
            message.apply_async()
        except Exception as error:
            # As Celery does with a retry that cannot be sent; it becomes a dead letter.
            raise Reject(error, requeue=False) from error
        self._expect(delay)
        owner = holder.owner if holder is not None else ""
        facts = {**facts_of(self._task, request), "holder": owner, "delay": delay}
        logger.info("recurring_jobs.run.waits", extra=facts)
        reason = "Its lock is another's; it comes back."
        raise Ignore(reason)

    def _expect(self, delay: float) -> None:
        try:
            comes_back(self._request.id, delay)
        except DatabaseError:
            # Its message is out all the same.
            facts = facts_of(self._task, self._request)
            logger.exception("recurring_jobs.run.not_recorded", extra=facts)


def find_place(task: Any) -> bool:
    """
    Find a place for the attempt that *task* is about to make; return whether it may begin.

    The place is left on the request, for the body of the task to enter.
    """
    request = task.request
    place = Place(task)
    vars(request)["recurring_jobs_place"] = place
    if place.take():
        return True
    if place.is_unknown:
        return False
    if has_ended(request.id):
        vars(request)["recurring_jobs_duplicate"] = True
    elif overlap_policy(task) == WAIT:
        if request.is_eager:
            return place.wait_here()
        execution = execution_of(task, request)
        insert_run(new_run(execution, RunState.QUEUED, {}), router.db_for_write(Run))
    return False


def give_back(task: Any) -> None:
    """Let go of the lock that was taken for what turned out to be a copy of a message."""
    request = task.request
    place: Place | None = vars(request).get("recurring_jobs_place")
    if place is not None and has_ended(request.id):
        place.leave()
    elif place is not None:
        place.keep(0.0)


def has_ended(run_id: str) -> bool:
    """Return whether the run *run_id* is on record as ended."""
    return Run.objects.using(router.db_for_write(Run)).ended().filter(pk=run_id).exists()


def _waiting(request: Any) -> tuple[float, int]:
    said = (request.headers or {}).get(headers.WAITING)
    if not isinstance(said, dict):
        return timezone.now().timestamp(), 0
    since = said.get("since", timezone.now().timestamp())
    return float(since), int(said.get("looks", 0))


def _delay(holder: Holder | None, looks: int) -> float:
    look = backoff.delay_before(
        looks + 1, base=FIRST_LOOK, maximum=LONGEST_LOOK, jitter=False, random=float
    )
    soonest = look if holder is None else min(look, max(holder.lease, 0.5))
    # A little apart, so that those who wait for one lock do not all come at once.
    return soonest * (1 + random.random() / 4)  # noqa: S311  no secret


def _comes_back(exc: BaseException | None) -> bool:
    if isinstance(exc, Reject):
        return bool(getattr(exc, "requeue", False))
    # What is no Exception ends the worker, not the task: its message comes back.
    return exc is not None and not isinstance(exc, Exception)

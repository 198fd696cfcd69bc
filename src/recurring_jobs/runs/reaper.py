"""Looks for runs whose worker or sender was lost; any number of processes do, in a thread each."""

from __future__ import annotations

import logging
import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from celery import current_app, signals
from celery.app.task import Context
from django.db import Error as DatabaseError
from django.db import connections, router
from kombu.exceptions import OperationalError

from recurring_jobs import tallies
from recurring_jobs.conf import conf
from recurring_jobs.runs import headers, rows
from recurring_jobs.runs.arguments import is_as_sent
from recurring_jobs.runs.endings import give_up, loss_of, settle_loss
from recurring_jobs.runs.execution import execution_of
from recurring_jobs.runs.heartbeats import lease
from recurring_jobs.runs.losses import OnLost
from recurring_jobs.runs.models import Run
from recurring_jobs.runs.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from celery import Celery

logger = logging.getLogger(__name__)

#: How often a heartbeat lost runs are looked for.
LOOKS = 4
#: Seconds that a worker that ends waits for the pass that it is in.
LONGEST_PASS = 5.0
#: How many lost runs one pass deals with.
BATCH = 100


def connect() -> None:
    """Have each worker and each beat look for lost runs; a second call changes nothing."""
    starts = (signals.worker_ready, signals.beat_init, signals.beat_embedded_init)
    for number, signal in enumerate(starts):
        signal.connect(_start, weak=False, dispatch_uid=f"recurring_jobs.reaper.{number}")
    signals.worker_shutdown.connect(_stop, weak=False, dispatch_uid="recurring_jobs.reaper.stop")


def reap(app: Celery | None = None) -> int:
    """
    Deal with runs that have been silent for a lease, and return with how many.

    Each is taken by compare-and-set, so that of any number of processes one deals with
    it; then it is sent again, kept as a dead letter or shown as lost, as its task says.
    One that whoever asked for it did not come to send is sent.
    Runs of tasks that this process does not know are left to one that does.
    """
    app = app or current_app
    silent = Run.objects.using(router.db_for_write(Run)).silent_for(lease())
    known = silent.filter(task__in=[name for name in app.tasks if name])[:BATCH]
    return sum(_deal_with(run, app.tasks[run.task]) for run in known)


def resend(app: Celery | None = None) -> int:
    """
    Send runs again that no worker has begun within ``RESEND_AFTER``; return how many.

    Where their message was only late, the second one starts nothing. Those whose arguments
    were not stored as they were sent wait on.
    """
    after = conf.resend_after
    if after is None:
        return 0
    app = app or current_app
    due = Run.objects.using(router.db_for_write(Run)).not_begun()
    known = due.filter(task__in=[name for name in app.tasks if name])[:BATCH]
    return sum(_send_late(run, app.tasks[run.task], after) for run in known)


class Reaper:
    """
    Calls ``reap`` four times a heartbeat, as long as it has had the runs in sight for a lease.

    Where the database was away, or this process was stopped, living workers could not
    beat either, or could not be seen to; they are given the time to.
    """

    def __init__(
        self,
        app: Celery | None = None,
        *,
        presence: Presence | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._presence = presence
        self._clock = clock
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._in_sight_since = self._seen_at = clock()
        self._told_at: float | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="recurring_jobs-reaper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Have the thread end after the pass that it is in, and take this worker off the list."""
        self._stopped.set()
        if self._presence is None:
            return
        if self._thread is not None:
            # The pass that it is in may be about to put the worker on the list once more.
            self._thread.join(LONGEST_PASS)
        try:
            self._presence.end()
        except DatabaseError as error:
            logger.warning("recurring_jobs.reaper.database_away: %s", error)
        finally:
            connections[router.db_for_write(Run)].close()

    def look(self) -> None:
        """Look once: for lost runs, or only whether the database is there."""
        now = self._clock()
        if now - self._seen_at > conf.heartbeat.total_seconds() + 1:
            self._lose_sight()
        try:
            self._tell(now)
            if now - self._in_sight_since >= lease().total_seconds():
                reap(self._app)
                resend(self._app)
            else:
                Run.objects.using(router.db_for_write(Run)).silent_for(lease()).exists()
        except DatabaseError as error:
            # In a line: it says so at each look, until the database is there or migrated.
            logger.warning("recurring_jobs.reaper.database_away: %s", error)
            self._lose_sight()
        except Exception:
            # One run that cannot be dealt with must not end the search for the others.
            logger.exception("recurring_jobs.reaper.failed")
        finally:
            self._seen_at = self._clock()
            connections[router.db_for_write(Run)].close()

    def _run(self) -> None:
        self._lose_sight()
        with _no_fork:
            self.look()
        while not self._stopped.wait(conf.heartbeat.total_seconds() / LOOKS):
            with _no_fork:
                self.look()

    def _tell(self, now: float) -> None:
        """Say twice a heartbeat that this worker lives, and add what it has counted."""
        pause = conf.heartbeat.total_seconds() / 2
        # Less a little: the thread is never on time to the millisecond.
        if self._told_at is not None and now - self._told_at < pause * 0.9:
            return
        self._told_at = now
        if self._presence is not None:
            self._presence.tell()
        tallies.flush()

    def _lose_sight(self) -> None:
        self._in_sight_since = self._seen_at = self._clock()


def _deal_with(run: Run, task: Any) -> bool:
    is_sendable = _is_sendable(run)
    crashes = run.crashes + (run.state == Run.State.RUNNING)
    try:
        outcome = settle_loss(
            task,
            run,
            send=partial(_send, task, run),
            is_sendable=is_sendable,
            silent_for=lease(),
        )
    except (OperationalError, OSError):
        # It will have been silent for a lease again.
        facts = {"task": run.task, "run_id": run.pk}
        logger.warning("recurring_jobs.reaper.broker_away", extra=facts, exc_info=True)
        return True
    except TypeError as error:
        # The task refuses these arguments: always, or since it was changed.
        _end(run, task, error)
        return True
    if outcome in {OnLost.DEAD_LETTER, OnLost.LOST}:
        _end(run, task, loss_of(task, crashes, is_sendable=is_sendable))
    return outcome is not None


def _send_late(run: Run, task: Any, after: timedelta) -> bool:
    if not rows.wait_longer(run, after) or not _is_sendable(run):
        return False
    facts = {"task": run.task, "run_id": run.pk}
    logger.warning("recurring_jobs.run.not_begun", extra=facts)
    try:
        _send(task, run, retries=run.next_attempt - 1)
    except (OperationalError, OSError, TypeError):
        # It will be due again, when it is twice as old.
        logger.warning("recurring_jobs.run.not_sent", extra=facts, exc_info=True)
        return False
    return True


def _is_sendable(run: Run) -> bool:
    return is_as_sent([run.args, run.kwargs, run.options])


def _send(task: Any, run: Run, **changed: Any) -> None:
    options = {**run.options, **changed}
    sent = {**(options.pop("headers", None) or {}), headers.TRACKED: True}
    task.apply_async(
        tuple(run.args),
        run.kwargs,
        task_id=run.pk,
        headers=sent,
        **options,
    )


def _end(run: Run, task: Any, error: Exception) -> None:
    request = _request_of(run)
    task.backend.mark_as_failure(
        run.pk, error, request=request, store_result=not request.ignore_result
    )
    give_up(task, execution_of(task, request, was_started=True), error, "")


def _request_of(run: Run) -> Context:
    """Return the request that a worker would see if the message of *run* came once more."""
    options = dict(run.options)
    names = {"link": "callbacks", "link_error": "errbacks", "group_id": "group"}
    known: dict[Any, Any] = {names.get(name, name): value for name, value in options.items()}
    queue = {"exchange": "", "routing_key": run.queue} if run.queue else {}
    return Context(
        {
            **known,
            "id": run.pk,
            "root_id": run.root_id,
            "task": run.task,
            "args": run.args,
            "kwargs": run.kwargs,
            "retries": max(0, run.attempt - 1),
            "hostname": run.worker,
            "delivery_info": queue,
            "headers": {**(options.get("headers") or {}), headers.TRACKED: True},
        }
    )


class _NoFork:
    """
    Holds forks back while the thread is at work.

    The parent process of a worker makes new children at any time; one made in the middle
    of a query could inherit a lock of some library that nobody there would ever release.
    """

    LONGEST = 5.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_held_by_fork = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before, after_in_parent=self._after, after_in_child=self._reset
            )

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _before(self) -> None:
        self._is_held_by_fork = self._lock.acquire(timeout=self.LONGEST)

    def _after(self) -> None:
        if self._is_held_by_fork:
            self._is_held_by_fork = False
            self._lock.release()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._is_held_by_fork = False


_no_fork = _NoFork()
_reaper: Reaper | None = None


def _start(sender: Any = None, **_: Any) -> None:
    global _reaper  # noqa: PLW0603  one for each process
    if _reaper is None:
        # A beat takes no messages.
        presence = Presence(sender) if hasattr(sender, "task_consumer") else None
        _reaper = Reaper(presence=presence)
        _reaper.start()


def _stop(**_: Any) -> None:
    global _reaper  # noqa: PLW0603  a process may go on after its worker, and have another
    if _reaper is not None:
        _reaper.stop()
        _reaper = None

"""One thread for each process that runs tasks: it says that their runs are alive."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, connections, router

from recurring_jobs import tallies
from recurring_jobs.conf import conf
from recurring_jobs.runs import rows
from recurring_jobs.runs.models import Run

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

#: A run is lost when it has not beaten for so many heartbeats. Whoever looks for such runs
#: does so four times a heartbeat, so that each is found well within three.
LEASE = 2.5


def lease() -> timedelta:
    """Return how long a run may give no sign of life."""
    return conf.heartbeat * LEASE


@dataclass(eq=False)
class Hold:
    """One start of a run, which this process holds until it has told what came of it."""

    run_id: str
    task: str = ""
    token: str = field(default_factory=lambda: uuid4().hex)
    #: Whether the start is on record; with the database away it may not be.
    is_on_record: bool = False
    #: When it was last known for certain, by the monotonic clock.
    proven_at: float = field(default_factory=time.monotonic)
    is_taken: bool = False
    #: When it began, by the same clock.
    begun_at: float = field(default_factory=time.monotonic)
    #: What could not be told yet.
    owed: Callable[[], object] | None = None

    def is_lost(self) -> bool:
        """
        Return whether somebody else has the run by now.

        Asks the database only where this process was silent for so long that somebody
        may. With the database away nobody could have taken it.
        """
        if self.is_taken or not self.is_on_record:
            return self.is_taken
        if time.monotonic() - self.proven_at < lease().total_seconds() - 1:
            return False
        try:
            self.is_taken = bool(rows.beat({self.run_id: self.token}))
        except (DatabaseError, InterfaceError):
            logger.warning("recurring_jobs.run.not_proven", extra={"run_id": self.run_id})
        return self.is_taken


class Heart:
    """Beats for the runs that this process holds, all in one statement."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._holds: dict[str, Hold] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._interval = timedelta()

    def hold(self, hold: Hold) -> None:
        """Beat for *hold* from now on."""
        if self._pid != os.getpid():
            self._reset()  # Of the process that this one was forked from.
        # Read here: what is wrong with the setting is told to whoever runs the task, and
        # does not end the thread that the other runs live by.
        self._interval = conf.heartbeat
        with self._lock:
            self._holds[hold.token] = hold
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="recurring_jobs-heartbeats", daemon=True
                )
                self._thread.start()

    def let_go(self, hold: Hold) -> None:
        """Beat no more for *hold*, unless something of it is still to be told."""
        if hold.owed is None:
            with self._lock:
                self._holds.pop(hold.token, None)

    def owe(self, hold: Hold, tell: Callable[[], object], *, at_once: bool = True) -> None:
        """Tell what came of *hold* by calling *tell* until the database takes it."""
        hold.owed = tell
        self.hold(hold)
        if at_once:
            self._wake.set()

    def forgive(self, hold: Hold) -> None:
        """Tell nothing of *hold* any more: it is about to be told otherwise."""
        hold.owed = None

    def beat(self) -> None:
        """
        Tell what is owed, then say that all runs are alive.

        Raise DatabaseError where the database is away.
        """
        for hold in self._held():
            if hold.owed is not None:
                hold.owed()
                hold.owed = None
                self.let_go(hold)
        held = {hold.run_id: hold for hold in self._held() if not hold.is_taken}
        if not held:
            return
        now = time.monotonic()
        lost = rows.beat({run_id: hold.token for run_id, hold in held.items()})
        for run_id, hold in held.items():
            if run_id not in lost:
                hold.proven_at = now
            elif hold.is_on_record:
                hold.is_taken = True

    def _held(self) -> list[Hold]:
        with self._lock:
            return list(self._holds.values())

    def _run(self) -> None:
        thread = threading.current_thread()
        while self._thread is thread and self._pid == os.getpid():
            self._wake.wait(self._interval.total_seconds())
            self._wake.clear()
            if self._held() or tallies.is_waiting():
                self._beat_safely()

    def _beat_safely(self) -> None:
        try:
            self.beat()
            tallies.flush()
        except (DatabaseError, InterfaceError):
            logger.warning("recurring_jobs.heartbeat.database_away", exc_info=True)
        except Exception:
            # Whatever it is, the other runs of this process must not seem dead for it.
            logger.exception("recurring_jobs.heartbeat.failed")
        finally:
            connections[router.db_for_write(Run)].close()


heart = Heart()

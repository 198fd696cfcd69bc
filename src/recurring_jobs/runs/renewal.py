"""Renews the leases of the locks that this process holds, in one thread for all of them."""

from __future__ import annotations

import logging
import os
from threading import Condition, Thread
from typing import TYPE_CHECKING

from django.db import connections

from recurring_jobs.conf import conf

if TYPE_CHECKING:
    from recurring_jobs.runs.locks import Lock

logger = logging.getLogger(__name__)


class Renewer:
    """Renews each lock at each heartbeat; its thread lives while there is a lock."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._locks: set[Lock] = set()
        self._thread: Thread | None = None

    def add(self, lock: Lock) -> None:
        """Renew *lock* from now on."""
        with self._changed:
            self._locks.add(lock)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="recurring_jobs-locks", daemon=True)
                self._thread.start()

    def discard(self, lock: Lock) -> None:
        """Renew *lock* no longer."""
        with self._changed:
            self._locks.discard(lock)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(conf.heartbeat.total_seconds())
                locks = list(self._locks)
                if not locks:
                    self._thread = None
                    break
            for lock in locks:
                self._renew(lock)
            # The tasks may be long, and a database counts who is connected.
            connections.close_all()

    def _renew(self, lock: Lock) -> None:
        facts = {"task": lock.key.task, "run_id": lock.owner}
        try:
            is_ours = lock.renew()
        except Exception:
            # Whatever it is, the other locks of this process are to be renewed.
            logger.exception("recurring_jobs.lock.not_renewed", extra=facts)
            connections.close_all()
            return
        with self._changed:
            is_wanted = lock in self._locks
        if not is_ours and is_wanted:
            self.discard(lock)
            logger.error("recurring_jobs.lock.lost", extra=facts)


renewer = Renewer()


def _begin_anew() -> None:
    # Of the parent's threads none lives on in a forked child, but what they held does.
    global renewer  # noqa: PLW0603  one for each process
    renewer = Renewer()


os.register_at_fork(after_in_child=_begin_anew)

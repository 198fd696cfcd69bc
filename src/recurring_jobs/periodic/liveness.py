"""Writes down that a beat lives: not the process, but its tick."""

from __future__ import annotations

import os
import socket
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from recurring_jobs.periodic.models import Beat

if TYPE_CHECKING:
    from datetime import datetime

#: Seconds between two writes; a tick in between leaves no mark.
WRITTEN_EVERY = 10.0
#: After so long without a tick, the row of a beat that is gone is deleted.
_FORGOTTEN_AFTER = timedelta(days=1)


class Pulse:
    """The row of this process."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._written_at: float | None = None
        self._started_at: datetime | None = None

    def beat(self, *, now: datetime, took: timedelta, using: str) -> None:
        """Record a tick that began at *now*, by the database's clock, and took so long."""
        self._started_at = self._started_at or now
        if self._written_at is not None and time.monotonic() - self._written_at < WRITTEN_EVERY:
            return
        values = {
            "started_at": self._started_at,
            "ticked_at": now,
            "tick_took": took,
            "clock_skew": timezone.now() - took - now,
        }
        if not Beat.objects.using(using).filter(name=self.name).update(**values):
            Beat.objects.using(using).update_or_create(name=self.name, defaults=values)
            Beat.objects.using(using).filter(ticked_at__lt=now - _FORGOTTEN_AFTER).delete()
        self._written_at = time.monotonic()

    def end(self, *, using: str) -> None:
        """Take the row away: this beat ends as it should."""
        Beat.objects.using(using).filter(name=self.name).delete()

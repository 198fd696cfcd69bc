"""A task that works until it is told to end, for workers that include this module."""

from __future__ import annotations

import time

from celery import shared_task

from recurring_jobs import BaseTaskWithRetry


@shared_task(name="live.works", bind=True, base=BaseTaskWithRetry)
def works(self, seconds: float = 60.0) -> str:
    """Work for *seconds* or until asked to end; where *seconds* is negative, never ask."""
    deadline = time.monotonic() + abs(seconds)
    while time.monotonic() < deadline:
        if seconds > 0 and self.cancel_requested():
            return "asked to end"
        time.sleep(0.05)
    return "done"

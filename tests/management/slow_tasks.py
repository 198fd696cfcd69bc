"""Tasks that wait, for a worker to be asked about."""

from __future__ import annotations

import time
from pathlib import Path

from celery import shared_task


@shared_task(name="slow.waits_for")
def waits_for(path: str) -> None:
    """Wait until the file *path* exists, for a minute at most."""
    deadline = time.monotonic() + 60
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.05)

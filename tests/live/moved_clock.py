"""
Celery under libfaketime: ``LD_PRELOAD=… FAKETIME=+3600s python -m tests.live.moved_clock beat``.

Python sleeps until an instant of the monotonic clock, which libfaketime refuses where it
leaves that clock alone.
"""

from __future__ import annotations

import runpy
import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


if __name__ == "__main__":
    time.sleep = _sleep
    runpy.run_module("celery", run_name="__main__", alter_sys=True)

"""No worker and no beat starts with settings that cannot be read."""

from __future__ import annotations

import sys
from typing import Any

from celery import signals

from recurring_jobs.conf import conf


def connect() -> None:
    """Have workers and beats look at RECURRING_JOBS before they do anything."""
    for signal in (signals.celeryd_init, signals.beat_init):
        signal.connect(_refuse_wrong_settings, weak=False, dispatch_uid="recurring_jobs.startup")


def _refuse_wrong_settings(**_: Any) -> None:
    """End this process with exit code 2 and a sentence for each setting that is wrong."""
    problems = conf.problems()
    if problems:
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        # Celery would log an error, and start all the same.
        raise SystemExit(2)

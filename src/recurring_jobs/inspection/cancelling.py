"""Cancelling a run because somebody outside asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurring_jobs.inspection.apps import broker_of, loaded_app
from recurring_jobs.runs import stopping

if TYPE_CHECKING:
    from recurring_jobs.models import Run


def cancel_run(run: Run, *, by: object = None, kill: bool = False) -> stopping.Cancelled:
    """
    End *run* where it waits; ask it to end where it is at work, or *kill* its process.

    See ``stopping.cancel``. Raise RunEndedError, or BrokerAwayError when the workers cannot
    be told to kill it.
    """
    with broker_of(loaded_app()):
        return stopping.cancel(run, by=by, kill=kill)

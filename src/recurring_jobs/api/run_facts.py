"""Runs as the API tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurring_jobs.inspection import status_of

if TYPE_CHECKING:
    from recurring_jobs.api.access import Caller
    from recurring_jobs.models import Run


def run_facts(run: Run) -> dict[str, Any]:
    """Return what a list says of *run*, whose fire is loaded."""
    asked = run.cancel_requested_at
    return {
        **status_of(run).as_dict(),
        "schedule": run.fire.schedule_id if run.fire else None,
        "cancel_requested_at": asked and asked.isoformat(),
    }


def with_arguments(run: Run, caller: Caller) -> dict[str, Any]:
    """Return what the page of one run says: its arguments to whom may see these."""
    if not caller.allows("view_arguments", run.task):
        return run_facts(run)
    return {**run_facts(run), "args": run.args, "kwargs": run.kwargs}

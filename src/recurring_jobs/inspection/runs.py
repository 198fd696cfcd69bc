"""What became of one run: its row, and its result where the back end has one."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from celery import states
from celery.backends.base import DisabledBackend
from celery.exceptions import SecurityError
from django.core.serializers.json import DjangoJSONEncoder

from recurring_jobs.models import Run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from celery import Celery

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunStatus:
    """What may be told of a run. Of an exception that is its class, not its text."""

    id: str
    task: str
    state: str
    attempt: int
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    crashes: int
    progress: dict[str, Any] | None
    exception: str | None
    has_result: bool = False
    result: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can carry; ``result`` is a key only where there is one."""
        times = ("queued_at", "started_at", "finished_at", "heartbeat_at")
        told: dict[str, Any] = {
            "id": self.id,
            "task": self.task,
            "state": self.state,
            "attempt": self.attempt,
            **{name: at and at.isoformat() for name in times for at in [getattr(self, name)]},
            "crashes": self.crashes,
            "progress": self.progress,
            "exception": self.exception,
        }
        return {**told, "result": self.result} if self.has_result else told


def run_status(run_id: str) -> RunStatus | None:
    """Return what is known of the run *run_id*, or None where there is no such run."""
    if "\x00" in run_id:  # PostgreSQL would raise.
        return None
    run = Run.objects.filter(pk=run_id).first()
    return None if run is None else status_of(run)


def newest_runs(
    *,
    task: str | None = None,
    states: Sequence[str] = (),
    since: datetime | None = None,
    limit: int = 50,
) -> list[RunStatus]:
    """Return the newest runs, of *task* and in one of *states* where these are given."""
    runs = Run.objects.order_by("-created_at")
    if task:
        runs = runs.for_task(task)
    if states:
        runs = runs.filter(state__in=states)
    if since is not None:
        runs = runs.filter(created_at__gte=since)
    return [status_of(run) for run in runs[:limit]]


def status_of(run: Run) -> RunStatus:
    """Return what may be told of *run*."""
    return RunStatus(
        id=run.pk,
        task=run.task,
        state=str(run.state),
        attempt=run.attempt,
        queued_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        heartbeat_at=run.heartbeat_at,
        crashes=run.crashes,
        progress=_progress(run),
        exception=exception_class(run.exception),
    )


def with_result(status: RunStatus, app: Celery) -> RunStatus:
    """Return *status* with the result, where the run succeeded and its result is kept as JSON."""
    if status.state != Run.State.SUCCEEDED:
        return status
    has_result, result = _stored_result(app, status.id)
    return replace(status, has_result=has_result, result=result)


def stored_result(app: Celery, run: Run) -> tuple[bool, Any]:
    """Return whether the result of *run* is kept as JSON, and the result."""
    told = with_result(status_of(run), app)
    return told.has_result, told.result


def as_json(value: object) -> tuple[bool, Any]:
    """Return whether JSON can carry *value*, and the value as JSON carries it."""
    try:
        return True, json.loads(json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return False, None


def exception_class(text: str) -> str | None:
    """
    Return the class that the stored text of an exception begins with.

    >>> exception_class("OSError: disk /secret is full")
    'OSError'
    """
    return text.partition(":")[0].rstrip(".") or None


def _progress(run: Run) -> dict[str, Any] | None:
    if run.progress_done is None:
        return None
    return {
        "done": run.progress_done,
        "total": run.progress_total,
        "note": run.progress_note,
    }


def _stored_result(app: Celery, run_id: str) -> tuple[bool, Any]:
    backend = app.backend
    if isinstance(backend, DisabledBackend):
        return False, None
    away = (OSError, *getattr(backend, "connection_errors", ()))
    try:
        found = backend.get_task_meta(run_id)
    except away:
        return False, None
    except SecurityError:
        # A row that names as its exception what is none was not written by a worker.
        logger.warning("recurring_jobs.result.not_believed", extra={"run_id": run_id})
        return False, None
    if found.get("status") != states.SUCCESS:
        return False, None
    return as_json(found.get("result"))

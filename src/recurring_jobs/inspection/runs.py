"""What became of one run: its row, and its result where the back end has one."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from celery import states
from celery.backends.base import DisabledBackend
from django.core.serializers.json import DjangoJSONEncoder

from recurring_jobs.models import Run

if TYPE_CHECKING:
    from datetime import datetime

    from celery import Celery


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
    if run is None:
        return None
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
    if found.get("status") != states.SUCCESS:
        return False, None
    return as_json(found.get("result"))

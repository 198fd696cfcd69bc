"""How a receiver of Celery's signals keeps its own troubles away from the task it watches."""

from __future__ import annotations

import logging
from functools import wraps
from typing import TYPE_CHECKING, Any

from celery._state import get_current_task
from django.db import Error as DatabaseError
from django.db import connections, router

from recurring_jobs.runs.models import DeadLetter, Run

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


def harmless(receiver: Callable[..., None]) -> Callable[..., None]:
    """Keep what goes wrong in the database away from the task that is watched."""

    @wraps(receiver)
    def guarded(**reported: Any) -> None:
        try:
            receiver(**reported)
        except DatabaseError:
            event = receiver.__name__.removeprefix("on_").strip("_")
            facts = {"event": event, "run_id": _id_in(reported)}
            logger.exception("recurring_jobs.run.not_recorded", extra=facts)

    return guarded


def at_the_edge(receiver: Callable[..., None]) -> Callable[..., None]:
    """Do the same for what may also be reported where no task is at work."""

    @wraps(receiver)
    def tidy(**reported: Any) -> None:
        if get_current_task() is not None:
            receiver(**reported)
            return
        # Between tasks nobody looks after the connections, and the parent process of a
        # worker is about to fork: leave none open there.
        try:
            _close_connections(only_old=True)
            receiver(**reported)
        finally:
            _close_connections(only_old=False)

    return harmless(tidy)


def _id_in(reported: dict[str, Any]) -> str:
    request = reported.get("request") or getattr(reported.get("sender"), "request", None)
    return reported.get("task_id") or reported.get("id") or getattr(request, "id", None) or ""


def _close_connections(*, only_old: bool) -> None:
    for alias in {router.db_for_write(Run), router.db_for_write(DeadLetter)}:
        connection = connections[alias]
        if connection.in_atomic_block:
            continue
        if only_old:
            connection.close_if_unusable_or_obsolete()
        else:
            connection.close()

"""Tells a running task that it was asked to end."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.apps import apps
from django.db import DatabaseError, InterfaceError, router

from recurring_jobs.runs.attempts import HOLD

logger = logging.getLogger(__name__)

#: Seconds for which an answer counts.
ASKED_EVERY = 1.0


def is_asked_to_end(request: Any) -> bool:
    """
    Return whether the run of *request* was asked to end; True stays true.

    One that is not kept cannot be, and nothing is asked. With the database away the last
    answer counts.
    """
    answer, asked_at = vars(request).get("recurring_jobs_cancel", (False, None))
    is_fresh = asked_at is not None and time.monotonic() - asked_at < ASKED_EVERY
    is_kept = getattr(request, HOLD, None) is not None
    if answer or is_fresh or not is_kept:
        return bool(answer)
    # By its name: a host's tasks are imported before the models are.
    run: Any = apps.get_model("recurring_jobs", "Run")
    rows = run.objects.using(router.db_for_write(run)).filter(pk=request.id)
    try:
        answer = rows.filter(cancel_requested_at__isnull=False).exists()
    except (DatabaseError, InterfaceError):
        logger.warning("recurring_jobs.run.cancel_not_known", extra={"run_id": request.id})
    vars(request)["recurring_jobs_cancel"] = (answer, time.monotonic())
    return bool(answer)

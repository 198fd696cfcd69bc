"""Brings the schedules in line after ``migrate``, for projects that ask for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.db import router

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import RecurringJobsError

if TYPE_CHECKING:
    from django.apps.registry import Apps


def sync_after_migrate(
    *, using: str, verbosity: int = 1, apps: Apps | None = None, **others: Any
) -> None:
    """
    Do what ``setup_periodic_tasks`` does, where RECURRING_JOBS["SYNC_AFTER_MIGRATE"] is on.

    Receives ``post_migrate``. Raise CommandError for a wrong declaration: the migrations
    are applied by then, the schedules are as they were.
    """
    if not conf.sync_after_migrate or not _has_tables(apps):
        return
    from recurring_jobs.models import Schedule
    from recurring_jobs.periodic.sync import sync_schedules

    if using != router.db_for_write(Schedule):
        return
    try:
        plan = sync_schedules(using=using)
    except RecurringJobsError as error:
        message = f"The schedules are as they were: {error}"
        raise CommandError(message, returncode=2) from error
    out = others.get("stdout") or sys.stdout
    if verbosity >= 1:
        counts = ", ".join(f"{count} {kind}" for kind, count in plan.counts().items() if count)
        out.write(f"Schedules after migrate: {counts or 'none declared'}\n")
    for problem in plan.problems:
        out.write(f"{problem}\n")


def _has_tables(apps: Apps | None) -> bool:
    """Return whether our tables stand after this ``migrate``; None: it was no ``migrate``."""
    if apps is None:  # flush sends the signal as well, and is to leave empty tables
        return False
    known = {model._meta.label_lower for model in apps.get_models()}
    return {"recurring_jobs.schedule", "django_celery_beat.periodictask"} <= known

"""A beat in the process of a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import router
from django.utils import timezone

from recurring_jobs.models import Schedule, ScheduleChange
from recurring_jobs.periodic import change_feed, ledger
from recurring_jobs.schedulers import DatabaseScheduler

if TYPE_CHECKING:
    from datetime import datetime


class Beat(DatabaseScheduler):
    """The scheduler, without its thread of time, and without its patience with a database."""

    def __init__(self, app: Any, producer: Any) -> None:
        super().__init__(app, lazy=True)
        vars(self)["producer"] = producer  # a property that is worked out once
        self._using = router.db_for_write(Schedule)
        self._has_ticked = False

    def fire(self) -> datetime | None:
        """Fire all that is due by the clock; return when something is next."""
        # Known from the start: a real beat finds out, and limits its connection by the way.
        self._notes_changes = change_feed.is_installed(self._using)
        self._has_ticked = True
        while True:
            self._tick(self._using)
            look_at = ledger.earliest_look(using=self._using)
            if look_at is not None and look_at <= timezone.now():
                continue
            if not ScheduleChange.objects.using(self._using).exists():
                return look_at

    def leave(self) -> None:
        """Take the row away that says that this beat lives."""
        if self._has_ticked:
            self._pulse.end(using=self._using)

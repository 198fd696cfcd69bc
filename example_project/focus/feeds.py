"""The to-do list as a calendar to subscribe to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.urls import reverse

from focus.models import Task
from recurring_jobs.recurrence.calendar import CalendarEntry
from recurring_jobs.recurrence.feeds import RecurrenceFeedView

if TYPE_CHECKING:
    from django.db.models import QuerySet


class TaskFeed(RecurrenceFeedView):
    """The tasks of the person whose token is in the address."""

    name = "Focus Timer"

    def get_queryset(self) -> QuerySet[Task]:
        return Task.objects.filter(owner=self.subscriber)

    def get_occurrences(self, model: type[Task], using: str) -> QuerySet[Task] | None:
        occurrences = super().get_occurrences(model, using)
        return occurrences.filter(owner=self.subscriber) if occurrences is not None else None

    def entry(self, row: Task) -> CalendarEntry:
        return CalendarEntry(
            summary=f"✓ {row.title}" if row.is_done else row.title,
            description=row.notes,
            duration=timedelta(minutes=row.estimated_minutes),
            url=self.request.build_absolute_uri(reverse("focus:tasks")),
        )

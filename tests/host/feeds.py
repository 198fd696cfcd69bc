"""What the host lets people subscribe to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from recurring_jobs.recurrence.calendar import CalendarEntry
from recurring_jobs.recurrence.feeds import RecurrenceFeedView
from tests.host.models import Course, Lesson, Todo


class TodoFeed(RecurrenceFeedView):
    """The to-dos of one person."""

    name = "To do"
    batch_size = 2

    def get_queryset(self) -> Any:
        return Todo.objects.filter(owner=self.subscriber)

    def entry(self, row: Todo) -> CalendarEntry:
        return CalendarEntry(summary=row.title, duration=timedelta(minutes=25))


class CourseFeed(RecurrenceFeedView):
    """All courses, for everybody."""

    domain = "school.example"

    def has_access(self) -> bool:
        return True

    def get_queryset(self) -> Any:
        return Course.objects.all()


class LessonFeed(CourseFeed):
    """All lessons, one by one."""

    def get_queryset(self) -> Any:
        return Lesson.objects.all()

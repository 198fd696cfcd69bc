from __future__ import annotations

from django.contrib import admin

from recurring_jobs.admin import OccurrenceModelAdmin, RecurringModelAdmin
from tests.host.models import Course, Event, Lesson, Subscription, Todo


@admin.register(Todo)
class TodoAdmin(RecurringModelAdmin):
    """To-dos, of which some recur."""

    list_display = ("title", "due_at")
    search_fields = ("title",)


@admin.register(Course, Event, Subscription)
class RecurringAdmin(RecurringModelAdmin):
    """Courses, whose lessons have pages; subscriptions, whose invoices have none; events."""


@admin.register(Lesson)
class LessonAdmin(OccurrenceModelAdmin):
    """Lessons: skipped, moved and split as in a calendar."""

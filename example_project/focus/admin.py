"""The to-do list in the admin, with rules in words and a preview."""

from __future__ import annotations

from django.contrib import admin

from focus.models import Task
from recurring_jobs.admin import RecurringModelAdmin


@admin.register(Task)
class TaskAdmin(RecurringModelAdmin):
    """Templates and their occurrences."""

    list_display = ["title", "owner", "due_at", "recurrence_timezone", "is_done"]
    list_filter = ["is_done", "recurrence_timezone"]
    search_fields = ["title", "owner__username"]
    date_hierarchy = "due_at"
    list_select_related = ["owner"]

from __future__ import annotations

from django.contrib import admin

from recurring_jobs.admin import RecurringModelAdmin
from tests.host.models import Todo


@admin.register(Todo)
class TodoAdmin(RecurringModelAdmin):
    """To-dos, of which some recur."""

    list_display = ("title", "due_at")
    search_fields = ("title",)

"""A to-do list: a task may repeat, and each repetition is a task of its own."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from recurring_jobs.models import RecurringModelMixin


class Task(RecurringModelMixin):
    """
    Something to do.

    With a rule it is a template: its next five occurrences are made as tasks that
    can be ticked off, moved or deleted one by one.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="focus_tasks"
    )
    title = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    estimated_minutes = models.PositiveSmallIntegerField(default=25)
    due_at = models.DateTimeField()
    remind_at = models.DateTimeField(null=True, blank=True)
    is_done = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(RecurringModelMixin.Meta):
        ordering = ["due_at", "pk"]

    class Recurrence:
        start = "due_at"
        shifted = ("remind_at",)
        copied = ("owner", "title", "notes", "estimated_minutes")
        ahead = 5

    def __str__(self) -> str:
        return self.title

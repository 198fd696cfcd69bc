"""
The rows of the host project.

One table each: a to-do list, shifts of a rota, days off. Two tables: courses and their
lessons, subscriptions and their invoices. Only a rule: events.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils import timezone

from recurring_jobs.models import (
    OccurrenceModelMixin,
    RecurrenceRuleMixin,
    RecurringModelMixin,
    RecurringTemplateMixin,
)

if TYPE_CHECKING:
    from datetime import date, datetime

    from recurring_jobs.rules import Occurrence


class Tag(models.Model):
    """A word that people hang on a to-do."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Todo(RecurringModelMixin):
    """A to-do: five rows ahead, a reminder that moves along, and a state of its own."""

    title = models.CharField(max_length=200)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True
    )
    due_at = models.DateTimeField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True)
    done = models.BooleanField(default=False)
    tags = models.ManyToManyField(Tag, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Recurrence:
        start = "due_at"
        shifted = ("remind_at",)
        copied = ("title", "owner")

    def __str__(self) -> str:
        return self.title


class Shift(RecurringModelMixin):
    """A shift of a rota: three ahead and all within two days, labelled by a hook."""

    place = models.CharField(max_length=50)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    label = models.CharField(max_length=100, blank=True)

    class Meta(RecurringModelMixin.Meta):
        constraints = [
            *RecurringModelMixin.Meta.constraints,
            models.UniqueConstraint(fields=["place", "starts_at"], name="host_shift_one_a_place"),
        ]

    class Recurrence:
        start = "starts_at"
        shifted = ("ends_at",)
        copied = ("place",)
        ahead = 3
        horizon = timedelta(days=2)

    def __str__(self) -> str:
        return f"{self.place} {self.starts_at:%Y-%m-%d %H:%M}"

    def build_occurrence(self, occurrence: Occurrence, at: datetime | date) -> Shift:
        if self.place == "nowhere":
            message = "There is no such place."
            raise LookupError(message)
        row = super().build_occurrence(occurrence, at)
        row.label = f"{self.place} {occurrence.nominal}"
        return row


def new_token() -> str:
    """Return a word that no other row has, with all that SQL and its lists take for more."""
    return f'{uuid4().hex} "quoted", {{braced}}, \\ and null'


class Errand(RecurringModelMixin):
    """An errand: its columns are of many kinds, and most have a default of some sort."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    title = models.CharField(max_length=200)
    first_at = models.DateTimeField()
    back_on = models.DateField(null=True)
    cost = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    notes = models.JSONField(default=dict)
    sheet = models.FileField(blank=True)
    checklist = models.JSONField(default=list)
    token = models.CharField(max_length=100, default=new_token)
    place = models.CharField(max_length=20, db_default="home")
    priority = models.SmallIntegerField(default=3)
    share = models.DecimalField(max_digits=4, decimal_places=2, default="0.50")
    is_open = models.BooleanField(default=True)
    seen_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Recurrence:
        start = "first_at"
        shifted = ("back_on",)
        copied = ("title", "cost", "notes", "sheet")

    def __str__(self) -> str:
        return self.title


class Holiday(RecurringModelMixin):
    """An all-day row: what falls within a year."""

    name = models.CharField(max_length=100)
    first_on = models.DateField()
    last_on = models.DateField(null=True, blank=True)
    tags = models.ManyToManyField(Tag, blank=True)

    class Recurrence:
        start = "first_on"
        shifted = ("last_on",)
        copied = ("name", "tags")
        horizon = timedelta(days=365)

    def __str__(self) -> str:
        return self.name


class Event(RecurrenceRuleMixin):
    """Something on a calendar, of which no rows are made."""

    title = models.CharField(max_length=200)
    starts_at = models.DateTimeField()

    class Recurrence:
        start = "starts_at"

    def __str__(self) -> str:
        return self.title


class Course(RecurringTemplateMixin):
    """A course: its lessons have a table of their own, with names of their own."""

    title = models.CharField(max_length=200)
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True
    )
    first_at = models.DateTimeField()
    first_until = models.DateTimeField(null=True, blank=True)
    fee = models.PositiveIntegerField(default=0)
    topics = models.ManyToManyField(Tag, blank=True, related_name="courses")

    class Recurrence:
        start = "first_at"
        shifted = ("first_until",)
        copied = ("title", "teacher", "topics")
        ahead = 3
        occurrence_fields = {
            "first_at": "starts_at",
            "first_until": "ends_at",
            "topics": "labels",
        }

    def __str__(self) -> str:
        return self.title


class Lesson(OccurrenceModelMixin):
    """A lesson: made from a course, or given once."""

    recurrence_parent = models.ForeignKey(
        Course, on_delete=models.CASCADE, null=True, blank=True, related_name="occurrences"
    )
    title = models.CharField(max_length=200)
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    attended = models.PositiveIntegerField(default=0)
    labels = models.ManyToManyField(Tag, blank=True, related_name="lessons")

    def __str__(self) -> str:
        return self.title


class Subscription(RecurringTemplateMixin):
    """A subscription, by the day: an invoice for each month, numbered by a hook."""

    customer = models.CharField(max_length=50)
    amount = models.DecimalField(max_digits=8, decimal_places=2)
    billed_on = models.DateField()
    pay_by = models.DateField(null=True, blank=True)
    comment = models.TextField(blank=True)

    class Recurrence:
        start = "billed_on"
        shifted = ("pay_by",)
        horizon = timedelta(days=100)

    def __str__(self) -> str:
        return self.customer

    def build_occurrence(self, occurrence: Occurrence, at: datetime | date) -> Invoice:
        row: Invoice = super().build_occurrence(occurrence, at)
        if self.customer == "nobody":
            return None  # type: ignore[return-value]  # a hook that forgot what it owes
        row.number = f"{self.pk}-{occurrence.nominal}"
        return row


class Invoice(OccurrenceModelMixin):
    """An invoice of a subscription."""

    recurrence_parent = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, related_name="occurrences"
    )
    customer = models.CharField(max_length=50)
    amount = models.DecimalField(max_digits=8, decimal_places=2)
    billed_on = models.DateField()
    pay_by = models.DateField(null=True, blank=True)
    number = models.CharField(max_length=40, unique=True)
    paid = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.number

"""Where Django and host projects look for our models and mixins."""

from __future__ import annotations

from recurring_jobs.periodic.models import Fire, Schedule
from recurring_jobs.recurrence.fields import RecurrenceRuleField
from recurring_jobs.recurrence.models import RecurringModelMixin
from recurring_jobs.recurrence.querysets import RecurringManager, RecurringQuerySet
from recurring_jobs.runs.models import DeadLetter, Run

__all__ = [
    "DeadLetter",
    "Fire",
    "RecurrenceRuleField",
    "RecurringManager",
    "RecurringModelMixin",
    "RecurringQuerySet",
    "Run",
    "Schedule",
]

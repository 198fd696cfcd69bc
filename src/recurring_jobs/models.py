"""Where Django and host projects look for our models and mixins."""

from __future__ import annotations

from recurring_jobs.periodic.models import Beat, Fire, Schedule, ScheduleChange
from recurring_jobs.recurrence.fields import RecurrenceRuleField
from recurring_jobs.recurrence.models import (
    OccurrenceModelMixin,
    RecurrenceRuleMixin,
    RecurringModelMixin,
    RecurringTemplateMixin,
)
from recurring_jobs.recurrence.querysets import (
    OccurrenceManager,
    OccurrenceQuerySet,
    RecurrenceRuleManager,
    RecurrenceRuleQuerySet,
    RecurringManager,
    RecurringQuerySet,
    RecurringTemplateManager,
    RecurringTemplateQuerySet,
)
from recurring_jobs.recurrence.series import (
    change_rule,
    end,
    regenerate,
    reschedule,
    skip,
    split,
    unskip,
)
from recurring_jobs.runs.kept_answers import KeptAnswer
from recurring_jobs.runs.models import Alert, DeadLetter, Run, TaskLock, Worker
from recurring_jobs.tallies import Tally

__all__ = [
    "Alert",
    "Beat",
    "DeadLetter",
    "Fire",
    "KeptAnswer",
    "OccurrenceManager",
    "OccurrenceModelMixin",
    "OccurrenceQuerySet",
    "RecurrenceRuleField",
    "RecurrenceRuleManager",
    "RecurrenceRuleMixin",
    "RecurrenceRuleQuerySet",
    "RecurringManager",
    "RecurringModelMixin",
    "RecurringQuerySet",
    "RecurringTemplateManager",
    "RecurringTemplateMixin",
    "RecurringTemplateQuerySet",
    "Run",
    "Schedule",
    "ScheduleChange",
    "Tally",
    "TaskLock",
    "Worker",
    "change_rule",
    "end",
    "regenerate",
    "reschedule",
    "skip",
    "split",
    "unskip",
]

"""
The admin: registered by Django when it finds this module; a host subclasses what it finds here.

``RecurringModelAdmin`` is for the host's own models with ``RecurringModelMixin``;
``RecurringModelAdminMixin`` is the same for an admin class of a theme.
"""

from __future__ import annotations

from django.apps import apps

from recurring_jobs.admin.dead_letters import DeadLetterAdmin
from recurring_jobs.admin.fires import FireAdmin
from recurring_jobs.admin.locks import TaskLockAdmin
from recurring_jobs.admin.periodic_tasks import PeriodicTaskAdmin
from recurring_jobs.admin.recurring_models import (
    OccurrenceModelAdmin,
    OccurrenceModelAdminMixin,
    RecurringModelAdmin,
    RecurringModelAdminMixin,
)
from recurring_jobs.admin.runs import RunAdmin
from recurring_jobs.admin.schedules import ScheduleAdmin
from recurring_jobs.admin.trigger_rows import (
    ClockedScheduleAdmin,
    CrontabScheduleAdmin,
    IntervalScheduleAdmin,
    SolarScheduleAdmin,
)

__all__ = [
    "ClockedScheduleAdmin",
    "CrontabScheduleAdmin",
    "DeadLetterAdmin",
    "FireAdmin",
    "IntervalScheduleAdmin",
    "OccurrenceModelAdmin",
    "OccurrenceModelAdminMixin",
    "PeriodicTaskAdmin",
    "RecurringModelAdmin",
    "RecurringModelAdminMixin",
    "RunAdmin",
    "ScheduleAdmin",
    "SolarScheduleAdmin",
    "TaskLockAdmin",
]

if apps.is_installed("django_celery_results"):  # else a check says that it is to be
    from recurring_jobs.admin.results import GroupResultAdmin, TaskResultAdmin

    __all__ += ["GroupResultAdmin", "TaskResultAdmin"]

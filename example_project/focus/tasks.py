"""Keep five occurrences of every repeating task in the list."""

from __future__ import annotations

from dataclasses import asdict

from celery import shared_task

from focus.models import Task
from recurring_jobs import BaseTaskWithRetry, Every, periodic_task
from recurring_jobs.recurrence.occurrences import generate_occurrences


@periodic_task(Every(hours=12), name="Generate recurring tasks")
@shared_task(base=BaseTaskWithRetry, tracked=True)
def generate_recurring_tasks() -> dict[str, int]:
    """
    Make the next up to five occurrences after now of each template, once each.
    """
    return asdict(generate_occurrences(Task))

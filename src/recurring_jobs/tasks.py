"""The package's own Celery tasks, and the base class where people look for it first."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from celery import shared_task

from recurring_jobs.runs.task import BaseTaskWithRetry

if TYPE_CHECKING:
    from recurring_jobs.recurrence.occurrences import GenerationReport

__all__ = ["BaseTaskWithRetry", "generate_occurrences", "prune"]


@shared_task(name="recurring_jobs.generate_occurrences", base=BaseTaskWithRetry)
def generate_occurrences(model_label: str | None = None) -> dict[str, dict[str, int]]:
    """
    Make the occurrences that are needed now, of one model or of all recurring ones.

    *model_label* is such as ``"tasks.Task"``. Return the report of each model by its
    label. Any number of these tasks may run at once. Raise UnknownRecurringModelError.
    """
    # Imported late, so that declarations may import this module before apps are ready.
    from recurring_jobs.recurrence import occurrences

    models = (
        occurrences.recurring_models()
        if model_label is None
        else [occurrences.recurring_model(model_label)]
    )
    reports: dict[str, GenerationReport] = {
        model._meta.label: occurrences.generate_occurrences(model) for model in models
    }
    return {label: asdict(report) for label, report in reports.items()}


@shared_task(name="recurring_jobs.prune", base=BaseTaskWithRetry, no_overlap=True)
def prune() -> dict[str, int]:
    """
    Delete what the settings KEEP_RUNS and KEEP_DEAD_LETTERS call old; return how much.

    Declare it to be run each night: ``periodic_task(Cron("15 3 * * *"))(prune)``.
    """
    from recurring_jobs.runs import retention

    return asdict(retention.prune())

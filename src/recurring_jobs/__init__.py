"""
Retries that end well, rows that repeat and schedules that live in code.

Declarations are imported from here, models and mixins from ``recurring_jobs.models``.
Names are loaded on first use, so that importing this package needs neither Django
settings nor Celery, and a host's ``tasks.py`` can be imported before apps are ready.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurring_jobs.broker import development_broker as development_broker
    from recurring_jobs.exceptions import GiveUp as GiveUp
    from recurring_jobs.exceptions import RecurringJobsError as RecurringJobsError
    from recurring_jobs.exceptions import RetryLater as RetryLater
    from recurring_jobs.periodic.registry import periodic_task as periodic_task
    from recurring_jobs.periodic.triggers import At as At
    from recurring_jobs.periodic.triggers import Cron as Cron
    from recurring_jobs.periodic.triggers import Every as Every
    from recurring_jobs.periodic.triggers import RRule as RRule
    from recurring_jobs.periodic.triggers import Solar as Solar
    from recurring_jobs.runs.task import BaseTaskWithRetry as BaseTaskWithRetry

__version__ = "0.1.0.dev0"

_HOMES = {
    "At": "periodic.triggers",
    "BaseTaskWithRetry": "runs.task",
    "Cron": "periodic.triggers",
    "Every": "periodic.triggers",
    "GiveUp": "exceptions",
    "RRule": "periodic.triggers",
    "RecurringJobsError": "exceptions",
    "RetryLater": "exceptions",
    "Solar": "periodic.triggers",
    "development_broker": "broker",
    "periodic_task": "periodic.registry",
}

__all__ = [
    "At",
    "BaseTaskWithRetry",
    "Cron",
    "Every",
    "GiveUp",
    "RRule",
    "RecurringJobsError",
    "RetryLater",
    "Solar",
    "development_broker",
    "periodic_task",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

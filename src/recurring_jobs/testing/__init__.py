"""
A kit for tests of projects that use this library.

Names are loaded on first use, so that pytest can load the plugin before Django is set up.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurring_jobs.testing.cases import RecurringJobsTestMixin as RecurringJobsTestMixin
    from recurring_jobs.testing.clock import Clock as Clock
    from recurring_jobs.testing.ledger import check_ledger as check_ledger
    from recurring_jobs.testing.ledger import ledger_problems as ledger_problems
    from recurring_jobs.testing.outcomes import assert_dead_letter as assert_dead_letter
    from recurring_jobs.testing.outcomes import assert_retried as assert_retried
    from recurring_jobs.testing.outcomes import generate_now as generate_now
    from recurring_jobs.testing.times import assert_fires as assert_fires
    from recurring_jobs.testing.times import fires_between as fires_between
    from recurring_jobs.testing.worker import Attempt as Attempt
    from recurring_jobs.testing.worker import Worker as Worker
    from recurring_jobs.testing.worker import run_until as run_until

_HOMES = {
    "Attempt": "worker",
    "Clock": "clock",
    "RecurringJobsTestMixin": "cases",
    "Worker": "worker",
    "assert_dead_letter": "outcomes",
    "assert_fires": "times",
    "assert_retried": "outcomes",
    "check_ledger": "ledger",
    "fires_between": "times",
    "generate_now": "outcomes",
    "ledger_problems": "ledger",
    "run_until": "worker",
}

__all__ = [
    "Attempt",
    "Clock",
    "RecurringJobsTestMixin",
    "Worker",
    "assert_dead_letter",
    "assert_fires",
    "assert_retried",
    "check_ledger",
    "fires_between",
    "generate_now",
    "ledger_problems",
    "run_until",
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

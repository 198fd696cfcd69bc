"""A kit for tests of projects that use this library."""

from __future__ import annotations

from recurring_jobs.testing.ledger import check_ledger, ledger_problems

__all__ = ["check_ledger", "ledger_problems"]

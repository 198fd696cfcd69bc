"""The kit for those who write tests as classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurring_jobs.testing.clock import Clock
from recurring_jobs.testing.ledger import check_ledger
from recurring_jobs.testing.outcomes import assert_dead_letter, assert_retried
from recurring_jobs.testing.times import assert_fires
from recurring_jobs.testing.worker import Worker

if TYPE_CHECKING:
    from datetime import datetime
    from unittest import TestCase as _Base
else:
    _Base = object


class RecurringJobsTestMixin(_Base):
    """
    Gives a ``TestCase`` of Django's a clock and a worker, both entered for each test.

    Write it before the test case: ``class NightTests(RecurringJobsTestMixin, TestCase)``.
    """

    #: What the clock shows when a test begins; None: the present instant.
    clock_at: datetime | None = None

    clock: Clock
    worker: Worker

    assertFires = staticmethod(assert_fires)  # noqa: N815  as unittest writes it
    assertRetried = staticmethod(assert_retried)  # noqa: N815
    assertDeadLetter = staticmethod(assert_dead_letter)  # noqa: N815
    assertLedgerIsSound = staticmethod(check_ledger)  # noqa: N815

    def setUp(self) -> None:
        """Enter the clock, then the worker that goes by it."""
        super().setUp()
        self.clock = self.enterContext(Clock(self.clock_at))
        self.worker = self.enterContext(Worker())

"""Credits are never lost and never made, whoever cleans up and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from django.db import connection
from django.test import TestCase, TransactionTestCase
from django.utils import timezone

from credits import demo_data
from credits.models import Account, CreditHold, NotEnoughCreditsError
from credits.tasks import cleanup_expired_credit_holds


class CleanupTests(TestCase):
    """One account with 1,000 credits, and holds on it."""

    def setUp(self) -> None:
        self.account = Account.objects.create(owner="Atelier", balance=1_000)

    def balance(self) -> int:
        return Account.objects.get(pk=self.account.pk).balance

    def hold(self, amount: int, **ago: int) -> CreditHold:
        return self.account.hold(amount, expires_at=timezone.now() - timedelta(**ago))

    def test_expired_holds_come_back(self) -> None:
        """Credits of expired holds return to the balance; those with time left do not."""
        self.hold(100, hours=1)
        self.hold(30, days=2)
        self.hold(7, hours=-1)

        report = cleanup_expired_credit_holds()

        self.assertEqual((report, self.balance()), ({"holds": 2, "credits": 130}, 993))

    def test_second_run_changes_nothing(self) -> None:
        """A hold comes back once."""
        self.hold(100, hours=1)
        cleanup_expired_credit_holds()

        again = cleanup_expired_credit_holds()

        self.assertEqual((again, self.balance()), ({"holds": 0, "credits": 0}, 1_000))

    def test_captured_hold_stays_used(self) -> None:
        """What was captured does not come back when its time passes."""
        self.hold(100, hours=1).capture()

        report = cleanup_expired_credit_holds()

        self.assertEqual((report["holds"], self.balance()), (0, 900))

    def test_late_copy_of_a_hold_cannot_expire_it_again(self) -> None:
        """A worker that read the hold before another one ended it changes nothing."""
        hold = self.hold(100, hours=1)
        copy = CreditHold.objects.get(pk=hold.pk)

        answers = (hold.expire(), copy.expire(), copy.capture())

        self.assertEqual((answers, self.balance()), ((True, False, False), 1_000))

    def test_hold_beyond_the_balance_is_refused(self) -> None:
        """An account cannot hold more than it has, and nothing is kept of the attempt."""
        message = "Atelier cannot hold 1001 credits: the balance is too low."

        with self.assertRaisesMessage(NotEnoughCreditsError, message):
            self.hold(1_001, hours=-1)

        self.assertEqual((self.balance(), CreditHold.objects.count()), (1_000, 0))

    def test_demo_data_is_loaded_once(self) -> None:
        """Loading again adds no account and no hold."""
        now = timezone.now()

        added = demo_data.load(now), demo_data.load(now)

        self.assertEqual((added, CreditHold.objects.count()), ((6, 0), 18))


class ConcurrentCleanupTests(TransactionTestCase):
    """Several workers clean up at the same moment."""

    def test_four_at_once_give_back_once(self) -> None:
        """Forty expired holds give back their credits once, between four workers."""
        account = Account.objects.create(owner="Atelier", balance=1_000)
        past = timezone.now() - timedelta(hours=1)
        for _ in range(40):
            account.hold(10, expires_at=past)
        start = Barrier(4)

        def work(_: int) -> int:
            try:
                start.wait(timeout=10)
                return cleanup_expired_credit_holds()["holds"]
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as workers:
            ended = sum(workers.map(work, range(4)))

        account.refresh_from_db()
        self.assertEqual((ended, account.balance), (40, 1_000))

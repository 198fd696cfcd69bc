"""Discounts follow expiry dates, on queues of their own."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from doctest import DocTestSuite
from unittest import TestLoader, TestSuite

from celery import current_app
from django.test import TestCase
from django.utils import timezone

from pricing import demo_data, models
from pricing.models import Batch, Discount, PriceHistory, Product
from pricing.tasks import (
    cleanup_expired_discounts,
    recompute_all_discounts,
    update_price_history,
)
from recurring_jobs import GiveUp


def load_tests(_loader: TestLoader, tests: TestSuite, _pattern: str | None) -> TestSuite:
    """Add the examples in the docstrings of the models."""
    tests.addTests(DocTestSuite(models))
    return tests


class PricingTestCase(TestCase):
    """One product at 10.00."""

    def setUp(self) -> None:
        self.product = Product.objects.create(sku="P", name="Milk", base_price=Decimal("10.00"))

    def batch(self, days_left: int, quantity: int = 5) -> Batch:
        return Batch.objects.create(
            product=self.product,
            code=f"{days_left:+} days, {quantity} left",
            quantity=quantity,
            expires_on=timezone.localdate() + timedelta(days=days_left),
        )

    def discounts(self) -> dict[str, Decimal]:
        return dict(Discount.objects.values_list("batch__code", "price"))


class RecomputeTests(PricingTestCase):
    """recompute_all_discounts."""

    def test_by_days_left(self) -> None:
        """The nearer the end the cheaper; sold out, expired and far-off batches have none."""
        for days in (-1, 0, 3, 30, 31):
            self.batch(days)
        self.batch(2, quantity=0)

        report = recompute_all_discounts()

        self.assertEqual(report, {"batches": 3, "days_threshold": 30})
        self.assertEqual(
            self.discounts(),
            {
                "+0 days, 5 left": Decimal("3.00"),
                "+3 days, 5 left": Decimal("5.00"),
                "+30 days, 5 left": Decimal("9.00"),
            },
        )

    def test_threshold(self) -> None:
        """days_threshold narrows the batches that are looked at."""
        self.batch(5)
        self.batch(6)

        report = recompute_all_discounts(days_threshold=5)

        self.assertEqual((report["batches"], list(self.discounts())), (1, ["+5 days, 5 left"]))

    def test_twice(self) -> None:
        """A batch has one discount, however often it is computed."""
        self.batch(3)
        recompute_all_discounts()

        recompute_all_discounts()

        self.assertEqual(Discount.objects.count(), 1)

    def test_bad_threshold(self) -> None:
        """A threshold that cannot be is refused by name, and nothing is computed."""
        self.batch(3)

        for value, shown in ((-1, "-1"), ("soon", "'soon'"), (366, "366"), (True, "True")):
            message = f"days_threshold is {shown}. Give a whole number from 0 to 365."
            with self.subTest(value=value), self.assertRaisesMessage(GiveUp, message):
                recompute_all_discounts(days_threshold=value)

        self.assertEqual(Discount.objects.count(), 0)


class CleanupTests(PricingTestCase):
    """cleanup_expired_discounts."""

    def test_ends_with_the_batch(self) -> None:
        """Discounts of batches that expired yesterday end; those of today go on; once."""
        for days in (-1, 0):
            Discount.objects.create(batch=self.batch(days), percent=70, price=Decimal("3.00"))

        reports = cleanup_expired_discounts(), cleanup_expired_discounts()

        states = dict(Discount.objects.values_list("batch__code", "state"))
        self.assertEqual(reports, ({"expired": 1}, {"expired": 0}))
        self.assertEqual(states, {"-1 days, 5 left": "expired", "+0 days, 5 left": "active"})


class PriceHistoryTests(PricingTestCase):
    """update_price_history."""

    def test_lowest_active_price(self) -> None:
        """Recorded is what a customer pays: the lowest active discount, else the base price."""
        Product.objects.create(sku="Q", name="Bread", base_price=Decimal("3.20"))
        for days, price, state in (
            (3, "5.00", "active"),
            (7, "7.00", "active"),
            (-1, "3.00", "expired"),
        ):
            Discount.objects.create(
                batch=self.batch(days), percent=1, price=Decimal(price), state=state
            )

        report = update_price_history()

        prices = dict(PriceHistory.objects.values_list("product__name", "price"))
        self.assertEqual(report, {"prices": 2})
        self.assertEqual(prices, {"Milk": Decimal("5.00"), "Bread": Decimal("3.20")})


class QueueTests(TestCase):
    """Which queue each task goes to when it is called from code."""

    def test_queues(self) -> None:
        """Each kind of work has its own queue."""
        tasks = (recompute_all_discounts, cleanup_expired_discounts, update_price_history)

        queues = [current_app.amqp.router.route({}, task.name)["queue"].name for task in tasks]

        self.assertEqual(queues, ["discounts", "maintenance", "analytics"])


class DemoDataTests(TestCase):
    """The shelf of the demo."""

    def test_work_for_every_task(self) -> None:
        """There are batches to discount and discounts to end; a second load adds nothing."""
        added = demo_data.load(timezone.now()), demo_data.load(timezone.now())

        self.assertEqual(added, (12, 0))
        self.assertEqual(recompute_all_discounts()["batches"], 60)
        self.assertEqual(cleanup_expired_discounts(), {"expired": 12})

"""Products in batches that expire, and the prices that follow from it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from django.db import models
from django.db.models import F, Min, Q
from django.db.models.functions import Coalesce
from django.utils import timezone


class ProductQuerySet(models.QuerySet["Product"]):
    """The questions asked of products."""

    def with_price(self) -> ProductQuerySet:
        """Add ``price``: the lowest one that a customer pays today."""
        active = Q(batches__discount__state=Discount.State.ACTIVE)
        lowest = Min("batches__discount__price", filter=active)
        return self.annotate(price=Coalesce(lowest, F("base_price")))


class Product(models.Model):
    """Something for sale."""

    sku = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=100)
    base_price = models.DecimalField(max_digits=8, decimal_places=2)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["sku"]

    def __str__(self) -> str:
        return self.name


class BatchQuerySet(models.QuerySet["Batch"]):
    """The questions asked of batches."""

    def expiring(self, today: date, *, within: int) -> BatchQuerySet:
        """Those in stock that expire from *today* to *within* days later."""
        until = today + timedelta(days=within)
        return self.filter(quantity__gt=0, expires_on__range=(today, until))


class Batch(models.Model):
    """Units of one product with one expiry date."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="batches")
    code = models.CharField(max_length=32, unique=True)
    quantity = models.PositiveIntegerField()
    expires_on = models.DateField(db_index=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["expires_on", "code"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.code


class Discount(models.Model):
    """The discount of one batch; there is never a second one beside it."""

    class State(models.TextChoices):
        """Whether customers still get it."""

        ACTIVE = "active", "active"
        EXPIRED = "expired", "expired"

    batch = models.OneToOneField(Batch, on_delete=models.CASCADE, related_name="discount")
    percent = models.PositiveSmallIntegerField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    computed_at = models.DateTimeField(default=timezone.now)
    expired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-percent", "pk"]

    def __str__(self) -> str:
        return f"{self.percent} % off {self.batch}"


class PriceHistory(models.Model):
    """What a product cost at one moment."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="history")
    price = models.DecimalField(max_digits=8, decimal_places=2)
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["-recorded_at", "pk"]
        verbose_name_plural = "price history"
        constraints = [
            models.UniqueConstraint(fields=["product", "recorded_at"], name="pricing_history_once")
        ]

    def __str__(self) -> str:
        return f"{self.product}: {self.price}"


def percent_off(days_left: int) -> int:
    """
    Return the discount in percent for a batch that expires in *days_left* days.

    >>> [percent_off(days) for days in (0, 3, 7, 14, 30)]
    [70, 50, 30, 20, 10]
    """
    steps = [(1, 70), (3, 50), (7, 30), (14, 20)]
    return next((percent for days, percent in steps if days_left <= days), 10)


def discounted(price: Decimal, percent: int) -> Decimal:
    """
    Return *price* less *percent*, to the cent.

    >>> discounted(Decimal("9.99"), 30)
    Decimal('6.99')
    """
    return (price * (100 - percent) / 100).quantize(Decimal("0.01"))

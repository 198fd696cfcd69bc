"""A shop's fresh shelf: batches that expire from yesterday to next spring."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from pricing.models import Batch, Discount, Product, discounted

PRODUCTS = [
    ("Whole milk 1 l", "1.49"),
    ("Greek yoghurt 500 g", "2.89"),
    ("Goat cheese 150 g", "4.29"),
    ("Smoked salmon 200 g", "7.99"),
    ("Chicken breast 600 g", "8.49"),
    ("Rye bread", "3.20"),
    ("Baby spinach 125 g", "2.19"),
    ("Orange juice 1 l", "3.59"),
    ("Hummus 200 g", "2.49"),
    ("Fresh pasta 400 g", "3.79"),
    ("Dark chocolate", "2.99"),
    ("Olive oil 750 ml", "12.90"),
]
DAYS_LEFT = (-1, 1, 3, 7, 14, 30, 120)


@transaction.atomic
def load(now: datetime) -> int:
    """Add the products that are not there yet; return how many were added."""
    return sum(
        add_product(f"P-{number:03}", name, Decimal(price), now)
        for number, (name, price) in enumerate(PRODUCTS, start=1)
    )


def add_product(sku: str, name: str, price: Decimal, now: datetime) -> int:
    """Put *name* on the shelf, with one batch whose discount should have ended."""
    product, is_new = Product.objects.get_or_create(
        sku=sku, defaults={"name": name, "base_price": price}
    )
    if is_new:
        rows = Batch.objects.bulk_create(
            Batch(
                product=product,
                code=f"{sku}-{days:+}",
                quantity=40,
                expires_on=now.date() + timedelta(days=days),
            )
            for days in DAYS_LEFT
        )
        yesterday = Batch.objects.get(code=rows[0].code)
        Discount.objects.create(batch=yesterday, percent=70, price=discounted(price, 70))
    return int(is_new)

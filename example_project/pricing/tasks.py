"""Keep prices in step with expiry dates, each task on the queue of its kind."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from pricing.models import Batch, Discount, PriceHistory, Product, discounted, percent_off
from recurring_jobs import BaseTaskWithRetry, Cron, Every, GiveUp, periodic_task

logger = logging.getLogger("pricing")


@periodic_task(Cron("0 * * * *"), name="Recompute all discounts", queue="discounts")
@shared_task(base=BaseTaskWithRetry, tracked=True, triggerable=True)
def recompute_all_discounts(days_threshold: int = 30) -> dict[str, int]:
    """
    Compute the discount of every batch that expires within *days_threshold* days.
    """
    if type(days_threshold) is not int or not 0 <= days_threshold <= 365:
        raise GiveUp(f"days_threshold is {days_threshold!r}. Give a whole number from 0 to 365.")
    expiring = Batch.objects.expiring(timezone.localdate(), within=days_threshold)
    batches = list(expiring.select_related("product"))
    with transaction.atomic():
        for batch in batches:
            recompute(batch)
    report = {"batches": len(batches), "days_threshold": days_threshold}
    logger.info("pricing.discounts.recomputed", extra=report)
    return report


@periodic_task(Cron("0 2 * * *"), name="Cleanup expired discounts", queue="maintenance")
@shared_task(base=BaseTaskWithRetry, tracked=True)
def cleanup_expired_discounts() -> dict[str, int]:
    """
    Mark the discounts of batches that expired as expired.
    """
    over = Discount.objects.filter(
        state=Discount.State.ACTIVE, batch__expires_on__lt=timezone.localdate()
    )
    # Two statements: MariaDB cannot update through a join.
    expired = Discount.objects.filter(pk__in=list(over.values_list("pk", flat=True))).update(
        state=Discount.State.EXPIRED, expired_at=timezone.now()
    )
    return {"expired": expired}


@periodic_task(Every(hours=6), name="Update price history", queue="analytics")
@shared_task(base=BaseTaskWithRetry, tracked=True, triggerable=True)
def update_price_history() -> dict[str, int]:
    """
    Record what each product costs now.
    """
    now = timezone.now()
    rows = [
        PriceHistory(product=product, price=product.price, recorded_at=now)
        for product in Product.objects.with_price()
    ]
    PriceHistory.objects.bulk_create(rows, batch_size=500)
    return {"prices": len(rows)}


def recompute(batch: Batch) -> None:
    """Set the discount of *batch* to what its expiry date says today."""
    percent = percent_off((batch.expires_on - timezone.localdate()).days)
    Discount.objects.update_or_create(
        batch=batch,
        defaults={
            "percent": percent,
            "price": discounted(batch.product.base_price, percent),
            "state": Discount.State.ACTIVE,
            "computed_at": timezone.now(),
            "expired_at": None,
        },
    )

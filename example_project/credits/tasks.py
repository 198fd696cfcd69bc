"""Give back what expired holds keep; scheduled in CELERY_BEAT_SCHEDULE."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from credits.models import CreditHold
from recurring_jobs import BaseTaskWithRetry

logger = logging.getLogger("credits")


@shared_task(base=BaseTaskWithRetry, tracked=True)
def cleanup_expired_credit_holds() -> dict[str, int]:
    """
    End the holds whose time passed and put their credits back, each hold once.

    Each hold is a transaction of its own: whatever stops the task in the middle, the
    next one finishes, and any number of them may run at once.
    """
    expired = CreditHold.objects.expired(timezone.now()).order_by("pk")
    ended = [hold for hold in expired.iterator(chunk_size=500) if hold.expire()]
    report = {"holds": len(ended), "credits": sum(hold.amount for hold in ended)}
    logger.info("credits.holds.expired", extra=report)
    return report

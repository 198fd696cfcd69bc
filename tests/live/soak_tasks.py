"""The tasks of the soak, and its generators, for processes that include this module."""

from __future__ import annotations

import random
import sys
import time
from datetime import timedelta

from celery import shared_task

from recurring_jobs import BaseTaskWithRetry

RULES = ("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,WE", "FREQ=MONTHLY;BYDAY=-1FR")

#: Many crashes are our doing, and none is to become a dead letter.
_PATIENT = {"retry_backoff": 0.5, "retry_backoff_max": 2, "max_retries": 8, "max_crashes": 50}


@shared_task(name="soak.works", bind=True, base=BaseTaskWithRetry, **_PATIENT)
def works(self, seconds: float = 0.05, failures: float = 0.0) -> str:
    """Work a while, fail now and then, and end where that is asked for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if self.cancel_requested():
            return "asked to end"
        time.sleep(0.05)
    if random.random() < failures:
        message = "The other side does not answer."
        raise ConnectionError(message)
    return "done"


@shared_task(
    name="soak.alone",
    bind=True,
    base=BaseTaskWithRetry,
    no_overlap="wait",
    overlap_wait_max=600,
    **_PATIENT,
)
def alone(self, seconds: float = 0.2) -> int:
    """Leave a mark with the number of those before it; two at once would leave the same."""
    from tests.host.models import Tag

    with self.lock.atomic():
        before = Tag.objects.count()
        time.sleep(seconds)
        Tag.objects.create(name=f"{before}")
    return before


def generate_for_ever() -> None:
    """Edit templates and make what is due, again and again; the database may be away."""
    from django.db import DatabaseError, InterfaceError, connection

    while True:
        try:
            _edit_and_generate()
        except (DatabaseError, InterfaceError) as error:
            print(f"away: {error}", file=sys.stderr, flush=True)  # noqa: T201  its log
            connection.close()
        time.sleep(0.3)


def _edit_and_generate() -> None:
    from django.utils import timezone

    from recurring_jobs.recurrence.occurrences import generate_occurrences
    from tests.host.models import Todo

    if random.random() < 0.5:
        start = timezone.now() + timedelta(hours=random.randint(1, 200))
        rule = random.choice(RULES)
        Todo.objects.create(title="soak", due_at=start, recurrence_rule=rule)
    template = Todo.objects.filter(recurrence_rule__isnull=False).order_by("?").first()
    if template is not None:
        template.recurrence_rule = random.choice(RULES)
        template.save(update_fields=["recurrence_rule"])
    generate_occurrences(Todo, batch_size=5)


if __name__ == "__main__":
    import django

    django.setup()
    generate_for_ever()

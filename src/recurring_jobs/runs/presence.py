"""Writes down that a worker lives, and which queues it consumes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import router

from recurring_jobs.runs.clock import DatabaseNow
from recurring_jobs.runs.models import Worker

if TYPE_CHECKING:
    from celery.worker.consumer import Consumer

#: After so long without a sign of life, the row of a worker that is gone is deleted.
_FORGOTTEN_AFTER: Final = timedelta(days=1)


class Presence:
    """The row of this worker."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer: Any = consumer
        self.name = str(self._consumer.hostname)

    def tell(self) -> None:
        """Write it, with the queues of this moment. Raise DatabaseError."""
        rows = Worker.objects.using(router.db_for_write(Worker))
        facts = {"queues": self._queues(), "seen_at": DatabaseNow()}
        if not rows.filter(name=self.name).update(**facts):
            rows.create(name=self.name, started_at=DatabaseNow(), **facts)
            rows.filter(seen_at__lt=DatabaseNow() - _FORGOTTEN_AFTER).delete()

    def end(self) -> None:
        """Take it away: this worker ends as it should. Raise DatabaseError."""
        Worker.objects.using(router.db_for_write(Worker)).filter(name=self.name).delete()

    def _queues(self) -> list[str]:
        # While the worker looks for its broker it has none.
        consumed = getattr(self._consumer.task_consumer, "queues", None) or ()
        return sorted(str(queue.name) for queue in consumed)

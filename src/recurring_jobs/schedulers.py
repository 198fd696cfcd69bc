"""A Celery beat scheduler on the database, of which any number may run."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from celery.beat import Scheduler
from django.db import connections, router
from django.db.utils import DatabaseError, InterfaceError

from recurring_jobs.conf import conf
from recurring_jobs.models import Fire, Schedule
from recurring_jobs.periodic import beat_fires, ledger, publishing
from recurring_jobs.periodic.clock import database_now
from recurring_jobs.periodic.registry import collect_declarations

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)

#: Seconds between two looks at the database when nothing is due sooner.
DEFAULT_MAX_INTERVAL = 5.0
#: Seconds after which all schedules are compared again, for changes that left no mark.
REFRESH_EVERY = 60.0
#: Seconds to wait after the database or the broker was found away.
RETRY_AFTER = 1.0


class DatabaseScheduler(Scheduler):
    """
    Fires what is due by the ledger.

    Set ``CELERY_BEAT_SCHEDULER = "recurring_jobs.schedulers:DatabaseScheduler"``.
    A tick asks the database for due schedules by an index, claims each fire as a row
    under a unique constraint, and publishes it after the commit. There is no leader:
    start as many beats as you like. A claim whose publisher died, or that the broker did
    not take, is published again under the same task id.
    """

    def __init__(self, app: Any, *args: Any, **kwargs: Any) -> None:
        self._seen_change: datetime | None = None
        self._refreshed_at: float | None = None
        self._unpublished: list[Fire] = []
        super().__init__(app, *args, **kwargs)
        chosen = kwargs.get("max_interval") or app.conf.beat_max_loop_interval
        self._longest_wait = float(chosen or DEFAULT_MAX_INTERVAL)
        # What beat prints in its banner.
        self.max_interval = int(self._longest_wait)

    def setup_schedule(self) -> None:
        """
        Store Celery's own clean-up of results where it is wanted, and nothing else.

        ``setup_periodic_tasks`` stores what is declared; what it has not stored is named
        in a warning, since it would never fire.
        """
        using = router.db_for_write(Schedule)
        try:
            if self.app.conf.result_expires and not self.app.backend.supports_autoexpire:
                beat_fires.add_result_cleanup(using=using)
            stored = beat_fires.stored_names(using=using)
        except DatabaseError:
            logger.warning("recurring_jobs.beat.database_away", exc_info=True)
            connections[using].close()
            return
        declared, _problems = collect_declarations(self.app)
        missing = [each.name for each in declared if each.name not in stored]
        if missing:
            logger.warning(
                "recurring_jobs.beat.not_stored: run setup_periodic_tasks",
                extra={"declarations": missing},
            )

    @property
    def info(self) -> str:
        return f"    . db -> {router.db_for_write(Schedule)} (any number of beats)"

    def tick(self, *args: Any, **kwargs: Any) -> float:  # noqa: ARG002  Celery's signature
        """
        Claim and publish what is due, and return the seconds until the next look.

        With the database away nothing fires and beat goes on; with the broker away fires
        wait as claims. Neither ends the process.
        """
        using = router.db_for_write(Schedule)
        try:
            return self._tick(using)
        except (DatabaseError, InterfaceError):
            logger.warning("recurring_jobs.beat.database_away", exc_info=True)
            # One connection serves all ticks; after an error the next tick makes a new one.
            connections[using].close()
            return RETRY_AFTER

    def _tick(self, using: str) -> float:
        now = database_now(using)
        self._refresh_if_changed(now, using)
        earliest = ledger.earliest_next_fire(using=using)
        claims = ledger.NO_CLAIMS
        if earliest is not None and earliest <= now:
            claims = ledger.claim_due(now=now, using=using, limit=conf.beat_batch_size)
            earliest = ledger.earliest_next_fire(using=using)
        stale = ledger.stale_claims(
            now=now, older_than=conf.beat_republish_after, using=using, limit=conf.beat_batch_size
        )
        self._publish(
            {fire.pk: fire for fire in [*self._unpublished, *stale, *claims.fires]}, using
        )
        if self._unpublished:
            return min(RETRY_AFTER, self._longest_wait)
        return 0.0 if claims.is_full else self._seconds_until(earliest, using)

    def _seconds_until(self, earliest: datetime | None, using: str) -> float:
        if earliest is None:
            return self._longest_wait
        wait = (earliest - database_now(using)).total_seconds()
        return max(0.0, min(wait, self._longest_wait))

    def _refresh_if_changed(self, now: datetime, using: str) -> None:
        change = beat_fires.last_change(using=using)
        is_stale = (
            self._refreshed_at is None or time.monotonic() - self._refreshed_at > REFRESH_EVERY
        )
        if change == self._seen_change and not is_stale:
            return
        changed = ledger.refresh(now=now, using=using)
        self._seen_change = change
        self._refreshed_at = time.monotonic()
        logger.info("recurring_jobs.beat.refreshed", extra={"changed": changed})

    def _publish(self, fires: dict[int, Fire], using: str) -> None:
        self._unpublished = []
        if not fires:
            return
        settled: set[int] = set()
        published = []
        for fire, task in ledger.with_tasks(fires.values(), using=using):
            facts = {"schedule": task.name, "task": task.task, "task_id": fire.task_id}
            try:
                publishing.publish(fire, task, producer=self.producer)
            except publishing.BROKER_ERRORS:
                logger.warning("recurring_jobs.beat.broker_away", extra=facts, exc_info=True)
                break
            except Exception as error:
                # Whatever is wrong with one message (arguments that are no JSON, or not
                # those of the task) must not stop the others.
                logger.exception("recurring_jobs.fire.refused", extra=facts)
                ledger.mark_refused(fire, f"{type(error).__name__}: {error}", using=using)
            else:
                logger.info("recurring_jobs.fire.published", extra=facts)
                published.append(fire)
            settled.add(fire.pk)
        ledger.mark_published(published, now=database_now(using), using=using)
        self._unpublished = [fire for fire in fires.values() if fire.pk not in settled]

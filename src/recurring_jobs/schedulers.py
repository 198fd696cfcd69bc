"""A Celery beat scheduler on the database, of which any number may run."""

from __future__ import annotations

import logging
import sys
import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from celery.beat import Scheduler
from django.db import connections, router
from django.db.utils import DatabaseError, InterfaceError

from recurring_jobs import tallies
from recurring_jobs.conf import conf
from recurring_jobs.inspection.databases import missing_migrations
from recurring_jobs.models import Fire, Schedule
from recurring_jobs.patience import BROKER_ERRORS
from recurring_jobs.periodic import (
    beat_fires,
    change_feed,
    claiming,
    dispatch,
    ledger,
    locking,
    publishing,
    upcoming,
)
from recurring_jobs.periodic.clock import database_now
from recurring_jobs.periodic.liveness import Pulse
from recurring_jobs.periodic.registry import collect_declarations
from recurring_jobs.runs.task import BaseTaskWithRetry

if TYPE_CHECKING:
    from datetime import datetime

    from recurring_jobs.periodic.dispatch import Dispatched

logger = logging.getLogger(__name__)

#: Seconds between two looks at the database when nothing is due sooner.
DEFAULT_MAX_INTERVAL = 5.0
#: Seconds after which all schedules are compared again, where the database notes no changes.
REFRESH_EVERY = 60.0
#: Seconds between two rounds of deleting old records.
FORGET_EVERY = 60.0
#: Seconds to wait after the database or the broker was found away.
RETRY_AFTER = 1.0


class DatabaseScheduler(Scheduler):
    """
    Fires what is due by the ledger.

    Set ``CELERY_BEAT_SCHEDULER = "recurring_jobs.schedulers:DatabaseScheduler"``.
    A tick asks the database for due schedules by an index, claims each fire as a row
    under a unique constraint, and publishes it after the commit. There is no leader:
    start as many beats as you like. A claim whose publisher died, or that the broker did
    not take, is published again under the same task id. Nothing is kept in memory.
    """

    def __init__(self, app: Any, *args: Any, **kwargs: Any) -> None:
        self._owes_set_up = False
        self._notes_changes: bool | None = None
        self._seen_change: datetime | None = None
        self._refreshed_at: float | None = None
        self._forgot_at = time.monotonic()
        self._pulse = Pulse()
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
            self._set_up(using)
        except (DatabaseError, InterfaceError):
            self._leave_database(using)
            self._owes_set_up = True  # the first tick that has one does it

    @cached_property
    def connection(self) -> Any:
        """The connection that messages go by; it notices a broker that has gone silent."""
        return publishing.prepare(self.app.connection_for_write())

    def _ensure_connected(self) -> Any:
        """Try each broker once: beat's own tries for as long as it takes, and ticks no more."""
        others = max(0, len(self.connection.alt or ()) - 1)
        return self.connection.ensure_connection(max_retries=others)

    @property
    def info(self) -> str:
        return f"    . db -> {router.db_for_write(Schedule)} (any number of beats)"

    def tick(self, *args: Any, **kwargs: Any) -> float:  # noqa: ARG002  Celery's signature
        """
        Claim and publish what is due, and return the seconds until the next look.

        With the database away nothing fires and beat goes on; with the broker away fires
        wait for it, those that are not claimed yet under their misfire policy. Neither
        ends the process.
        """
        using = router.db_for_write(Schedule)
        try:
            return self._tick(using)
        except (DatabaseError, InterfaceError):
            is_migrated = self._leave_database(using)
            return RETRY_AFTER if is_migrated else self._longest_wait

    def close(self) -> None:
        """Take this beat off the list of those that live."""
        super().close()
        using = router.db_for_write(Schedule)
        try:
            tallies.flush()
            self._pulse.end(using=using)
        except (DatabaseError, InterfaceError):
            logger.warning("recurring_jobs.beat.database_away", exc_info=True)

    def _set_up(self, using: str) -> None:
        declared, _problems = collect_declarations(self.app)
        if self.app.conf.result_expires and not self.app.backend.supports_autoexpire:
            beat_fires.add_result_cleanup(using=using)
        missing = beat_fires.names_not_stored([each.name for each in declared], using=using)
        self._owes_set_up = False
        if missing:
            logger.warning(
                "recurring_jobs.beat.not_stored: run setup_periodic_tasks",
                extra={"declarations": missing},
            )

    def _tick(self, using: str) -> float:
        if self._owes_set_up:
            self._set_up(using)
        began, now = time.monotonic(), database_now(using)
        has_broker, has_more = True, self._see_changes(now, using)
        look_at = ledger.earliest_look(using=using)
        if look_at is not None and look_at <= now:
            has_broker, is_full = self._fire(now, using)
            has_more = has_more or is_full
            look_at = ledger.earliest_look(using=using)
        self._keep_house(now, using)
        took = time.monotonic() - began
        self._pulse.beat(now=now, took=timedelta(seconds=took), using=using)
        if not has_broker:
            return min(RETRY_AFTER, self._longest_wait)
        if has_more:
            return 0.0
        if look_at is None:
            return self._longest_wait
        # The host's clock is asked only how long this took, never what time it is.
        wait = (look_at - now).total_seconds() - (time.monotonic() - began)
        return max(0.0, min(wait, self._longest_wait))

    def _fire(self, now: datetime, using: str) -> tuple[bool, bool]:
        """Publish what is due; return whether the broker takes it, and whether more is due."""
        limit = conf.beat_batch_size
        # While the broker is away nothing is claimed: what waits then is not bound to be
        # fired, but follows its misfire policy when the broker is back.
        overdue = claiming.overdue(now=now, using=using, limit=limit)
        if not self._publish(self._without_copies(overdue.fires, using), using):
            return False, True
        claims = claiming.claim_due(now=now, using=using, limit=limit)
        held = dispatch.dispatch_due(now=now, using=using, limit=limit)
        has_broker = self._publish([*claims.fires, *held.fires], using)
        self._stop(held)
        return has_broker, overdue.is_full or claims.is_full or held.is_full

    def _without_copies(self, fires: list[Fire], using: str) -> list[Fire]:
        """
        Return *fires* without those of which a second message might be run.

        Of a task that this process does not know, the next one that looks may know more.
        """
        published = [fire for fire in fires if fire.state == Fire.State.PUBLISHED]
        left, unknown = [], []
        for fire, task in ledger.with_tasks(published, using=using):
            known = self.app.tasks.get(task.task)
            if known is None:
                unknown.append(fire)
            elif task.expires or task.expire_seconds or not isinstance(known, BaseTaskWithRetry):
                left.append(fire)
        ledger.leave(left, using=using)
        again = len(published) - len(left) - len(unknown)
        if again:
            logger.warning("recurring_jobs.beat.not_begun", extra={"fires": again})
        return [fire for fire in fires if fire not in (*left, *unknown)]

    def _see_changes(self, now: datetime, using: str) -> bool:
        """Work out the next fire of what was changed; return whether there is more of it."""
        if self._notes_changes is None:  # and the connection is new
            locking.end_when_idle(using)
            self._notes_changes = change_feed.is_installed(using)
        if self._notes_changes:
            limit = conf.beat_batch_size
            return upcoming.apply_changes(now=now, using=using, limit=limit) == limit
        self._refresh_if_changed(now, using)
        return False

    def _refresh_if_changed(self, now: datetime, using: str) -> None:
        change = beat_fires.last_change(using=using)
        is_stale = (
            self._refreshed_at is None or time.monotonic() - self._refreshed_at > REFRESH_EVERY
        )
        if change == self._seen_change and not is_stale:
            return
        changed = upcoming.refresh(now=now, using=using)
        self._seen_change = change
        self._refreshed_at = time.monotonic()
        logger.info("recurring_jobs.beat.refreshed", extra={"changed": changed})

    def _publish(self, fires: list[Fire], using: str) -> bool:
        """Send the messages of *fires*; return whether the broker takes them."""
        if not fires:
            return True
        waiting = ledger.with_tasks(fires, using=using)
        done = 0
        published: list[Fire] = []
        try:
            while done < len(waiting):
                most, context = publishing.together(self.producer)
                some = waiting[done : done + most]
                with context:
                    sent = self._send(some, using)
                published += sent
                done += len(some)
        except self._broker_errors():
            facts = {"schedule": waiting[done][1].name, "waiting": len(waiting) - done}
            logger.warning("recurring_jobs.beat.broker_away", extra=facts, exc_info=True)
            self._leave_broker()
        now = database_now(using)
        ledger.mark_published(published, now=now, using=using)
        again = [fire for fire, _task in waiting[done:]]
        ledger.look_again(again, at=now + timedelta(seconds=RETRY_AFTER), using=using)
        return done == len(waiting)

    def _send(self, waiting: list[tuple[Fire, Any]], using: str) -> list[Fire]:
        """Send the messages of *waiting* and return those that could be made."""
        sent: list[Fire] = []
        for fire, task in waiting:
            facts = {"schedule": task.name, "task": task.task, "task_id": fire.task_id}
            try:
                publishing.publish(fire, task, producer=self.producer)
            except self._broker_errors():
                raise
            except Exception as error:
                # Whatever is wrong with one message (arguments that are no JSON, or not
                # those of the task) must not stop the others.
                logger.exception("recurring_jobs.fire.refused", extra=facts)
                ledger.mark_refused(fire, f"{type(error).__name__}: {error}", using=using)
            else:
                logger.info("recurring_jobs.fire.published", extra=facts)
                sent.append(fire)
        return sent

    def _stop(self, held: Dispatched) -> None:
        for task_ids, terminate in ((held.cancel, False), (held.terminate, True)):
            if not task_ids:
                continue
            try:
                publishing.stop(task_ids, terminate=terminate)
            except self._broker_errors():
                # They are asked again, as long as a fire waits for them to end.
                logger.warning("recurring_jobs.beat.broker_away", exc_info=True)

    def _keep_house(self, now: datetime, using: str) -> None:
        if time.monotonic() - self._forgot_at < FORGET_EVERY:
            return
        self._forgot_at = time.monotonic()
        ledger.forget(now=now, using=using)

    def _leave_database(self, using: str) -> bool:
        """Say why the database cannot be used; return whether it may be the next moment."""
        error = sys.exc_info()
        # One connection serves all ticks; after an error the next tick makes a new one.
        connections[using].close()
        self._notes_changes = None
        try:
            missing = missing_migrations()
        except (DatabaseError, InterfaceError):
            missing = []
        if missing:
            logger.error(
                "recurring_jobs.beat.not_migrated: run migrate", extra={"missing": missing}
            )
            return False
        logger.warning("recurring_jobs.beat.database_away", exc_info=error)
        return True

    def _broker_errors(self) -> tuple[type[Exception], ...]:
        known = vars(self).get("connection")
        return (*BROKER_ERRORS, *(known.connection_errors if known else ()))

    def _leave_broker(self) -> None:
        """Drop the connection, so that the next message makes a new one."""
        connection = vars(self).pop("connection", None)
        vars(self).pop("producer", None)
        if connection is not None:
            connection.collect()

"""Brings the tables in line with the declarations: plan, then apply under one lock."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import OperationalError, connections, router, transaction
from django.db.models import F
from django.utils import timezone

from recurring_jobs.exceptions import SyncBusyError
from recurring_jobs.periodic.beat_changes import apply_plan
from recurring_jobs.periodic.beat_tables import read_stored
from recurring_jobs.periodic.models import Schedule
from recurring_jobs.periodic.plan import Plan, make_plan
from recurring_jobs.periodic.registry import load_declarations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from celery import Celery

#: How long one deploy waits for another, in seconds.
_PATIENCE = 60
#: PostgreSQL's code for a lock that was not had in time.
_LOCK_NOT_AVAILABLE = "55P03"
_LOCK_NAME = "recurring_jobs.sync_schedules"


def sync_schedules(
    *,
    app: Celery | None = None,
    using: str | None = None,
    now: datetime | None = None,
    dry_run: bool = False,
    prune: bool = False,
    adopt: bool = False,
    force: bool = False,
    only: Collection[str] | None = None,
) -> Plan:
    """
    Bring the stored schedules in line with the declarations, and return the plan.

    The plan is applied as a whole or not at all; with *dry_run* it is only made. Any
    number of processes may do this at once: one applies, the others find nothing left.
    *prune*, *adopt*, *force* and *only* are those of ``make_plan``. Raise
    InvalidDeclarationsError, NothingDeclaredError, UnknownScheduleError or SyncBusyError
    before anything is written.
    """
    declared = load_declarations(app)
    using = using or router.db_for_write(Schedule)
    now = timezone.now() if now is None else now

    def plan() -> Plan:
        stored = read_stored([each.name for each in declared], now=now, using=using)
        return make_plan(
            declared, stored, now=now, prune=prune, adopt=adopt, force=force, only=only
        )

    made = plan()
    if dry_run or made.is_settled:
        return made
    with alone(using):
        made = plan()  # another process may have applied it while this one waited
        apply_plan(made, now=now, using=using)
    return made


@contextmanager
def alone(using: str) -> Iterator[None]:
    """
    Hold a transaction that no other process holds in here at the same time.

    Raise SyncBusyError when another one holds it for a minute.
    """
    vendor = connections[using].vendor
    if vendor == "mysql":
        with _named_lock(using), transaction.atomic(using=using):
            yield
        return
    with transaction.atomic(using=using):
        if vendor == "postgresql":
            _lock_transaction(using)
        else:
            # A first statement that writes takes SQLite's one write lock before anything
            # is read, whatever transaction mode the project chose.
            Schedule.objects.using(using).filter(pk=-1).update(misfire=F("misfire"))
        yield


def _lock_transaction(using: str) -> None:
    """Take a lock of PostgreSQL that ends with the transaction."""
    try:
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{_PATIENCE}s"])
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [_LOCK_NAME])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == _LOCK_NOT_AVAILABLE:
            raise SyncBusyError(_PATIENCE) from error
        raise


@contextmanager
def _named_lock(using: str) -> Iterator[None]:
    """Hold a lock of MariaDB or MySQL; it outlives the transaction, not the connection."""
    connection = connections[using]
    database = str(connection.settings_dict["NAME"])
    # The name is one for the whole server and at most 64 characters long.
    name = f"{_LOCK_NAME}.{hashlib.sha256(database.encode()).hexdigest()[:16]}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, %s)", [name, _PATIENCE])
        if cursor.fetchone() != (1,):
            raise SyncBusyError(_PATIENCE)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT RELEASE_LOCK(%s)", [name])

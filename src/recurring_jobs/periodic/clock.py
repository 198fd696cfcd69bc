"""The clock that all beats share: the database's."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connections
from django.utils import timezone

from recurring_jobs.clock import moved_now

_QUERIES = {
    "postgresql": "SELECT clock_timestamp()",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
}


def database_now(using: str) -> datetime:
    """
    Return the present instant by the clock of database *using*, aware, in UTC.

    SQLite has no clock of its own, so there it is the host's. A clock of
    ``recurring_jobs.testing`` goes before either.
    """
    moved = moved_now()
    if moved is not None:
        return moved.astimezone(UTC)
    query = _QUERIES.get(connections[using].vendor)
    if query is None:
        return timezone.now()
    with connections[using].cursor() as cursor:
        cursor.execute(query)
        value: datetime = cursor.fetchone()[0]
    if timezone.is_naive(value):
        return value.replace(tzinfo=UTC)
    return value.astimezone(UTC)

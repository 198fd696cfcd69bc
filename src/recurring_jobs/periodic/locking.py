"""Rows held against other beats, as far as the database can."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.db import connections
from django.db.models import Model

if TYPE_CHECKING:
    from django.db.models import QuerySet

#: Seconds after which the database ends a transaction in which nothing happens.
IDLE_AT_MOST = 5
_END_WHEN_IDLE = {
    "postgresql": f"SET SESSION idle_in_transaction_session_timeout = '{IDLE_AT_MOST}s'",
    "mysql": f"SET SESSION idle_transaction_timeout = {IDLE_AT_MOST}",
}

_Row = TypeVar("_Row", bound=Model)


def locked(rows: QuerySet[_Row], *, waits: bool = False) -> QuerySet[_Row]:
    """
    Return *rows* locked against others, where the database can.

    Those that are locked already are passed over, unless the caller *waits* for them.
    """
    features = connections[rows.db].features
    if not features.has_select_for_update:
        return rows
    skips = features.has_select_for_update_skip_locked and not waits
    return rows.select_for_update(skip_locked=skips)


def end_when_idle(using: str) -> None:
    """
    Have the database end a transaction of this connection in which nothing happens.

    A process that is stopped in the middle would otherwise hold its rows for as long as it
    is. MySQL, and SQLite, cannot.
    """
    connection = connections[using]
    statement = _END_WHEN_IDLE.get(connection.vendor)
    if statement is None or (
        connection.vendor == "mysql" and not getattr(connection, "mysql_is_mariadb", False)
    ):
        return
    with connection.cursor() as cursor:
        cursor.execute(statement)

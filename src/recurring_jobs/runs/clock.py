"""The database's clock, which all workers share, as an expression for queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler


class DatabaseNow(Now):
    """
    The present instant by the clock of the database.

    On MySQL it is in UTC, as Django stores times there; CURRENT_TIMESTAMP follows the
    time zone of the session. SQLite has no clock of its own, so there it is the host's.
    """

    def as_mysql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, Any]:
        """Return the SQL for MySQL and MariaDB."""
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)

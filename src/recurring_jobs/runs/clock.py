"""The database's clock, which all workers share, as an expression for queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import DateTimeField, Value
from django.db.models.functions import Now

from recurring_jobs.clock import moved_now

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler


class DatabaseNow(Now):
    """
    The present instant by the clock of the database.

    On MySQL it is in UTC, as Django stores times there; CURRENT_TIMESTAMP follows the
    time zone of the session. SQLite has no clock of its own, so there it is the host's.
    A clock of ``recurring_jobs.testing`` goes before either.
    """

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        """Become the instant that a test has moved the clock to, where one has."""
        moved = moved_now()
        if moved is None:
            return super().resolve_expression(*args, **kwargs)
        return Value(moved, output_field=DateTimeField()).resolve_expression(*args, **kwargs)

    def as_mysql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, Any]:
        """Return the SQL for MySQL and MariaDB."""
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)

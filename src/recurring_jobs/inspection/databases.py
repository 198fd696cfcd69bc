"""Whether the database is there and migrated, and what to say where it is not."""

from __future__ import annotations

import pkgutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, InterfaceError, connections, router
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError, ProgrammingError

from recurring_jobs import migrations
from recurring_jobs.exceptions import DatabaseAwayError, NotMigratedError
from recurring_jobs.models import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is raised where the database is away or a table is missing. Others are mistakes.
_AWAY: Final = (OperationalError, ProgrammingError, InterfaceError)


def missing_migrations(using: str | None = None) -> list[str]:
    """Return the migrations of the package that were not applied. Raise DatabaseError."""
    wanted = {module.name for module in pkgutil.iter_modules(migrations.__path__)}
    recorder = MigrationRecorder(connections[using or router.db_for_write(Schedule)])
    if not recorder.has_table():
        return sorted(wanted)
    applied = recorder.migration_qs.filter(app="recurring_jobs").values_list("name", flat=True)
    return sorted(wanted - set(applied))


@contextmanager
def database_errors(using: str | None = None) -> Iterator[None]:
    """Turn what the database raises into DatabaseAwayError, or NotMigratedError."""
    try:
        yield
    except _AWAY as error:
        alias = using or router.db_for_write(Schedule)
        if not connections[alias].in_atomic_block:
            connections[alias].close()  # the next question begins anew
        try:
            missing = missing_migrations(alias)
        except (DatabaseError, InterfaceError):
            raise DatabaseAwayError(alias, str(error)) from error
        if missing:
            raise NotMigratedError(missing) from error
        raise DatabaseAwayError(alias, str(error)) from error

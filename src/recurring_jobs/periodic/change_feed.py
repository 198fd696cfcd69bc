"""Has the database note each change of a periodic task or its trigger, whoever makes it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connections, router, transaction

from recurring_jobs.periodic.models import Schedule, ScheduleChange

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

#: The columns of a periodic task whose change moves its next fire.
TASK_COLUMNS = (
    "enabled",
    "one_off",
    "start_time",
    "expires",
    "interval_id",
    "crontab_id",
    "solar_id",
    "clocked_id",
)
#: Those of our own row.
SCHEDULE_COLUMNS = ("rule", "rule_start", "rule_timezone", "anchored_at")
_PREFIX = "recurring_jobs_note"
_KINDS = ("interval", "crontab", "solar", "clocked")


def install(using: str) -> bool:
    """
    Make the triggers that fill ``ScheduleChange``, anew where they are; return whether they are.

    False where database *using* does not hold the tables, or does not let us: then beats
    compare all schedules whenever django-celery-beat's marker moves.
    """
    connection = connections[using]
    if connection.vendor not in _MAKERS or not router.allow_migrate_model(using, ScheduleChange):
        return False
    needed = {ScheduleChange._meta.db_table, Schedule._meta.db_table, _task_model()._meta.db_table}
    if not needed <= set(connection.introspection.table_names()):
        return False
    try:
        with transaction.atomic(using=using), connection.cursor() as cursor:
            for statement in _statements(connection.vendor):
                cursor.execute(statement)
    except DatabaseError:
        logger.warning("recurring_jobs.change_feed.not_installed", exc_info=True)
        return False
    return True


def uninstall(using: str) -> None:
    """Take the triggers away: without our table, no change over there could be saved."""
    drop = _DROPS.get(connections[using].vendor)
    if drop is None:
        return
    with connections[using].cursor() as cursor:
        for number in range(len(_watched()) + 1):
            cursor.execute(drop.format(f"{_PREFIX}_{number}"))


def is_installed(using: str) -> bool:
    """Return whether the database notes changes."""
    query = _CATALOGUES.get(connections[using].vendor)
    if query is None:
        return False
    with connections[using].cursor() as cursor:
        cursor.execute(query, [f"{_PREFIX}%"])
        return int(cursor.fetchone()[0]) == len(_watched()) + 1


def on_migrate(*, using: str, **_: Any) -> None:
    """Install the triggers after each ``migrate``; some migrations rebuild their tables."""
    if not install(using):
        return
    # What was there before the triggers were has never been noted.
    missing = _task_model()._default_manager.using(using).filter(recurring_schedule__isnull=True)
    notes = [ScheduleChange(periodic_task_id=pk) for pk in missing.values_list("pk", flat=True)]
    ScheduleChange.objects.using(using).bulk_create(notes, batch_size=1000)


def _task_model() -> Any:
    return Schedule._meta.get_field("periodic_task").related_model


def _watched() -> list[tuple[str, tuple[str, ...], str]]:
    """Return what is watched for updates: a table, its columns, and whose change that is."""
    tasks = _task_model()._meta.db_table
    found: list[tuple[str, tuple[str, ...], str]] = [(tasks, TASK_COLUMNS, "NEW.id")]
    found.append((Schedule._meta.db_table, SCHEDULE_COLUMNS, "NEW.periodic_task_id"))
    for kind in _KINDS:
        model: Any = _task_model()._meta.get_field(kind).related_model
        columns = tuple(
            field.column for field in model._meta.local_concrete_fields if not field.primary_key
        )
        found.append((model._meta.db_table, columns, f"id FROM {tasks} WHERE {kind}_id = NEW.id"))
    return found


def _statements(vendor: str) -> Iterable[str]:
    notes = ScheduleChange._meta.db_table
    tasks = _task_model()._meta.db_table
    make = _MAKERS[vendor]
    note = f"INSERT INTO {notes} (periodic_task_id) SELECT"
    yield from make(f"{_PREFIX}_0", tasks, "INSERT", (), f"{note} NEW.id")
    for number, (table, columns, whose) in enumerate(_watched(), start=1):
        yield from make(f"{_PREFIX}_{number}", table, "UPDATE", columns, f"{note} {whose}")


def _for_postgresql(
    name: str, table: str, event: str, columns: tuple[str, ...], note: str
) -> Iterable[str]:
    differs = " OR ".join(f'OLD."{column}" IS DISTINCT FROM NEW."{column}"' for column in columns)
    condition = f"WHEN ({differs})" if columns else ""
    yield (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {note}; RETURN NULL; END $$"
    )
    yield (
        f"CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW"
        f" {condition} EXECUTE FUNCTION {name}()"
    )


def _for_sqlite(
    name: str, table: str, event: str, columns: tuple[str, ...], note: str
) -> Iterable[str]:
    differs = " OR ".join(f'OLD."{column}" IS NOT NEW."{column}"' for column in columns)
    condition = f"WHEN {differs}" if columns else ""
    yield f"DROP TRIGGER IF EXISTS {name}"
    yield (
        f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {condition} BEGIN {note}; END"
    )


def _for_mysql(
    name: str, table: str, event: str, columns: tuple[str, ...], note: str
) -> Iterable[str]:
    same = " AND ".join(f"OLD.`{column}` <=> NEW.`{column}`" for column in columns)
    condition = ""
    if columns:
        condition = f"AND NOT ({same})" if " FROM " in note else f"FROM DUAL WHERE NOT ({same})"
    yield f"DROP TRIGGER IF EXISTS {name}"
    yield f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {note} {condition}"


_MAKERS = {"postgresql": _for_postgresql, "sqlite": _for_sqlite, "mysql": _for_mysql}
#: On PostgreSQL the trigger goes with its function.
_DROPS = {
    "postgresql": "DROP FUNCTION IF EXISTS {}() CASCADE",
    "sqlite": "DROP TRIGGER IF EXISTS {}",
    "mysql": "DROP TRIGGER IF EXISTS {}",
}
_CATALOGUES = {
    # Of the tables that are meant: another schema may have the same.
    "postgresql": (
        "SELECT COUNT(*) FROM pg_trigger WHERE tgname LIKE %s AND tgenabled <> 'D'"
        " AND pg_table_is_visible(tgrelid)"
    ),
    "sqlite": "SELECT COUNT(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s",
    "mysql": (
        "SELECT COUNT(*) FROM information_schema.triggers"
        " WHERE trigger_schema = DATABASE() AND trigger_name LIKE %s"
    ),
}

"""The rows of django-celery-beat that stand for triggers: equal ones are shared, never doubled."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import CharField, Count, ExpressionWrapper, F
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
)

from recurring_jobs.periodic.triggers import At, Cron, Every, RRule, Solar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.db.models import Model

    from recurring_jobs.periodic.triggers import Trigger

#: The columns of PeriodicTask of which exactly one is set.
TRIGGER_COLUMNS = ("interval", "crontab", "solar", "clocked")
#: Stands in for an RRULE, so that the stock admin and scheduler find a row they can read.
#: A hundred years: the stock scheduler never fires it.
_RULE_STAND_IN = (36_500, "days")
_BATCH_SIZE = 500


class _Table(NamedTuple):
    """One of the four tables: its model and the columns that make two rows equal."""

    model: type[Model]
    columns: tuple[str, ...]


_TABLES = {
    "interval": _Table(IntervalSchedule, ("every", "period")),
    "crontab": _Table(
        CrontabSchedule,
        ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone"),
    ),
    "solar": _Table(SolarSchedule, ("event", "latitude", "longitude")),
    "clocked": _Table(ClockedSchedule, ("clocked_time",)),
}


def find_trigger_rows(triggers: Iterable[Trigger], *, using: str) -> dict[Trigger, tuple[str, int]]:
    """
    Return for each of *triggers* the column of PeriodicTask and the row it points to.

    Of several equal rows the oldest is used; one that is missing is added.
    """
    keys = {trigger: _key(trigger) for trigger in triggers}
    found: dict[tuple[str, tuple[Any, ...]], int] = {}
    for column, table in _TABLES.items():
        wanted = {key for kind, key in keys.values() if kind == column}
        for key, pk in _find_or_add(table, wanted, using).items():
            found[column, key] = pk
    return {trigger: (kind, found[kind, key]) for trigger, (kind, key) in keys.items()}


def doubled_rows(*, using: str) -> Iterator[tuple[str, tuple[Any, ...], int]]:
    """Yield what several rows say alike: column, values and number of rows. Four queries."""
    for column, table in _TABLES.items():
        columns, zones = _as_text(table)
        rows = table.model._default_manager.using(using).annotate(**zones)
        counted = rows.order_by().values_list(*columns).annotate(rows=Count("pk"))
        for *values, count in counted.filter(rows__gt=1).order_by(*columns):
            yield column, tuple(_plain(value) for value in values), count


def _key(trigger: Trigger) -> tuple[str, tuple[Any, ...]]:
    match trigger:
        case RRule():
            return "interval", _RULE_STAND_IN
        case Every():
            return "interval", trigger.units()
        case Cron():
            return "crontab", (*trigger.expression.split(), trigger.timezone)
        case Solar():
            return "solar", (trigger.event, trigger.latitude, trigger.longitude)
        case At():
            return "clocked", (trigger.at,)
    message = f"No table of django-celery-beat holds {trigger!r}."
    raise NotImplementedError(message)


def _find_or_add(
    table: _Table, wanted: set[tuple[Any, ...]], using: str
) -> dict[tuple[Any, ...], int]:
    found = _find(table, wanted, using)
    missing = sorted(wanted - found.keys())
    if missing:
        rows = [table.model(**_values(table, key)) for key in missing]
        table.model._default_manager.using(using).bulk_create(rows, batch_size=_BATCH_SIZE)
        # Not every database hands back the keys of rows added in bulk.
        found |= _find(table, set(missing), using)
    return found


def _find(table: _Table, wanted: set[tuple[Any, ...]], using: str) -> dict[tuple[Any, ...], int]:
    first = table.columns[0]
    manager = table.model._default_manager.using(using)
    columns, zones = _as_text(table)
    narrow = sorted({key[0] for key in wanted})
    found: dict[tuple[Any, ...], int] = {}
    for at in range(0, len(narrow), _BATCH_SIZE):
        rows = manager.filter(**{f"{first}__in": narrow[at : at + _BATCH_SIZE]}).annotate(**zones)
        for *values, pk in rows.order_by("-pk").values_list(*columns, "pk"):
            key = tuple(_plain(value) for value in values)
            if key in wanted:
                found[key] = pk  # the oldest row comes last and stays
    return found


def _as_text(table: _Table) -> tuple[list[str], dict[str, ExpressionWrapper[Any]]]:
    """Return the columns to read, and the zone as text: its own column can raise."""
    if "timezone" not in table.columns:
        return list(table.columns), {}
    columns = ["zone" if column == "timezone" else column for column in table.columns]
    return columns, {"zone": ExpressionWrapper(F("timezone"), CharField())}


def _values(table: _Table, key: Sequence[Any]) -> dict[str, Any]:
    values = dict(zip(table.columns, key, strict=True))
    for column in ("latitude", "longitude"):
        if column in values:
            values[column] = Decimal(str(values[column]))
    return values


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value

"""A list of values sent to the database in one statement, where SQL reads it as a table."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper

#: What can read such a list: MariaDB and MySQL share a vendor.
_VENDORS: Final = ("postgresql", "mysql", "sqlite")

_SIZE = re.compile(r"\(.*?\)")
_SECONDS: Final = models.FloatField()


class RowList:
    """
    Columns of values, each of the kind of a field, as a table called ``made`` in SQL.

    Its columns are ``made.c0``, ``made.c1`` and so on, in the order in which they were added.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._fields: list[models.Field[Any, Any]] = []
        self._columns: list[list[Any]] = []
        self._values: list[str] = []

    def add(
        self, field: models.Field[Any, Any], values: Iterable[Any], *, instants: bool = False
    ) -> str:
        """
        Add a column of *values* for *field*, and return what SQL calls a value of it.

        *instants* says that they are aware date-times or None.
        """
        name = f"made.c{len(self._fields)}"
        prepare = _preparation(field, self._connection, instants=instants)
        if instants and self._connection.vendor == "postgresql" and _is_plain_time(field):
            values = list(values)
            if all(value is None or not value.microsecond for value in values):
                # A number is written and read several times as fast as a date; whole
                # seconds are exact as one.
                name, field, prepare = f"to_timestamp({name})", _SECONDS, datetime.timestamp
        self._fields.append(field)
        self._columns.append(_sent(values, prepare))
        self._values.append(name)
        return name

    def sql(self) -> tuple[str, list[str]]:
        """
        Return what to write after FROM or JOIN, and its parameters.
        """
        reader = {"postgresql": self._arrays, "mysql": self._json_table}
        return reader.get(self._connection.vendor, self._json_each)()

    def update(
        self, model: type[models.Model], fields: Sequence[models.Field[Any, Any]]
    ) -> tuple[str, list[str]]:
        """
        Return the statement that gives rows of *model* new values of *fields*, and its parameters.

        The first column of the list is the primary key of the row, the others are the values.
        """
        quote = self._connection.ops.quote_name
        table = quote(model._meta.db_table)
        source, parameters = self.sql()
        match, *sent = self._values
        values = [
            (quote(str(field.column)), value) for field, value in zip(fields, sent, strict=True)
        ]
        match = f"{table}.{quote(str(model._meta.pk.column))} = {match}"
        if self._connection.vendor == "mysql":
            changes = ", ".join(f"{table}.{name} = {value}" for name, value in values)
            return f"UPDATE {table} JOIN {source} ON {match} SET {changes}", parameters  # noqa: S608  all quoted
        changes = ", ".join(f"{name} = {value}" for name, value in values)
        return f"UPDATE {table} SET {changes} FROM {source} WHERE {match}", parameters  # noqa: S608  all quoted

    def _arrays(self) -> tuple[str, list[str]]:
        kinds = [_without_size(field, self._connection) for field in self._fields]
        arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
        return f"unnest({arrays}) AS made ({self._names()})", list(map(_array, self._columns))

    def _json_table(self) -> tuple[str, list[str]]:
        columns = ", ".join(
            f"c{place} {_json_table_type(field, self._connection)} PATH '$[{place}]'"
            for place, field in enumerate(self._fields)
        )
        return f"JSON_TABLE(%s, '$[*]' COLUMNS ({columns})) AS made", self._document()

    def _json_each(self) -> tuple[str, list[str]]:
        columns = ", ".join(
            f"json_extract(value, '$[{place}]') AS c{place}" for place in range(len(self._fields))
        )
        return f"(SELECT {columns} FROM json_each(%s)) AS made", self._document()  # noqa: S608  no values

    def _names(self) -> str:
        return ", ".join(f"c{place}" for place in range(len(self._fields)))

    def _document(self) -> list[str]:
        return [json.dumps(list(zip(*self._columns, strict=True)))]


def can_join(key: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> bool:
    """
    Return whether the database can join a list with the table that *key* is a key of.
    """
    if connection.vendor != "mysql":
        return connection.vendor in _VENDORS
    # Two texts are compared by a collation, of which a list has another than the table.
    if isinstance(key, models.UUIDField):
        return bool(connection.features.has_native_uuid_field)
    return isinstance(key, models.IntegerField)


def constant(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    """
    Return the placeholder in SQL for one value of *field*.
    """
    if connection.vendor == "postgresql":
        return f"%s::{_without_size(field, connection)}"
    return "%s"


def _without_size(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    # A cast to varchar(5) would cut what is longer, where an insert refuses it.
    return _SIZE.sub("", str(field.rel_db_type(connection)))


def _json_table_type(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    kind = str(field.rel_db_type(connection))
    # What JSON_TABLE does not know is read as text, and becomes the column's own on its way.
    return {"json": "longtext", "uuid": "char(36)"}.get(kind, kind)


def _preparation(
    field: models.Field[Any, Any], connection: BaseDatabaseWrapper, *, instants: bool
) -> Callable[[Any], Any]:
    if isinstance(field, models.JSONField):
        return lambda value: json.dumps(value, cls=field.encoder)
    if _is_plain(field, models.CharField) or _is_plain(field, models.TextField):
        return str
    if instants and _is_plain_time(field):
        # What the field does in the end, without its many steps on the way.
        adapt = connection.ops.adapt_datetimefield_value
        if connection.vendor == "postgresql":
            return datetime.isoformat
        return lambda value: str(adapt(value))
    return lambda value: _bare(field.get_db_prep_save(value, connection))


def _sent(values: Iterable[Any], prepare: Callable[[Any], Any]) -> list[Any]:
    # A template stands in the list once for each of its rows: one value, one preparation.
    last = sent = None
    column = []
    for value in values:
        if value is not last:
            last, sent = value, None if value is None else prepare(value)
        column.append(sent)
    return column


def _is_plain(field: models.Field[Any, Any], kind: type[models.Field[Any, Any]]) -> bool:
    return isinstance(field, kind) and all(
        getattr(type(field), name) is getattr(kind, name)
        for name in ("get_prep_value", "get_db_prep_value", "get_db_prep_save")
    )


def _is_plain_time(field: models.Field[Any, Any]) -> bool:
    return _is_plain(field, models.DateTimeField)


def _bare(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _array(values: Sequence[Any]) -> str:
    if None not in values:
        inner = '","'.join(map(str, values))
        if "\\" not in inner and inner.count('"') == 2 * (len(values) - 1):
            return '{"' + inner + '"}'  # nothing to escape: the usual case, in few steps
    elements = ["NULL" if value is None else _quoted(str(value)) for value in values]
    return "{" + ",".join(elements) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""Occurrences made inside the database: it joins a list of times with the templates' columns."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.conf import settings
from django.db import connections, models
from django.db.models.signals import post_init, pre_init

from recurring_jobs.recurrence.fields import (
    CursorField,
    DueAtField,
    SetAsideField,
    SkipsField,
    SnapshotField,
)
from recurring_jobs.recurrence.models import RecurringTemplateMixin
from recurring_jobs.recurrence.options import column, is_auto_now
from recurring_jobs.recurrence.row_list import RowList, can_join, constant
from recurring_jobs.recurrence.window import shift_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from django.db.backends.base.base import BaseDatabaseWrapper

    from recurring_jobs.recurrence.layout import Layout
    from recurring_jobs.recurrence.window import Series
    from recurring_jobs.rules import Occurrence

    AnyField = models.Field[Any, Any]

#: ``pre_save()`` of these gives the same value for each new row of a statement.
_SAME_IN_EACH_ROW: Final = frozenset(
    kind.pre_save
    for kind in (
        models.Field,
        models.DateField,
        models.DateTimeField,
        models.TimeField,
        models.FileField,
        DueAtField,
        CursorField,
        SnapshotField,
        SetAsideField,
        SkipsField,
    )
)
#: Fields whose ``default`` may be called for each row, and its value sent to the database.
_SENT: Final = (
    models.BooleanField,
    models.CharField,
    models.DateField,
    models.DecimalField,
    models.FloatField,
    models.IntegerField,
    models.JSONField,
    models.TextField,
    models.TimeField,
    models.UUIDField,
)


class Draft(NamedTuple):
    """An occurrence to be made: its template, nominal time, and start and shifted values."""

    recurrence_parent_id: Any
    recurrence_id: str
    moving: tuple[datetime | date | None, ...]


class Drafting:
    """Drafts the occurrences of one template."""

    def __init__(self, layout: Layout, template: Any, series: Series) -> None:
        self._parent = template.pk
        self._shifts = [
            shift_of(source.value_from_object(template), series.start, series.zone)
            for source, _ in layout.shifted
        ]

    def __call__(self, occurrence: Occurrence) -> Draft:
        """
        Return the draft of *occurrence*.
        """
        at = occurrence.at
        if isinstance(at, datetime):
            at = at.astimezone(UTC)
        moving = (at, *(shift(at) for shift in self._shifts))
        return Draft(self._parent, occurrence.nominal, moving)


def why_built_one_by_one(layout: Layout, using: str) -> str:
    """
    Return why rows of *layout* are built in Python one by one; empty where the database does it.

    It does where each column is one of these, so that the row is what ``bulk_create()`` would
    have made of it: copied as it is stored, shifted, the same in all rows, filled by the
    database, or the value of a ``default`` that is called for each row and that SQL can be sent.
    """
    return next(_obstacles(layout, using), "")


def insert(layout: Layout, drafts: Sequence[Draft], *, using: str) -> None:
    """
    Make the rows of *drafts*; what else they hold comes from their templates, in the database.
    """
    connection = connections[using]
    statement = _Statement(layout, connection, drafts)
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)


def has_hook(model: type[models.Model]) -> bool:
    """
    Return whether the host has a build_occurrence() of its own in the template *model*.
    """
    hook = getattr(model, "build_occurrence", None)
    return hook is not RecurringTemplateMixin.build_occurrence


class _Origin(Enum):
    """Where the value of a column comes from."""

    LIST = auto()  # parent, nominal time, start and shifted
    TEMPLATE = auto()
    ZONE = auto()
    DATABASE = auto()  # counted up, computed, or a default of the table
    CALLED = auto()  # a default that is called for each row
    SAME = auto()


def _origin(layout: Layout, field: AnyField) -> _Origin:
    if field.name in _listed(layout):
        return _Origin.LIST
    if field.name == "recurrence_timezone":
        return _Origin.ZONE
    if any(field is target for _, target in layout.copied):
        return _Origin.TEMPLATE
    by_default = field.has_db_default() and not field.has_default()
    if by_default or field.generated or isinstance(field, models.AutoField):
        return _Origin.DATABASE
    # Where there is no default, Django's mark for that is callable, too.
    is_called = field.has_default() and callable(field.default) and not is_auto_now(field)
    return _Origin.CALLED if is_called else _Origin.SAME


def _listed(layout: Layout) -> tuple[str, ...]:
    moving = (target.name for _, target in (layout.start, *layout.shifted))
    return (layout.parent.name, "recurrence_id", *moving)


class _Statement:
    """INSERT INTO … SELECT, put together column by column."""

    def __init__(
        self, layout: Layout, connection: BaseDatabaseWrapper, drafts: Sequence[Draft]
    ) -> None:
        self._layout = layout
        self._connection = connection
        self._rows = RowList(connection)
        self._constants: list[Any] = []
        self._number = len(drafts)
        self._listed = self._add_drafts(drafts)
        self._probe = self._new_row()
        pairs = [(str(field.column), self._value(field)) for field in self._fields()]
        source, lists = self._rows.sql()
        quote = connection.ops.quote_name
        self.parameters = [*self._constants, *lists]
        self.sql = (
            f"INSERT INTO {quote(layout.occurrence._meta.db_table)} "  # noqa: S608  all quoted
            f"({', '.join(quote(name) for name, _ in pairs)}) "
            f"SELECT {', '.join(value for _, value in pairs)} FROM {source} "
            f"JOIN {quote(layout.template._meta.db_table)} AS pattern "
            f"ON {self._pattern(layout.template._meta.pk)} = {self._listed[layout.parent.name]}"
        )

    def _add_drafts(self, drafts: Sequence[Draft]) -> dict[str, str]:
        layout, rows = self._layout, self._rows
        parents, nominals, moving = zip(*drafts, strict=True)
        listed = {
            layout.parent.name: rows.add(layout.parent, parents),
            "recurrence_id": rows.add(column(layout.occurrence, "recurrence_id"), nominals),
        }
        targets = [target for _, target in (layout.start, *layout.shifted)]
        for target, values in zip(targets, zip(*moving, strict=True), strict=True):
            dated = isinstance(target, models.DateTimeField)
            listed[target.name] = rows.add(target, values, instants=dated)
        return listed

    def _new_row(self) -> models.Model:
        # What is not the same in all rows is named, so that its default is not called.
        others = [
            field.attname
            for field in self._fields()
            if _origin(self._layout, field) is not _Origin.SAME
        ]
        return self._layout.occurrence(**dict.fromkeys(others))

    def _fields(self) -> list[AnyField]:
        fields: Sequence[AnyField] = self._layout.occurrence._meta.concrete_fields
        return [f for f in fields if _origin(self._layout, f) is not _Origin.DATABASE]

    def _value(self, field: AnyField) -> str:
        origin = _origin(self._layout, field)
        if origin is _Origin.LIST:
            return self._listed[field.name]
        if origin is _Origin.ZONE:
            zone = self._pattern(column(self._layout.template, "recurrence_timezone"))
            self._constants.append(settings.TIME_ZONE)
            return f"CASE WHEN {zone} = '' THEN %s ELSE {zone} END"
        if origin is _Origin.TEMPLATE:
            source = next(source for source, target in self._layout.copied if target is field)
            return self._pattern(source)
        if origin is _Origin.CALLED:
            return self._rows.add(field, [field.get_default() for _ in range(self._number)])
        value = field.pre_save(self._probe, add=True)
        self._constants.append(field.get_db_prep_save(value, self._connection))
        return constant(field, self._connection)

    def _pattern(self, field: Any) -> str:
        return f"pattern.{self._connection.ops.quote_name(field.column)}"


def _obstacles(layout: Layout, using: str) -> Iterator[str]:
    connection, model = connections[using], layout.occurrence
    name = model.__name__
    if has_hook(layout.template):
        yield f"{layout.template.__name__} has a build_occurrence() of its own."
    if not can_join(layout.template._meta.pk, connection):
        key = type(layout.template._meta.pk).__name__
        yield f"{connection.display_name} does not do it for templates whose key is a {key}."
    if model.__init__ is not models.Model.__init__:
        yield f"{name} has an __init__() of its own."
    if pre_init.has_listeners(model) or post_init.has_listeners(model):
        yield f"pre_init or post_init of {name} is listened to."
    for field in model._meta.concrete_fields:
        if problem := _problem(layout, field):
            yield f"{name}.{field.name} {problem}"


def _problem(layout: Layout, field: AnyField) -> str:
    origin = _origin(layout, field)
    if origin in {_Origin.DATABASE, _Origin.ZONE}:
        return ""
    if type(field).pre_save not in _SAME_IN_EACH_ROW:
        return "has a pre_save() of its own."
    if origin in {_Origin.LIST, _Origin.TEMPLATE} and is_auto_now(field):
        return "is set to the time of the save."
    if origin is _Origin.TEMPLATE:
        source = next(source for source, target in layout.copied if target is field)
        return "" if type(source) is type(field) else "is not of the kind that it is copied from."
    if origin is _Origin.CALLED and not isinstance(field, _SENT):
        return "has a default that is called for each row, and that SQL is not sent."
    if origin is _Origin.SAME and field.primary_key:
        return "is a key that is neither counted up nor has a default."
    return ""

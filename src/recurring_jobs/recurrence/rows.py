"""From a template to the rows it asks for, and back to what a template once was."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.fields.files import FieldFile

from recurring_jobs.conf import conf
from recurring_jobs.recurrence.layout import layout_of, start_name
from recurring_jobs.recurrence.links import keep_links, links_of
from recurring_jobs.recurrence.options import is_auto_now, start_of
from recurring_jobs.recurrence.window import Series, shift_of
from recurring_jobs.recurrence.zones import zone_named
from recurring_jobs.rules import Rule

if TYPE_CHECKING:
    from recurring_jobs.recurrence.models import (
        OccurrenceModelMixin,
        RecurrenceRuleMixin,
        RecurringTemplateMixin,
    )
    from recurring_jobs.rules import Occurrence


def series_of(template: RecurrenceRuleMixin, *, finest: str | None = None) -> Series:
    """
    Return what *template* says as a rule on the clock of a zone.

    *finest* is the finest frequency allowed, ``FINEST_FREQUENCY`` by default. Raise
    InvalidRuleError, UnknownTimeZoneError, or ValueError for an empty start.
    """
    name = start_of(type(template))
    start = getattr(template, name)
    if start is None:
        message = f"Its start, {name!r}, is empty. Give it a value."
        raise ValueError(message)
    zone = zone_named(template.recurrence_timezone)
    if isinstance(start, datetime):
        if start.tzinfo is None:
            message = f"Its start, {name!r}, has no time zone. Set USE_TZ = True."
            raise ValueError(message)
        start = start.astimezone(zone)
    rule = Rule.parse(str(template.recurrence_rule), finest=finest or conf.finest_frequency)
    return Series(rule, start, zone)


def local_start(row: RecurrenceRuleMixin | OccurrenceModelMixin) -> datetime | date | None:
    """
    Return the start of *row*, which has a rule or was made from one, on its zone's clock.

    A date is itself. Raise UnknownTimeZoneError.
    """
    start: datetime | date | None = getattr(row, start_name(type(row)))
    if not isinstance(start, datetime):
        return start
    return start.astimezone(zone_named(row.recurrence_timezone))


def build(template: RecurringTemplateMixin, series: Series, occurrence: Occurrence) -> Any:
    """
    Return the unsaved row for *occurrence*, by the hook of the host's model.
    """
    layout = layout_of(type(template))
    row = template.build_occurrence(occurrence, _stored(occurrence.at))
    if not _is_exactly(row, layout.occurrence):
        message = f"build_occurrence() returned {row!r}, which is no {layout.occurrence.__name__}."
        raise ImproperlyConfigured(message)
    row.recurrence_parent_id = template.pk
    row.recurrence_id = occurrence.nominal
    row.recurrence_timezone = series.zone.key
    if layout.is_one_table:
        row.recurrence_rule = None
    if layout.linked:
        keep_links(row, links_of(template))
    return row


def occurrence_values(template: RecurringTemplateMixin, at: datetime | date) -> dict[str, Any]:
    """
    Return the values of an occurrence that starts at *at*: start, shifted and copied fields.
    """
    layout = layout_of(type(template))
    values: dict[str, Any] = {layout.start.target.name: at}
    if layout.shifted:
        zone = zone_named(template.recurrence_timezone)
        origin = layout.start.source.value_from_object(template)
        for source, target in layout.shifted:
            values[target.name] = shift_of(source.value_from_object(template), origin, zone)(at)
    for source, target in layout.copied:
        values[target.attname] = _own_copy(source.value_from_object(template))
    return values


def snapshot_of(template: RecurringTemplateMixin, series: Series) -> dict[str, Any]:
    """
    Return all that decides which rows are made from *template*, as plain data.
    """
    layout = layout_of(type(template))
    snapshot: dict[str, Any] = {
        "rule": str(template.recurrence_rule),
        "zone": series.zone.key,
        "start": _stored(series.start).isoformat(),
        "fields": {
            source.name: _plain(template, source) for source, _ in (*layout.shifted, *layout.copied)
        },
    }
    if layout.linked:
        snapshot["links"] = links_of(template)
    return snapshot


def as_it_was(template: RecurringTemplateMixin, snapshot: dict[str, Any]) -> RecurringTemplateMixin:
    """
    Return a copy of *template* with the values it had when *snapshot* was taken.

    A field that takes part since then has the value that a row had without it.
    """
    layout = layout_of(type(template))
    past = copy.copy(template)
    past.recurrence_rule = snapshot["rule"]
    past.recurrence_timezone = snapshot["zone"]
    values = {**snapshot["fields"], layout.start.source.name: snapshot["start"]}
    for source, target in layout.carried:
        value = values[source.name] if source.name in values else target.get_default()
        setattr(past, source.attname, None if value is None else source.to_python(value))
    if layout.linked:
        nothing: dict[str, list[str]] = {source.name: [] for source, _ in layout.linked}
        keep_links(past, {**nothing, **snapshot.get("links", {})})
    return past


def differs(row: models.Model, expected: models.Model) -> bool:
    """
    Return whether *row*, as it is stored, is other than the generator wrote it.
    """
    if any(_value(field, row) != _value(field, expected) for field in _compared_fields(type(row))):
        return True
    return bool(layout_of(type(row)).linked) and links_of(row) != links_of(expected)


def adopt(row: models.Model, wanted: models.Model) -> list[str]:
    """
    Give *row* the values of *wanted*, and return the names of the fields that changed.

    A many-to-many field has the name it has in the template.
    """
    changed = []
    for field in _compared_fields(type(row)):
        value = _value(field, wanted)
        if _value(field, row) != value:
            setattr(row, field.attname, value)
            changed.append(field.name)
    if layout_of(type(row)).linked:
        before, links = links_of(row), links_of(wanted)
        keep_links(row, links)
        changed += [name for name in links if before.get(name) != links[name]]
    return changed


@cache
def _compared_fields(model: type[models.Model]) -> tuple[models.Field[Any, Any], ...]:
    layout = layout_of(model)
    kept = {target.name for _, target in layout.carried}
    kept |= {"recurrence_rule", "recurrence_timezone"}
    return tuple(
        field
        for field in layout.occurrence._meta.concrete_fields
        if field.name in kept
        or not (
            field.primary_key
            or field.generated
            or field.name.startswith("recurrence_")
            or differs_in_each_row(field)
        )
    )


def _is_exactly(row: object, model: type[models.Model]) -> bool:
    return type(row) is model


def differs_in_each_row(field: models.Field[Any, Any]) -> bool:
    """
    Return whether *field* fills itself with another value in each new row.
    """
    if is_auto_now(field):
        return True
    if isinstance(field, models.DateField | models.TimeField | models.UUIDField):
        return callable(field.default) or field.has_db_default()
    return False


def _value(field: models.Field[Any, Any], row: models.Model) -> Any:
    value = field.value_from_object(row)
    if isinstance(value, FieldFile):
        return value.name
    if hasattr(value, "resolve_expression"):
        # A default that the database gives; where it is a plain value, it is known here.
        return getattr(getattr(value, "expression", None), "value", value)
    return value


def _own_copy(value: Any) -> Any:
    if isinstance(value, FieldFile):
        return value.name
    return copy.deepcopy(value) if isinstance(value, dict | list) else value


def _plain(template: models.Model, field: models.Field[Any, Any]) -> Any:
    if field.value_from_object(template) is None:
        return None
    text = field.value_to_string(template)
    if type(text) in {str, int, bool}:
        return text
    # Through JSON, so that it equals what comes back from the column.
    return json.loads(json.dumps(text, cls=DjangoJSONEncoder))


def _stored(at: datetime | date) -> datetime | date:
    return at.astimezone(UTC) if isinstance(at, datetime) else at

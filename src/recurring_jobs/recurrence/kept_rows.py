"""A row that was taken out of its series, kept as plain data so that it can come back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from recurring_jobs.exceptions import SeriesEditError
from recurring_jobs.recurrence.batch import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def keep(row: models.Model, using: str, *, is_theirs: bool) -> dict[str, Any]:
    """
    Return *row* with its many-to-many links as plain data.

    *is_theirs* tells that a person had changed it, or that it had begun.
    """
    kept = {
        "theirs": is_theirs,
        "values": {field.name: _plain(field, row) for field in _stored_fields(type(row))},
        "links": stored_links(row, using),
    }
    # Through JSON, so that it is what comes back from the column.
    plain: dict[str, Any] = json.loads(json.dumps(kept, cls=DjangoJSONEncoder))
    return plain


def kept_row(model: type[models.Model], kept: dict[str, Any]) -> Any:
    """
    Return the unsaved row that keep() was given. Columns that are new since have defaults.
    """
    row: Any = model()
    for field in _stored_fields(model):
        if field.name in kept["values"]:
            value = kept["values"][field.name]
            setattr(row, field.attname, None if value is None else field.to_python(value))
    return row


def bring_back(row: Any, links: dict[str, list[Any]], using: str) -> None:
    """
    Store *row*, under its old primary key where that is free, with *links*.

    Raise SeriesEditError when a row that it points to is gone.
    """
    rows = rows_of(type(row), using)
    for field in row._meta.concrete_fields:
        if field.is_relation and field.value_from_object(row) is not None:
            _check_there(row, field, using)
    values = {
        field: field.value_from_object(row)
        for field in _stored_fields(type(row))
        if not field.primary_key
    }
    if row.pk is not None and rows.filter(pk=row.pk).exists():
        row.pk = None
    row.save(using=using, force_insert=True)
    # What saving fills by itself, such as the time of creation, is as it was, too.
    was = {field.attname: value for field, value in values.items() if value is not None}
    rows.filter(pk=row.pk).update(**was)
    for name, value in was.items():
        setattr(row, name, value)
    link_again(row, links, using)


def stored_links(row: models.Model, using: str) -> dict[str, list[Any]]:
    """
    Return the keys of the rows that *row* is linked to, by the name of its field.
    """
    return {
        field.name: list(_links(field, row, using).values_list(_target(field), flat=True))
        for field in _own_links(type(row))
    }


def link_again(row: models.Model, links: dict[str, list[Any]], using: str) -> None:
    """
    Link *row* to what stored_links() gave, as far as that is still there.
    """
    for field in _own_links(type(row)):
        wanted = links.get(field.name, [])
        there = rows_of(field.related_model, using).filter(pk__in=wanted)
        through = field.remote_field.through
        rows_of(through, using).bulk_create(
            through(**{f"{field.m2m_field_name()}_id": row.pk, _target(field): key})
            for key in there.values_list("pk", flat=True)
        )


def referring_model(row: models.Model, using: str) -> type[models.Model] | None:
    """
    Return a model of which some row points to *row*, other than by a link of *row* itself.
    """
    own = {field.remote_field.through for field in _own_links(type(row))}
    for relation in type(row)._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.related_model not in own:
            model: Any = relation.related_model
            if rows_of(model, using).filter(**{relation.field.name: row.pk}).exists():
                return model  # type: ignore[no-any-return]
    return None


def _stored_fields(model: type[models.Model]) -> Iterator[models.Field[Any, Any]]:
    return (field for field in model._meta.concrete_fields if not field.generated)


def _own_links(model: type[models.Model]) -> Iterator[Any]:
    fields: Iterable[Any] = model._meta.many_to_many
    return (field for field in fields if field.remote_field.through._meta.auto_created)


def _links(field: Any, row: models.Model, using: str) -> models.QuerySet[Any]:
    return rows_of(field.remote_field.through, using).filter(**{field.m2m_field_name(): row.pk})


def _target(field: Any) -> str:
    name: str = field.m2m_reverse_field_name()
    return f"{name}_id"


def _check_there(row: models.Model, field: Any, using: str) -> None:
    key = field.value_from_object(row)
    there = rows_of(field.related_model, using).filter(**{field.target_field.name: key})
    if not there.exists():
        problem = f"its {field.name} ({key}) is gone, so it cannot be brought back as it was."
        raise SeriesEditError(row, problem)


def _plain(field: models.Field[Any, Any], row: models.Model) -> Any:
    value = field.value_from_object(row)
    return None if value is None else field.value_to_string(row)

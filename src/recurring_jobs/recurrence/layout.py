"""Where templates and their occurrences are kept, and which columns go from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db import models

from recurring_jobs.recurrence.options import (
    DEFAULT_AHEAD,
    column,
    declared_options,
    has_field,
    start_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

#: The foreign key of an occurrence to its template.
PARENT: Final = "recurrence_parent"


class Carried(NamedTuple):
    """A column of the template, and the column of the occurrence that it decides on."""

    source: models.Field[Any, Any]
    target: models.Field[Any, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """
    The two parts of one recurring model: *template* and *occurrence* are the same class
    where both are rows of one table.

    *copied* are columns, *linked* many-to-many fields that are copied as well. *ahead* is 0
    when only a *horizon* is given. *watched* are the fields and columns of the
    template (``owner`` and ``owner_id``) whose change makes it due.
    """

    template: type[models.Model]
    occurrence: type[models.Model]
    parent: models.Field[Any, Any]
    start: Carried
    shifted: tuple[Carried, ...]
    copied: tuple[Carried, ...]
    linked: tuple[Carried, ...]
    ahead: int
    horizon: timedelta | None
    watched: frozenset[str]

    @property
    def is_one_table(self) -> bool:
        """Whether templates and occurrences are rows of the same table."""
        return self.template is self.occurrence

    @property
    def carried(self) -> tuple[Carried, ...]:
        """All columns that decide on an occurrence: start, shifted and copied."""
        return (self.start, *self.shifted, *self.copied)


@cache
def layout_of(model: type[models.Model]) -> Layout:
    """
    Return the layout that *model* is part of, as template or as occurrence.

    Raise ImproperlyConfigured for another model, and where the system checks would have
    reported an error.
    """
    if is_template_model(model):
        return _read(model, _occurrence_model(model))
    return layout_of(template_model(model))


def is_template_model(model: type[models.Model]) -> bool:
    """
    Return whether rows of *model* may be templates that occurrences are made from.
    """
    return has_field(model, "recurrence_due_at")


def is_one_table_model(model: type[models.Model]) -> bool:
    """
    Return whether templates and occurrences are both rows of *model*.
    """
    return is_template_model(model) and has_field(model, "recurrence_id")


def start_name(model: type[models.Model]) -> str:
    """
    Return the name of the field that rows of *model* begin at.
    """
    if has_field(model, "recurrence_rule"):
        return start_of(model)
    return layout_of(model).start.target.name


def template_model(occurrence: type[models.Model]) -> type[models.Model]:
    """
    Return the model that *occurrence* points to. Raise ImproperlyConfigured if to none.
    """
    if has_field(occurrence, PARENT):
        template: Any = column(occurrence, PARENT).related_model
        if isinstance(template, type) and is_template_model(template):
            return template
    message = f"{occurrence._meta.label} has no {PARENT!r} that points to a template model."
    raise ImproperlyConfigured(message)


def occurrence_models(template: type[models.Model]) -> list[type[models.Model]]:
    """
    Return the models that occurrences of *template* are rows of: one, in a sound project.
    """
    if is_one_table_model(template):
        return [template]
    relations = template._meta.get_fields(include_hidden=True)
    return [
        relation.related_model
        for relation in relations
        if isinstance(relation, models.ManyToOneRel)
        and relation.field.name == PARENT
        and has_field(relation.related_model, "recurrence_id")
    ]


def copied_by_default(
    template: type[models.Model], occurrence: type[models.Model], there: Mapping[str, str]
) -> tuple[str, ...]:
    """
    Return the editable columns of *template* that *occurrence* has as well.

    Not those that are unique, that recurrence itself needs, or that are start or shifted.
    """
    declared = declared_options(template)
    moving = (declared.get("start"), *declared.get("shifted", ()))
    return tuple(
        field.name
        for field in template._meta.concrete_fields
        if field.name not in moving
        and _is_copied(field)
        and any(
            other.name == there.get(field.name, field.name) and _is_copied(other)
            for other in occurrence._meta.concrete_fields
        )
    )


def _is_copied(field: models.Field[Any, Any]) -> bool:
    return (
        field.editable
        and not field.unique
        and not field.primary_key
        and not field.generated
        and not field.name.startswith("recurrence_")
    )


def _occurrence_model(template: type[models.Model]) -> type[models.Model]:
    found = occurrence_models(template)
    if len(found) == 1:
        return found[0]
    names = ", ".join(model._meta.label for model in found) or "none"
    message = f"{template._meta.label} needs one model for its occurrences, and has {names}."
    raise ImproperlyConfigured(message)


def _read(template: type[models.Model], occurrence: type[models.Model]) -> Layout:
    declared = declared_options(template)
    there: Mapping[str, str] = declared.get("occurrence_fields", {})

    def carried(name: str) -> Carried:
        return Carried(column(template, name), column(occurrence, there.get(name, name)))

    copied = declared.get("copied")
    if copied is None:
        copied = copied_by_default(template, occurrence, there)
    many = {field.name: field for field in template._meta.many_to_many}
    there_many = {field.name: field for field in occurrence._meta.many_to_many}
    start = carried(start_of(template))
    shifted = tuple(map(carried, declared.get("shifted", ())))
    copies = tuple(carried(name) for name in copied if name not in many)
    horizon, ahead = declared.get("horizon"), declared.get("ahead")
    if ahead is None:
        ahead = DEFAULT_AHEAD if horizon is None else 0
    return Layout(
        template=template,
        occurrence=occurrence,
        parent=column(occurrence, PARENT),
        start=start,
        shifted=shifted,
        copied=copies,
        linked=tuple(
            Carried(many[name], there_many[there.get(name, name)])
            for name in copied
            if name in many
        ),
        ahead=ahead,
        horizon=horizon,
        watched=_watched(source for source, _ in (start, *shifted, *copies)),
    )


def _watched(fields: Iterable[models.Field[Any, Any]]) -> frozenset[str]:
    names = {"recurrence_rule", "recurrence_timezone"}
    for field in fields:
        names |= {field.name, field.attname}
    return frozenset(names)

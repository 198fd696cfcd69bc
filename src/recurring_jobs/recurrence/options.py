"""What a host model says in its inner class ``Recurrence``, read once and with defaults."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from datetime import timedelta

    from django.db import models

#: How many occurrences are kept ahead where the host gives neither ``ahead`` nor ``horizon``.
DEFAULT_AHEAD: Final = 5

#: The names that a class ``Recurrence`` may hold.
KEYS: Final = ("start", "shifted", "copied", "ahead", "horizon")


@dataclass(frozen=True, slots=True)
class RecurrenceOptions:
    """
    The inner class ``Recurrence`` of one model.

    *ahead* is 0 when only a horizon is given.
    """

    start: str
    shifted: tuple[str, ...]
    copied: tuple[str, ...]
    ahead: int
    horizon: timedelta | None
    watched: frozenset[str]


@cache
def options_of(model: type[models.Model]) -> RecurrenceOptions:
    """
    Return the options of *model*, which has the mixin.

    Raise ImproperlyConfigured where the system checks would have reported an error:
    no ``Recurrence.start``, or a name that is no field.
    """
    declared = declared_options(model)
    start = declared.get("start")
    if not start:
        message = f'{model._meta.label}: write `class Recurrence: start = "…"` in the model.'
        raise ImproperlyConfigured(message)
    shifted = tuple(declared.get("shifted", ()))
    copied = declared.get("copied")
    names = tuple(copied) if copied is not None else _copied_by_default(model, start, shifted)
    horizon = declared.get("horizon")
    ahead = declared.get("ahead")
    if ahead is None:
        ahead = DEFAULT_AHEAD if horizon is None else 0
    return RecurrenceOptions(
        start=start,
        shifted=shifted,
        copied=names,
        ahead=ahead,
        horizon=horizon,
        watched=_watched(model, (start, *shifted, *names)),
    )


def declared_options(model: type[models.Model]) -> dict[str, Any]:
    """
    Return what the class ``Recurrence`` of *model* says, as written, without defaults.
    """
    inner = getattr(model, "Recurrence", None)
    return {name: getattr(inner, name) for name in dir(inner) if not name.startswith("_")}


def column(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    """
    Return the field *name* of *model*. Raise ImproperlyConfigured when it has no such column.
    """
    for field in model._meta.concrete_fields:
        if field.name == name:
            return field
    message = f"{model._meta.label}: Recurrence names {name!r}, which is no column of it."
    raise ImproperlyConfigured(message)


def _copied_by_default(
    model: type[models.Model], start: str, shifted: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in model._meta.concrete_fields
        if field.editable
        and not field.unique
        and not field.primary_key
        and not field.generated
        and not field.name.startswith("recurrence_")
        and field.name not in (start, *shifted)
    )


def _watched(model: type[models.Model], names: tuple[str, ...]) -> frozenset[str]:
    watched = {"recurrence_rule", "recurrence_timezone"}
    for name in names:
        field = column(model, name)
        watched |= {field.name, field.attname}
    return frozenset(watched)

"""What a host model says in its inner class ``Recurrence``, as it is written there."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from django.db import models

#: How many occurrences are kept ahead where the host gives neither ``ahead`` nor ``horizon``.
DEFAULT_AHEAD: Final = 5

#: The names that a class ``Recurrence`` may hold: of a model that only has a rule, of one
#: that keeps its occurrences in its own table, and of one that has another for them.
RULE_KEYS: Final = ("start",)
KEYS: Final = ("start", "shifted", "copied", "ahead", "horizon")
TWO_TABLE_KEYS: Final = (*KEYS, "occurrence_fields")


def declared_options(model: type[models.Model]) -> dict[str, Any]:
    """
    Return what the class ``Recurrence`` of *model* says, as written, without defaults.
    """
    inner = getattr(model, "Recurrence", None)
    return {name: getattr(inner, name) for name in dir(inner) if not name.startswith("_")}


@cache
def start_of(model: type[models.Model]) -> str:
    """
    Return the name of the field that *model*, which has a rule, starts at.

    Raise ImproperlyConfigured when its inner class does not say.
    """
    start: str | None = declared_options(model).get("start")
    if not start:
        message = f'{model._meta.label}: write `class Recurrence: start = "…"` in the model.'
        raise ImproperlyConfigured(message)
    return start


def has_field(model: type[models.Model], name: str) -> bool:
    """
    Return whether *model* has a column called *name*.
    """
    return any(field.name == name for field in model._meta.concrete_fields)


def column(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    """
    Return the field *name* of *model*. Raise ImproperlyConfigured when it has no such column.
    """
    for field in model._meta.concrete_fields:
        if field.name == name:
            return field
    message = f"{model._meta.label} has no column {name!r}, which takes part in its recurrence."
    raise ImproperlyConfigured(message)


def is_auto_now(field: models.Field[Any, Any]) -> bool:
    """
    Return whether *field* takes the time of the save.
    """
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))

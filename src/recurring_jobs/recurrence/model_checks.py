"""What a host can get wrong when it adds the mixin, as Django system checks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from recurring_jobs.exceptions import did_you_mean
from recurring_jobs.recurrence.options import KEYS, declared_options
from recurring_jobs.recurrence.querysets import RecurringQuerySet

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_recurring_model(model: type[models.Model]) -> list[checks.CheckMessage]:
    """
    Return what is wrong with *model*, which has the mixin.

    E101 no start; E102 a name that is no field; E103 the unique constraint is missing;
    E104 a field of the wrong kind; E105 an option that cannot be; E106 rows in two
    tables; W101 a default manager whose ``update()`` the generator does not notice.
    """
    if model._meta.proxy or model._meta.abstract:
        return []
    return [
        *_check_names(model, declared_options(model)),
        *_check_reach(model, declared_options(model)),
        *_check_table(model),
    ]


def _check_names(
    model: type[models.Model], declared: dict[str, Any]
) -> Iterator[checks.CheckMessage]:
    start = declared.get("start")
    if not start:
        yield _error(
            model,
            "E101",
            "does not say which of its fields is the start of an occurrence.",
            'Add an inner class: `class Recurrence: start = "<a date-time field>"`.',
        )
    dates = models.DateField  # DateTimeField is one, too
    for key, kind in (("start", dates), ("shifted", dates), ("copied", models.Field)):
        names = declared.get(key) or ()
        for name in (names,) if key == "start" and names else names:
            yield from _check_field(model, key, name, kind)


def _check_field(
    model: type[models.Model], key: str, name: str, kind: type[models.Field[Any, Any]]
) -> Iterator[checks.CheckMessage]:
    concrete = [field.name for field in model._meta.concrete_fields]
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        yield _error(
            model,
            "E102",
            f"names {name!r} in Recurrence.{key}, which is not a field of it."
            f"{did_you_mean(name, concrete)}",
            f"Use one of: {', '.join(n for n in concrete if not n.startswith('recurrence_'))}.",
        )
        return
    if not isinstance(field, kind) or field.name not in concrete:
        expected = "a column of the table" if kind is models.Field else "a date-time or a date"
        yield _error(
            model,
            "E104",
            f"names {name!r} in Recurrence.{key}, which is a {type(field).__name__}.",
            f"Name a field that is {expected}.",
        )


def _check_reach(
    model: type[models.Model], declared: dict[str, Any]
) -> Iterator[checks.CheckMessage]:
    for key in declared:
        if key not in KEYS:
            problem = f"has an unknown option Recurrence.{key}.{did_you_mean(key, KEYS)}"
            yield _error(model, "E105", problem, f"Known options are {', '.join(KEYS)}.")
    ahead, horizon = declared.get("ahead"), declared.get("horizon")
    if ahead is not None and (not isinstance(ahead, int) or ahead < 0):
        problem = f"has Recurrence.ahead = {ahead!r}."
        yield _error(model, "E105", problem, "Give how many rows to keep ahead, such as 5.")
    if ahead == 0 and horizon is None:
        problem = "has Recurrence.ahead = 0 and no horizon, so no row would ever be made."
        yield _error(model, "E105", problem, "Give a number of rows, or a horizon.")
    if horizon is not None and (not isinstance(horizon, timedelta) or horizon <= timedelta(0)):
        problem = f"has Recurrence.horizon = {horizon!r}."
        yield _error(
            model, "E105", problem, "Give a positive timedelta, such as timedelta(days=90)."
        )


def _check_table(model: type[models.Model]) -> Iterator[checks.CheckMessage]:
    key = ("recurrence_parent", "recurrence_id")
    constraints = [
        constraint
        for base in (model, *model._meta.all_parents)
        for constraint in base._meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
    ]
    if not any(constraint.fields == key and not constraint.condition for constraint in constraints):
        yield _error(
            model,
            "E103",
            "has lost the unique constraint that makes each occurrence exist once.",
            "Let its Meta inherit: `class Meta(RecurringModelMixin.Meta):`, and where it sets "
            "`constraints`, start the list with `*RecurringModelMixin.Meta.constraints`.",
        )
    if model._meta.all_parents:
        yield _error(
            model,
            "E106",
            "keeps its rows in two tables (multi-table inheritance); occurrences cannot be made.",
            "Derive it from an abstract model, or put the mixin on a model of its own.",
        )
    if not isinstance(model._default_manager.all(), RecurringQuerySet):
        yield checks.Warning(
            f"{model._meta.label} has a default manager without the queryset of the mixin: "
            "templates changed by update() are not noticed.",
            hint="Build it with `RecurringManager`, or from a subclass of `RecurringQuerySet`.",
            obj=model,
            id="recurring_jobs.W101",
        )


def _error(model: type[models.Model], number: str, problem: str, hint: str) -> checks.Error:
    return checks.Error(
        f"{model._meta.label} {problem}", hint=hint, obj=model, id=f"recurring_jobs.{number}"
    )

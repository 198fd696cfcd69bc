"""What a host can get wrong when it adds a mixin, as Django system checks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from recurring_jobs.exceptions import did_you_mean
from recurring_jobs.recurrence.layout import (
    PARENT,
    copied_by_default,
    is_one_table_model,
    is_template_model,
    occurrence_models,
)
from recurring_jobs.recurrence.options import (
    KEYS,
    RULE_KEYS,
    TWO_TABLE_KEYS,
    declared_options,
    has_field,
)
from recurring_jobs.recurrence.querysets import RecurringTemplateQuerySet

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_recurring_model(model: type[models.Model]) -> list[checks.CheckMessage]:
    """
    Return what is wrong with *model*, whose rows may carry a rule.

    E101 no start; E102 a name that is no field; E103 the unique constraint is missing;
    E104 a field of the wrong kind; E105 an option that cannot be; E106 rows in two
    tables; E107 a ``recurrence_parent`` that leads to no template; E108 not exactly one
    model of occurrences; E109 a field that the occurrences do not have, or have as
    another kind; W101 a default manager whose ``update()`` the generator does not notice.
    """
    if model._meta.proxy or model._meta.abstract:
        return []
    declared = declared_options(model)
    found = [*_check_names(model, declared), *_check_options(model, declared)]
    if not is_template_model(model):
        return found
    found += [*_check_reach(model, declared), *_check_table(model), *_check_manager(model)]
    if is_one_table_model(model):
        found += _check_constraint(model, "RecurringModelMixin")
    elif not found:
        found += _check_two_tables(model, declared)
    return found


def check_occurrence_model(model: type[models.Model]) -> list[checks.CheckMessage]:
    """
    Return what is wrong with *model*, whose rows are made from those of another model.

    The numbers are those of check_recurring_model().
    """
    if model._meta.proxy or model._meta.abstract:
        return []
    found = [*_check_parent(model), *_check_table(model)]
    if has_field(model, PARENT):
        found += _check_constraint(model, "OccurrenceModelMixin")
    if declared_options(model):
        problem = "has a class Recurrence, which belongs to the model of the templates."
        found.append(_error(model, "E105", problem, "Move it there, or remove it."))
    return found


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
    kinds = (
        ("start", dates),
        ("shifted", dates),
        ("copied", models.Field),
        ("occurrence_fields", models.Field),
    )
    for key, kind in kinds:
        names = declared.get(key) or ()
        for name in (names,) if key == "start" and names else names:
            yield from _check_field(model, key, name, kind)


def _check_field(
    model: type[models.Model], key: str, name: str, kind: type[models.Field[Any, Any]]
) -> Iterator[checks.CheckMessage]:
    concrete = [field.name for field in model._meta.concrete_fields]
    if kind is models.Field and name in (field.name for field in model._meta.many_to_many):
        yield from _check_link(model, key, name)
        return
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


def _check_link(model: type[models.Model], key: str, name: str) -> Iterator[checks.CheckMessage]:
    field: Any = model._meta.get_field(name)
    problem = ""
    if not field.remote_field.through._meta.auto_created:
        problem = "whose links are rows of a model of their own"
    elif field.related_model is model:
        problem = "which links its rows with each other"
    if problem:
        yield _error(
            model,
            "E104",
            f"names {name!r} in Recurrence.{key}, {problem}.",
            "Leave it out, and make such links when occurrences_created is sent.",
        )


def _check_options(
    model: type[models.Model], declared: dict[str, Any]
) -> Iterator[checks.CheckMessage]:
    known: tuple[str, ...]
    if not is_template_model(model):
        known = RULE_KEYS
    else:
        known = KEYS if is_one_table_model(model) else TWO_TABLE_KEYS
    for key in declared:
        if key not in known:
            problem = f"has an unknown option Recurrence.{key}.{did_you_mean(key, known)}"
            yield _error(model, "E105", problem, f"Known options are {', '.join(known)}.")


def _check_reach(
    model: type[models.Model], declared: dict[str, Any]
) -> Iterator[checks.CheckMessage]:
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


def _check_constraint(model: type[models.Model], mixin: str) -> Iterator[checks.CheckMessage]:
    key = (PARENT, "recurrence_id")
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
            f"Let its Meta inherit: `class Meta({mixin}.Meta):`, and where it sets "
            f"`constraints`, start the list with `*{mixin}.Meta.constraints`.",
        )


def _check_table(model: type[models.Model]) -> Iterator[checks.CheckMessage]:
    if model._meta.all_parents:
        yield _error(
            model,
            "E106",
            "keeps its rows in two tables (multi-table inheritance); occurrences cannot be made.",
            "Derive it from an abstract model, or put the mixin on a model of its own.",
        )


def _check_manager(model: type[models.Model]) -> Iterator[checks.CheckMessage]:
    if not isinstance(model._default_manager.all(), RecurringTemplateQuerySet):
        name = "Recurring" if is_one_table_model(model) else "RecurringTemplate"
        yield checks.Warning(
            f"{model._meta.label} has a default manager without the queryset of the mixin: "
            "templates changed by update() are not noticed.",
            hint=f"Build it with `{name}Manager`, or from a subclass of `{name}QuerySet`.",
            obj=model,
            id="recurring_jobs.W101",
        )


def _check_parent(model: type[models.Model]) -> Iterator[checks.CheckMessage]:
    typed = (
        f"{PARENT} = models.ForeignKey(<the model of the templates>, "
        'on_delete=models.CASCADE, related_name="occurrences")'
    )
    if not has_field(model, PARENT):
        problem = f"has no {PARENT!r}: it does not say what its rows are made from."
        yield _error(model, "E107", problem, f"Add: `{typed}`.")
        return
    field = model._meta.get_field(PARENT)
    target = field.related_model
    if not isinstance(field, models.ForeignKey) or field.unique:
        problem = f"has a {type(field).__name__} as {PARENT!r}."
        yield _error(model, "E107", problem, f"Write a foreign key: `{typed}`.")
    elif not isinstance(target, type) or not is_template_model(target):
        name = target._meta.label if isinstance(target, type) else str(target)
        problem = f"has a {PARENT!r} that points to {name}, whose rows are no templates."
        yield _error(
            model,
            "E107",
            problem,
            f"Let {name} inherit `RecurringTemplateMixin`, or point elsewhere.",
        )
    elif is_one_table_model(target):
        problem = (
            f"has a {PARENT!r} that points to {target._meta.label}, which keeps its occurrences "
            "in its own table."
        )
        hint = f"Let {target._meta.label} inherit `RecurringTemplateMixin` instead."
        yield _error(model, "E107", problem, hint)
    elif not field.target_field.primary_key:
        problem = f"has a {PARENT!r} that does not point to the primary key."
        yield _error(model, "E107", problem, "Remove its `to_field`.")


def _check_two_tables(
    model: type[models.Model], declared: dict[str, Any]
) -> Iterator[checks.CheckMessage]:
    found = occurrence_models(model)
    if not found:
        yield _error(
            model,
            "E108",
            "has no model for its occurrences.",
            "Give a model `OccurrenceModelMixin` and a `recurrence_parent` that points here, or "
            "use `RecurringModelMixin` to keep the occurrences in the same table.",
        )
    elif len(found) > 1:
        names = " and ".join(sorted(other._meta.label for other in found))
        yield _error(
            model,
            "E108",
            f"has more than one model for its occurrences: {names}.",
            "Keep one of them, and give the others a template model of their own.",
        )
    else:
        yield from _check_targets(model, found[0], declared)


def _check_targets(
    model: type[models.Model], occurrence: type[models.Model], declared: dict[str, Any]
) -> Iterator[checks.CheckMessage]:
    there = declared.get("occurrence_fields", {})
    copied = declared.get("copied")
    if copied is None:
        copied = copied_by_default(model, occurrence, there)
    for name in (declared["start"], *declared.get("shifted", ()), *copied):
        field = model._meta.get_field(name)
        wanted = there.get(name, name)
        fields = [*occurrence._meta.concrete_fields, *occurrence._meta.many_to_many]
        other = {each.name: each for each in fields}.get(wanted)
        if other is None:
            yield _error(
                model,
                "E109",
                f"gives {name!r} to its occurrences, and {occurrence._meta.label} has no field "
                f"{wanted!r}.{did_you_mean(wanted, _names(occurrence))}",
                "Add the field there, or say what it is called: "
                f'`occurrence_fields = {{"{name}": "…"}}` in the class Recurrence.',
            )
        elif not _is_same_kind(field, other):
            yield _error(
                model,
                "E109",
                f"gives {name!r}, a {_kind(field)}, to {occurrence._meta.label}.{wanted}, "
                f"which is a {_kind(other)}.",
                "Let both be of one kind.",
            )


def _is_same_kind(field: Any, other: Any) -> bool:
    # Texts of any length go into texts; a moment into a day, or a key into another, do not.
    if field.is_relation or other.is_relation:
        same = field.related_model is other.related_model
        return bool(same and field.many_to_many == other.many_to_many)
    days = [isinstance(each, models.DateField) for each in (field, other)]
    moments = [isinstance(each, models.DateTimeField) for each in (field, other)]
    return days[0] == days[1] and moments[0] == moments[1]


def _kind(field: Any) -> str:
    if field.is_relation:
        return f"{type(field).__name__} to {field.related_model._meta.label}"
    return type(field).__name__


def _names(model: type[models.Model]) -> list[str]:
    return [
        field.name
        for field in model._meta.concrete_fields
        if not field.name.startswith("recurrence_")
    ]


def _error(model: type[models.Model], number: str, problem: str, hint: str) -> checks.Error:
    return checks.Error(
        f"{model._meta.label} {problem}", hint=hint, obj=model, id=f"recurring_jobs.{number}"
    )

"""The columns of a recurring row: the rule a person writes, and the generator's own notes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import models

from recurring_jobs.recurrence.forms import RecurrenceRuleFormField, normal_form
from recurring_jobs.recurrence.options import declared_options

if TYPE_CHECKING:
    from django.db.models.expressions import Combinable

    from recurring_jobs.rules import Rule

    # Django's fields are generic for type checkers only.
    RuleColumn = models.TextField[str | Rule | None, str | None]
    TimeColumn = models.DateTimeField[Any, Any]
    WordColumn = models.CharField[Any, Any]
    TextColumn = models.TextField[str, str]
else:
    RuleColumn = TextColumn = models.TextField
    TimeColumn = models.DateTimeField
    WordColumn = models.CharField

#: ``recurrence_due_at`` of a template that is new or was edited: earlier than every clock.
AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: That of a template that was set aside: later than every clock, and found by its index.
SET_ASIDE: Final = datetime(9000, 1, 1, tzinfo=UTC)


class RecurrenceRuleField(RuleColumn):
    """
    A column that holds an RFC 5545 rule as text, or NULL for a row that does not recur.

    A :class:`~recurring_jobs.rules.Rule` may be assigned as well as text. Cleaning (forms,
    ``full_clean()``) refuses what is no rule, or is finer than ``FINEST_FREQUENCY``, with
    the sentence of the InvalidRuleError, and leaves the rule in its normal form. As with
    every Django field, ``save()`` alone does not validate.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> str | None:
        return str(value) if value else None

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return super().get_prep_value(value)
        return self.to_python(value)

    def clean(self, value: Any, model_instance: models.Model | None) -> str | None:
        text = super().clean(value, model_instance)
        return normal_form(text) if text else None

    def formfield(self, **kwargs: Any) -> Any:
        if "form_class" not in kwargs:
            model: Any = getattr(self, "model", None)
            start = "" if model is None else declared_options(model).get("start", "")
            beside = {"zone": "recurrence_timezone", "start": start}
            kwargs = {"form_class": RecurrenceRuleFormField, **beside, **kwargs}
        return models.Field.formfield(self, **kwargs)


class DueAtField(TimeColumn):
    """
    When a template next needs a pass of the generator; NULL when it never does.

    In the manner of ``auto_now``, saving a template makes it due at once. So does saving a
    row whose rule was taken away, once, so that what was made from the rule can go.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001  Django's signature
        if getattr(model_instance, "recurrence_rule", None):
            setattr(model_instance, self.attname, AT_ONCE)
            return AT_ONCE
        if add:
            setattr(model_instance, self.attname, None)
            return None
        return at_once_if_made_from()


class CursorField(WordColumn):
    """The nominal time of the last occurrence made; written by the generator alone."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001  Django's signature
        return _as_stored(self, model_instance, add=add)


class SnapshotField(models.JSONField):
    """What a template was when its occurrences were made; written by the generator alone."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001  Django's signature
        return _as_stored(self, model_instance, add=add)


class SkipsField(models.JSONField):
    """The nominal times that a person took out of the series; written by series edits alone."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001  Django's signature
        return _as_stored(self, model_instance, add=add)


class SetAsideField(TextColumn):
    """Why the generator left a template alone; empty again as soon as the row is saved."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: ARG002, FBT001  Django's signature
        setattr(model_instance, self.attname, "")
        return ""


def at_once_if_made_from() -> Combinable:
    """
    Return the expression for ``recurrence_due_at`` of rows that have no rule (any more).
    """
    made_from = models.When(recurrence_cursor__isnull=False, then=models.Value(AT_ONCE))
    return models.Case(made_from, default=None, output_field=models.DateTimeField())


def due_by_columns() -> Combinable:
    """
    Return the expression for ``recurrence_due_at`` of rows of which any column was written.
    """
    takes_part = models.Q(recurrence_rule__isnull=False) | models.Q(recurrence_cursor__isnull=False)
    return models.Case(
        models.When(takes_part, then=models.Value(AT_ONCE)),
        default=None,
        output_field=models.DateTimeField(),
    )


def _as_stored(field: models.Field[Any, Any], instance: models.Model, *, add: bool) -> Any:
    # An instance that was read before the last pass must not put the cursor back: what
    # was made and then deleted since would be made a second time. A new row (also a copy
    # of a template, made by clearing its primary key) starts with nothing made.
    if not add:
        return models.F(field.attname)
    setattr(instance, field.attname, None)
    return None

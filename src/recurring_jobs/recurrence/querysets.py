"""The questions one asks of a table of templates, of occurrences, or of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.db.models import F, Q, Value
from django.utils import timezone

from recurring_jobs.recurrence.fields import AT_ONCE, at_once_if_made_from
from recurring_jobs.recurrence.layout import layout_of

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

Row = TypeVar("Row", bound=models.Model)


class RecurrenceRuleQuerySet(models.QuerySet[Row]):
    """A queryset of rows that may carry a rule."""

    def templates(self) -> Self:
        """Rows that carry a rule."""
        return self.filter(recurrence_rule__isnull=False)


class RecurringTemplateQuerySet(RecurrenceRuleQuerySet[Row]):
    """
    A queryset of rows that occurrences may be made from.

    ``update()`` makes a template due at once when it writes the rule, the zone, the start
    or a column that is copied or shifted, as ``save()`` does.
    """

    def due(self, now: datetime | None = None) -> Self:
        """Rows that the generator would look at (default: now), the longest due first."""
        moment = timezone.now() if now is None else now
        return self.filter(recurrence_due_at__lte=moment).order_by("recurrence_due_at")

    def set_aside(self) -> Self:
        """Templates that the generator could not read; ``recurrence_set_aside`` says why."""
        return self.exclude(recurrence_set_aside="")

    def update(self, **values: Any) -> int:
        watched = layout_of(self.model).watched
        if "recurrence_due_at" not in values and not watched.isdisjoint(values):
            values = {**values, "recurrence_set_aside": "", **_due_after(values)}
        return super().update(**values)


class OccurrenceQuerySet(models.QuerySet[Row]):
    """A queryset of rows that may have been made from a template."""

    def occurrences(self) -> Self:
        """Rows made from a template."""
        return self.filter(recurrence_parent__isnull=False)

    def upcoming(self, now: datetime | None = None) -> Self:
        """
        Occurrences that start after *now* (default: now), next first.

        For dates: after the day of *now* in UTC.
        """
        start = layout_of(self.model).start.target
        moment = timezone.now() if now is None else now
        after = moment if isinstance(start, models.DateTimeField) else moment.date()
        return self.occurrences().filter(**{f"{start.name}__gt": after}).order_by(start.name)


class RecurringQuerySet(RecurringTemplateQuerySet[Row], OccurrenceQuerySet[Row]):  # type: ignore[override]  # as_manager()
    """A queryset of a table that holds templates and their occurrences."""


RecurrenceRuleManager = models.Manager.from_queryset(RecurrenceRuleQuerySet)
RecurringTemplateManager = models.Manager.from_queryset(RecurringTemplateQuerySet)
OccurrenceManager = models.Manager.from_queryset(OccurrenceQuerySet)
RecurringManager = models.Manager.from_queryset(RecurringQuerySet)


def _due_after(values: dict[str, Any]) -> dict[str, Any]:
    if "recurrence_rule" not in values:
        template = models.When(Q(recurrence_rule__isnull=False), then=Value(AT_ONCE))
        kept = F("recurrence_due_at")
        due: Any = models.Case(template, default=kept, output_field=models.DateTimeField())
    elif values["recurrence_rule"]:
        # An expression may come to NULL; the generator clears such a row when it meets it.
        due = AT_ONCE
    else:
        due = at_once_if_made_from()
    return {"recurrence_due_at": due}

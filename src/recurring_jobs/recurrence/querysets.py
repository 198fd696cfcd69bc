"""The questions one asks of a table of recurring rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.db.models import F, Q, Value

from recurring_jobs.recurrence.fields import AT_ONCE, at_once_if_made_from
from recurring_jobs.recurrence.options import column, options_of

if TYPE_CHECKING:
    from datetime import datetime

Row = TypeVar("Row", bound=models.Model)


class RecurringQuerySet(models.QuerySet[Row]):
    """
    A queryset of rows that may recur.

    ``update()`` makes a template due at once when it writes the rule, the zone, the start
    or a column that is copied or shifted, as ``save()`` does.
    """

    def templates(self) -> RecurringQuerySet[Row]:
        """Rows that carry a rule."""
        return self.filter(recurrence_rule__isnull=False)

    def occurrences(self) -> RecurringQuerySet[Row]:
        """Rows made from a template."""
        return self.filter(recurrence_parent__isnull=False)

    def due(self, now: datetime) -> RecurringQuerySet[Row]:
        """Rows that the generator would look at, the longest due first."""
        return self.filter(recurrence_due_at__lte=now).order_by("recurrence_due_at")

    def set_aside(self) -> RecurringQuerySet[Row]:
        """Templates that the generator could not read; ``recurrence_set_aside`` says why."""
        return self.exclude(recurrence_set_aside="")

    def upcoming(self, now: datetime) -> RecurringQuerySet[Row]:
        """Occurrences that start after *now* (for dates: after its day in UTC), next first."""
        start = column(self.model, options_of(self.model).start)
        after = now if isinstance(start, models.DateTimeField) else now.date()
        return self.occurrences().filter(**{f"{start.name}__gt": after}).order_by(start.name)

    def update(self, **values: Any) -> int:
        watched = options_of(self.model).watched
        if "recurrence_due_at" not in values and not watched.isdisjoint(values):
            values = {**values, "recurrence_set_aside": "", **_due_after(values)}
        return super().update(**values)


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

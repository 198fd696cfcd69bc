"""The questions one asks of a table of templates, of occurrences, or of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import NotSupportedError, models, transaction
from django.db.models import F, Q, Value
from django.utils import timezone

from recurring_jobs.recurrence.fields import (
    AT_ONCE,
    SET_ASIDE,
    at_once_if_made_from,
    due_by_columns,
)
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.portions import portions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime
    from typing import Self

    from recurring_jobs.managers import Answer_co, ManagerOf

Row = TypeVar("Row", bound=models.Model)


class RecurrenceRuleQuerySet(models.QuerySet[Row]):
    """A queryset of rows that may carry a rule."""

    def templates(self) -> Self:
        """Rows that carry a rule."""
        return self.filter(recurrence_rule__isnull=False)


class RecurringTemplateQuerySet(RecurrenceRuleQuerySet[Row]):
    """
    A queryset of rows that occurrences may be made from.

    ``update()``, ``bulk_update()`` and ``bulk_create()`` make a template due at once when
    they write the rule, the zone, the start or a column that is copied or shifted, as
    ``save()`` does.
    """

    def due(self, now: datetime | None = None) -> Self:
        """Rows that the generator would look at (default: now), the longest due first."""
        moment = timezone.now() if now is None else now
        return self.filter(recurrence_due_at__lte=moment).order_by("recurrence_due_at")

    def set_aside(self) -> Self:
        """Templates that the generator could not read; ``recurrence_set_aside`` says why."""
        return self.filter(recurrence_due_at=SET_ASIDE)

    def bulk_create(
        self,
        objs: Iterable[Row],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,  # noqa: FBT001, FBT002
        update_conflicts: bool = False,  # noqa: FBT001, FBT002
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Row]:
        """
        Make rows as Django does, and make due the templates that ``update_conflicts`` changed.

        Raise NotSupportedError where the database does not tell which rows those are.
        """
        self._for_write = True  # so that self.db is where the rows go
        with transaction.atomic(using=self.db, savepoint=False):
            rows = super().bulk_create(
                objs, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )
            if update_fields and not layout_of(self.model).watched.isdisjoint(update_fields):
                self._make_due([row.pk for row in rows])
        return rows

    def update(self, **values: Any) -> int:
        watched = layout_of(self.model).watched
        if "recurrence_due_at" not in values and not watched.isdisjoint(values):
            values = {**values, "recurrence_set_aside": "", **_due_after(values)}
        return super().update(**values)

    def _make_due(self, keys: Sequence[Any]) -> None:
        if None in keys:
            raise NotSupportedError(
                "bulk_create(update_conflicts=True) cannot tell here which templates it changed. "
                "Give the rows their primary keys, or use update() or save()."
            )
        rows = models.QuerySet[Any](self.model, using=self.db)
        for some in portions(keys):
            rows.filter(pk__in=some).update(
                recurrence_due_at=due_by_columns(), recurrence_set_aside=""
            )


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


if TYPE_CHECKING:

    class RecurrenceRuleManager(ManagerOf[Row, RecurrenceRuleQuerySet[Row]]):
        """The manager of a table of rows that may carry a rule."""

        def templates(self) -> RecurrenceRuleQuerySet[Row]: ...

    class _ManagerOfTemplates(ManagerOf[Row, Answer_co]):
        def templates(self) -> Answer_co: ...
        def due(self, now: datetime | None = None) -> Answer_co: ...
        def set_aside(self) -> Answer_co: ...

    class _ManagerOfOccurrences(ManagerOf[Row, Answer_co]):
        def occurrences(self) -> Answer_co: ...
        def upcoming(self, now: datetime | None = None) -> Answer_co: ...

    class RecurringTemplateManager(_ManagerOfTemplates[Row, RecurringTemplateQuerySet[Row]]):
        """The manager of a table of templates."""

    class OccurrenceManager(_ManagerOfOccurrences[Row, OccurrenceQuerySet[Row]]):
        """The manager of a table of occurrences."""

    class RecurringManager(
        _ManagerOfTemplates[Row, RecurringQuerySet[Row]],
        _ManagerOfOccurrences[Row, RecurringQuerySet[Row]],
    ):
        """The manager of a table that holds templates and their occurrences."""

else:

    class RecurrenceRuleManager(models.Manager.from_queryset(RecurrenceRuleQuerySet)): ...

    class RecurringTemplateManager(models.Manager.from_queryset(RecurringTemplateQuerySet)): ...

    class OccurrenceManager(models.Manager.from_queryset(OccurrenceQuerySet)): ...

    class RecurringManager(models.Manager.from_queryset(RecurringQuerySet)): ...


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

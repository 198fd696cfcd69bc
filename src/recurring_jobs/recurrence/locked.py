"""A template while somebody edits its series: locked, and read as it is stored."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import connections, models, router, transaction

from recurring_jobs.exceptions import SeriesEditError
from recurring_jobs.recurrence.batch import plan_batch, rows_of, write_batch
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.models import BOOKKEEPING
from recurring_jobs.recurrence.occurrences import take_write_lock, tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from recurring_jobs.recurrence.layout import Layout
    from recurring_jobs.recurrence.planning import TemplatePlan


class LockedTemplate:
    """A template that is locked, as it is stored: no generator and no other edit is at it."""

    def __init__(self, layout: Layout, row: Any, using: str) -> None:
        self.layout = layout
        self.row = row
        self.using = using

    @classmethod
    def of_occurrence(cls, given: Any) -> AbstractContextManager[LockedTemplate]:
        """
        Lock the template that the row *given* was made from.
        """
        layout = layout_of(given._meta.concrete_model)
        using = given._state.db or router.db_for_write(layout.occurrence, instance=given)
        stored = rows_of(layout.occurrence, using).filter(pk=given.pk)
        # As it is stored: a split may have moved it to another template.
        key = stored.values_list("recurrence_parent", flat=True).first()
        return cls._locked(layout, key or given.recurrence_parent_id, given, using)

    @classmethod
    def of(cls, given: Any) -> AbstractContextManager[LockedTemplate]:
        """
        Lock the template *given*.
        """
        layout = layout_of(given._meta.concrete_model)
        using = given._state.db or router.db_for_write(layout.template, instance=given)
        return cls._locked(layout, given.pk, given, using)

    @classmethod
    @contextmanager
    def _locked(cls, layout: Layout, key: Any, given: Any, using: str) -> Iterator[LockedTemplate]:
        if key is None:
            raise SeriesEditError(given, "is no occurrence: it was not made from a template.")
        lock = connections[using].features.has_select_for_no_key_update
        with transaction.atomic(using=using):
            take_write_lock(layout.template, using)
            rows = rows_of(layout.template, using).select_for_update(no_key=lock)
            row = rows.filter(pk=key).first()
            if row is None:
                raise SeriesEditError(given, "its template does not exist any more.")
            yield cls(layout, row, using)

    @property
    def skips(self) -> dict[str, Any]:
        return dict(self.row.recurrence_skips or {})

    def rows(self) -> models.QuerySet[Any]:
        """Return the rows of its occurrences."""
        return rows_of(self.layout.occurrence, self.using).filter(recurrence_parent=self.row.pk)

    def occurrence(self, given: Any) -> Any:
        """
        Return the row *given* as it is stored, locked. Raise SeriesEditError if it is none.
        """
        row = self.rows().select_for_update().filter(pk=given.pk).first()
        if row is not None and row.recurrence_id is not None:
            return row
        if given.pk is not None and rows_of(self.layout.occurrence, self.using).filter(pk=given.pk):
            raise SeriesEditError(given, f"is no occurrence of {self.row} ({self.row.pk}).")
        name = given.recurrence_id
        if name in self.skips:
            problem = f"its occurrence {name} was skipped. Undo that first, or name another."
            raise SeriesEditError(self.row, problem)
        raise SeriesEditError(self.row, f"its occurrence {name} does not exist any more.")

    def note_skips(self, skips: dict[str, Any]) -> None:
        """Store what is skipped."""
        self.row.recurrence_skips = skips or None
        mine = rows_of(self.layout.template, self.using).filter(pk=self.row.pk)
        mine.update(recurrence_skips=self.row.recurrence_skips)

    def save_rule(self, text: str) -> None:
        """Store another rule."""
        self.row.recurrence_rule = text
        self.row.save(using=self.using, update_fields=["recurrence_rule"])

    def bring_in_line(self, now: datetime) -> TemplatePlan:
        """
        Do for the template what a pass would. Raise SeriesEditError where that failed.
        """
        layout, using = self.layout, self.using
        plans = plan_batch(layout, [self.row], now, using=using)
        (plan,) = write_batch(layout, plans, using=using)
        if plan.reason:
            raise SeriesEditError(self.row, plan.reason)
        transaction.on_commit(partial(tell, layout, [plan], using), using=using)
        return plan

    def show(self, given: Any) -> None:
        """Give the caller's instance what was written; what it has beside that stays."""
        for name in ("recurrence_rule", *BOOKKEEPING):
            setattr(given, name, getattr(self.row, name))

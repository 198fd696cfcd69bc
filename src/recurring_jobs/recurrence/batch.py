"""A batch of templates: planned one by one, written all together."""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import OperationalError, connections, models, transaction
from django.db.models import Q

from recurring_jobs import tallies
from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.recurrence.insertion import (
    Draft,
    Drafting,
    has_hook,
    insert,
    why_built_one_by_one,
)
from recurring_jobs.recurrence.links import read_links, write_links
from recurring_jobs.recurrence.options import column
from recurring_jobs.recurrence.planning import Reading, TemplatePlan, plan_template, set_aside
from recurring_jobs.recurrence.portions import portions
from recurring_jobs.recurrence.reconcile import SLACK
from recurring_jobs.recurrence.row_list import RowList, can_join
from recurring_jobs.recurrence.rows import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from recurring_jobs.recurrence.layout import Layout
    from recurring_jobs.recurrence.models import RecurringTemplateMixin
    from recurring_jobs.recurrence.planning import Maker
    from recurring_jobs.recurrence.window import Series

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: A transaction takes no further template once it has this many rows to write.
ROWS_PER_TRANSACTION: Final = 10_000


def plan_batch(
    layout: Layout,
    templates: Sequence[RecurringTemplateMixin],
    now: datetime,
    *,
    using: str,
    until: datetime | None = None,
) -> list[TemplatePlan]:
    """
    Return what *templates*, or the first of them, need at *now*; nothing is written.

    With *until* they need their rows up to that moment as well.

    The plans end early when they hold as many rows as one transaction should write.
    """
    read_links(layout, templates, using)
    decide = partial(plan_template, now=now, until=until, maker=maker_of(layout, using))
    # A hook may ask the database, and fail there: a savepoint keeps the batch alive.
    savepoint = (
        partial(transaction.atomic, using=using) if has_hook(layout.template) else nullcontext
    )
    tries = [_Try(template, savepoint) for template in templates]
    for each in tries:
        each.read()
    ahead = _rows_ahead(layout, [each.template.pk for each in tries if each.has_rows], now, using)
    plans: list[TemplatePlan] = []
    planned = 0
    for each in tries:
        plan = each.plan(decide, ahead.get(each.template.pk, ()))
        plans.append(plan)
        planned += len(plan.rows.insert) + len(plan.rows.update) + len(plan.rows.delete)
        if planned >= ROWS_PER_TRANSACTION:
            break
    _keep_referenced(layout, plans, using)
    return plans


def write_batch(layout: Layout, plans: Sequence[TemplatePlan], *, using: str) -> list[TemplatePlan]:
    """
    Write *plans* inside the caller's transaction, and return them as they came out.

    Where the database refuses a row, each template is tried alone; one whose rows are
    refused again comes back set aside. Raise OperationalError (a deadlock, a lost
    connection) as it is.
    """
    done = list(plans)
    try:
        with transaction.atomic(using=using):
            _write_rows(layout, done, using)
    except OperationalError:
        raise
    except Exception:  # noqa: BLE001  whatever it is, _write_alone() finds whose it is
        done = [_write_alone(layout, plan, using) for plan in plans]
    _write_notes(layout, done, using)
    made = sum(len(plan.rows.insert) for plan in done if not plan.reason)
    if made:
        tallies.count("occurrences", layout.occurrence._meta.label, by=made)
    return done


def rows_of(model: type[models.Model], using: str) -> models.QuerySet[Any]:
    """
    Return all rows of *model*, past its managers.

    The generator's own writes are no edits of a person, and a manager may hide rows.
    """
    return models.QuerySet(model, using=using)


def maker_of(layout: Layout, using: str) -> Callable[[Any, Series], Maker]:
    """
    Return what turns a template and its series into a maker of what is inserted for it.
    """
    if why_built_one_by_one(layout, using):
        return lambda template, series: partial(build, template, series)
    return partial(Drafting, layout)


class _Try:
    """One template on its way to a plan; whatever it raises sets it aside, and it alone."""

    def __init__(
        self,
        template: RecurringTemplateMixin,
        savepoint: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.template = template
        self.savepoint = savepoint
        self.reading: Reading | None = None
        self.failure: TemplatePlan | None = None

    @property
    def has_rows(self) -> bool:
        """Whether the template was edited since rows were made from it."""
        reading = self.reading
        return reading is not None and reading.is_edited and reading.has_rows

    def read(self) -> None:
        self.reading = self._guarded(partial(Reading.of, self.template))

    def plan(self, decide: Callable[..., TemplatePlan], rows_ahead: Sequence[Any]) -> TemplatePlan:
        plan = None
        if self.reading is not None:
            plan = self._guarded(partial(decide, self.reading, rows_ahead=rows_ahead))
        return plan or self.failure or TemplatePlan(self.template)

    def _guarded(self, step: Callable[[], T]) -> T | None:
        try:
            with self.savepoint():
                return step()
        except OperationalError:
            raise
        except Exception as error:
            if not isinstance(error, RecurringJobsError):
                logger.exception(
                    "recurring_jobs.recurrence.template_failed",
                    extra={"model": type(self.template)._meta.label, "template": self.template.pk},
                )
            self.failure = set_aside(self.template, error)
            return None


def _rows_ahead(
    layout: Layout, parents: Sequence[Any], now: datetime, using: str
) -> dict[Any, list[Any]]:
    """
    Return the rows of edited templates that start after *now* or whose nominal time does.
    """
    ahead: dict[Any, list[Any]] = defaultdict(list)
    if parents:
        start = layout.start.target.name
        nominal = f"{now - SLACK:%Y%m%d}"
        rows = rows_of(layout.occurrence, using).filter(recurrence_parent__in=parents)
        rows = rows.filter(Q(**{f"{start}__gt": now - SLACK}) | Q(recurrence_id__gte=nominal))
        if connections[using].in_atomic_block:
            rows = rows.select_for_update()
        found = list(rows)
        read_links(layout, found, using)
        for row in found:
            ahead[row.recurrence_parent_id].append(row)
    return ahead


def _keep_referenced(layout: Layout, plans: Sequence[TemplatePlan], using: str) -> None:
    """
    Take back each deletion of a row that other rows point to: a person's work hangs on it.
    """
    doomed = [row.pk for plan in plans for row in plan.rows.delete]
    if not doomed:
        return
    kept = {
        pk
        for reference in _references(layout)
        for some in portions(doomed)
        for pk in models.QuerySet(reference.model, using=using)
        .filter(**{f"{reference.name}__pk__in": some})
        .values_list(f"{reference.name}__pk", flat=True)
    }
    for plan in plans:
        plan.rows.delete = [row for row in plan.rows.delete if row.pk not in kept]


def _references(layout: Layout) -> Iterator[models.ForeignKey[Any, Any]]:
    # Hidden ones too: they stand for the tables of many-to-many fields. Of those that are
    # copied it is known whether a person changed them.
    links: Any = [target for _, target in layout.linked]
    copied = [field.remote_field.through for field in links]
    for relation in layout.occurrence._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.related_model not in copied:
            yield relation.field


def _write_alone(layout: Layout, plan: TemplatePlan, using: str) -> TemplatePlan:
    try:
        with transaction.atomic(using=using):
            # A row of this nominal time may have been made by other means than a pass.
            ids = (
                rows_of(layout.occurrence, using)
                .filter(recurrence_parent=plan.template.pk)
                .filter(recurrence_id__in=[row.recurrence_id for row in plan.rows.insert])
            )
            there = set(ids.values_list("recurrence_id", flat=True))
            plan.rows.insert = [row for row in plan.rows.insert if row.recurrence_id not in there]
            _write_rows(layout, [plan], using)
    except OperationalError:
        raise
    except Exception as error:
        logger.exception(
            "recurring_jobs.recurrence.rows_refused",
            extra={"model": layout.template._meta.label, "template": plan.template.pk},
        )
        return set_aside(plan.template, error)
    return plan


def _write_rows(layout: Layout, plans: Sequence[TemplatePlan], using: str) -> None:
    rows = rows_of(layout.occurrence, using)
    deleted = [row.pk for plan in plans for row in plan.rows.delete]
    updated = [change for plan in plans for change in plan.rows.update]
    inserted = [row for plan in plans for row in plan.rows.insert]
    for some in portions(deleted):
        rows.filter(pk__in=some).delete()
    if updated:
        links = {source.name for source, _ in layout.linked}
        names = sorted({name for _, changed in updated for name in changed} - links)
        if names:
            rows.bulk_update([row for row, _ in updated], names)
    drafts = [row for row in inserted if isinstance(row, Draft)]
    if drafts:
        insert(layout, drafts, using=using)
    if built := [row for row in inserted if not isinstance(row, Draft)]:
        rows.bulk_create(built)
    write_links(layout, plans, using)


def _write_notes(layout: Layout, plans: Sequence[TemplatePlan], using: str) -> None:
    moved, edited = [], []
    for plan in plans:
        template = plan.template
        template.recurrence_due_at = plan.due_at
        template.recurrence_set_aside = plan.reason
        if not plan.reason:
            template.recurrence_cursor = plan.rows.cursor
        if plan.reason or template.recurrence_made_from == plan.made_from:
            moved.append(template)
        else:
            template.recurrence_made_from = plan.made_from
            template.recurrence_skips = plan.rows.skips
            edited.append(template)
    names = ["recurrence_due_at", "recurrence_set_aside", "recurrence_cursor"]
    _update_each(layout.template, moved, names, using)
    names += ["recurrence_made_from", "recurrence_skips"]
    _update_each(layout.template, edited, names, using)


def _update_each(
    model: type[models.Model],
    templates: Sequence[RecurringTemplateMixin],
    names: Sequence[str],
    using: str,
) -> None:
    # What bulk_update() does, without an expression for each value, which took more time
    # than all the rest of a pass.
    if not templates:
        return
    connection, key = connections[using], model._meta.pk
    fields = [column(model, name) for name in names]
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite" and can_join(key, connection):
            rows = RowList(connection)
            for field in (key, *fields):
                values = [getattr(each, field.attname) for each in templates]
                rows.add(field, values, instants=isinstance(field, models.DateTimeField))
            cursor.execute(*rows.update(model, fields))
            return
        quote = connection.ops.quote_name
        changes = ", ".join(f"{quote(str(field.column))} = %s" for field in fields)
        table, pk = quote(model._meta.db_table), quote(str(key.column))
        cursor.executemany(
            f"UPDATE {table} SET {changes} WHERE {pk} = %s",  # noqa: S608  all quoted
            [
                [
                    field.get_db_prep_save(getattr(each, field.attname), connection)
                    for field in (*fields, key)
                ]
                for each in templates
            ],
        )

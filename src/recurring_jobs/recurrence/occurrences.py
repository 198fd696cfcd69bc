"""The generator: one pass that makes the rows which templates need now."""

from __future__ import annotations

import logging
from dataclasses import astuple, dataclass
from functools import partial
from operator import add, sub
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections, router, transaction
from django.db.models import Q
from django.utils import timezone

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import UnknownRecurringModelError
from recurring_jobs.recurrence.batch import plan_batch, rows_of, write_batch
from recurring_jobs.recurrence.fields import AT_ONCE
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.models import RecurringTemplateMixin
from recurring_jobs.signals import occurrences_created, template_set_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from django.db import models

    from recurring_jobs.recurrence.layout import Layout
    from recurring_jobs.recurrence.planning import TemplatePlan

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """What one pass did: templates looked at, rows made, changed and removed, set aside."""

    templates: int = 0
    created: int = 0
    set_aside: int = 0
    updated: int = 0
    removed: int = 0

    def __add__(self, other: GenerationReport) -> GenerationReport:
        return GenerationReport(*map(add, astuple(self), astuple(other)))

    def __sub__(self, other: GenerationReport) -> GenerationReport:
        return GenerationReport(*map(sub, astuple(self), astuple(other)))


def generate_occurrences(
    model: type[RecurringTemplateMixin],
    *,
    now: datetime | None = None,
    using: str | None = None,
    batch_size: int = 1_000,
    limit: int | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
    on_batch: Callable[[GenerationReport], object] | None = None,
) -> GenerationReport:
    """
    Make the occurrences that the templates of *model* need at *now*.

    *model* is the model of the templates; a model of occurrences stands for theirs.

    After a pass, each template that could be read has a row for each of its next ``ahead``
    nominal times after *now*, and for all within ``horizon``, as its model says; but for
    those that a person deleted. Generation only goes forward from the last nominal time
    made (``recurrence_cursor``): a row that was deleted or moved is not made again, and
    times that passed while no generator ran are not made up for.

    A template whose rule, zone, start, copied or shifted fields changed since its last
    rows were made has its later rows brought in line: those that are exactly as they were
    written, and that no other row points to, are changed, or removed where the rule no
    longer names their time; what a person touched and what has started stays as it is.

    Only templates that are due are read, in batches of *batch_size*, at most *limit* of
    them. Each batch is one transaction, so a template has all its rows and its new
    ``recurrence_due_at``, or is as before; generators may run at once and be killed
    anywhere. A template that cannot be read is set aside with its reason until it is
    edited. With *dry_run* nothing is written and no hook but build_occurrence() runs.
    *using* is the database alias, by default where the router writes the model.

    With *until* every template is read, due or not, and has its rows up to that moment as
    well; one that is being edited is waited for. *on_batch* is called with the report so
    far after each batch.

    Raise ValueError for a naive *now* or *until*, SettingError for a wrong setting, and
    OperationalError when the database gives up on a batch (those before it are committed,
    and the next pass does the rest).
    """
    moment = timezone.now() if now is None else now
    for name, value in (("now", moment), ("until", until)):
        if value is not None and timezone.is_naive(value):
            message = f"generate_occurrences(): {name}={value!r} has no time zone."
            raise ValueError(message)
    # Read first: a wrong setting is to end the pass, and not to set each template aside.
    _ = conf.finest_frequency
    layout = layout_of(model)
    alias = using or router.db_for_write(layout.template)
    wanted = _Wanted(layout, moment, alias, batch_size, limit, until)
    report = GenerationReport()
    for done in _rehearse(wanted) if dry_run else _perform(wanted):
        report += report_on(done)
        if on_batch is not None:
            on_batch(report)
    return report


def recurring_models() -> list[type[RecurringTemplateMixin]]:
    """
    Return the installed models whose rows may be templates.
    """
    installed: list[Any] = list(apps.get_models())
    return [
        model
        for model in installed
        if issubclass(model, RecurringTemplateMixin)
        and not model._meta.proxy
        and not model._meta.all_parents
    ]


def recurring_model(label: str) -> type[RecurringTemplateMixin]:
    """
    Return the recurring model called *label*, such as ``"tasks.Task"``, in any case.

    Raise UnknownRecurringModelError when there is none.
    """
    known = {model._meta.label: model for model in recurring_models()}
    for name, model in known.items():
        if name.lower() == label.lower():
            return model
    raise UnknownRecurringModelError(label, known)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one pass is asked for."""

    layout: Layout
    now: datetime
    using: str
    batch_size: int
    limit: int | None
    until: datetime | None

    @property
    def templates(self) -> models.QuerySet[Any]:
        """The templates to look at: those that are due, or with *until* all of them."""
        rows = rows_of(self.layout.template, self.using)
        due = Q(recurrence_due_at__lte=self.now)
        if self.until is None:
            return rows.filter(due)
        return rows.filter(due | Q(recurrence_rule__isnull=False, recurrence_set_aside=""))

    def size(self, left: int | None) -> int:
        return self.batch_size if left is None else min(self.batch_size, left)

    def plan(self, templates: Sequence[Any]) -> list[TemplatePlan]:
        return plan_batch(self.layout, templates, self.now, using=self.using, until=self.until)


def _perform(wanted: _Wanted) -> Iterator[Sequence[TemplatePlan]]:
    layout, using = wanted.layout, wanted.using
    features = connections[using].features
    order = "recurrence_due_at" if wanted.until is None else "pk"
    remaining = wanted.templates.order_by(order)
    # In order, and not exists(): so that any planner answers from the index.
    left = wanted.limit if remaining.values_list(order).first() else 0
    while left is None or left > 0:
        with transaction.atomic(using=using):
            take_write_lock(layout.template, using)
            locked = remaining.select_for_update(
                # Who is passed over stays due; but with *until* nobody would come back.
                skip_locked=wanted.until is None and features.has_select_for_update_skip_locked,
                no_key=features.has_select_for_no_key_update,
            )
            templates = list(locked[: wanted.size(left)])
            if not templates:
                return
            done = write_batch(layout, wanted.plan(templates), using=using)
            transaction.on_commit(partial(tell, layout, done, using), using=using)
        left = None if left is None else left - len(done)
        if wanted.until is not None:
            remaining = remaining.filter(pk__gt=done[-1].template.pk)
        yield done


def _rehearse(wanted: _Wanted) -> Iterator[Sequence[TemplatePlan]]:
    left, remaining = wanted.limit, wanted.templates.order_by("pk")
    while left is None or left > 0:
        if not (templates := list(remaining[: wanted.size(left)])):
            return
        done = wanted.plan(templates)
        remaining = remaining.filter(pk__gt=done[-1].template.pk)
        left = None if left is None else left - len(done)
        yield done


def take_write_lock(model: type[models.Model], using: str) -> None:
    """
    Let no other generator read the templates of *model* before this transaction is over.

    Only needed where rows cannot be locked one by one.
    """
    # Where rows cannot be locked (SQLite), a write that changes nothing locks the database
    # before the first read, so that no other generator reads the same templates.
    if not connections[using].features.has_select_for_update:
        rows_of(model, using).filter(recurrence_due_at__lt=AT_ONCE).update(
            recurrence_due_at=AT_ONCE
        )


def tell(layout: Layout, plans: Sequence[TemplatePlan], using: str) -> None:
    """
    Send the signals about *plans*, which were written and committed, and log what failed.
    """
    for plan in plans:
        facts: dict[str, Any] = {"template": plan.template, "using": using}
        if plan.reason:
            logger.warning(
                "recurring_jobs.recurrence.template_set_aside",
                extra={
                    "model": layout.template._meta.label,
                    "template": plan.template.pk,
                    "reason": plan.reason,
                },
            )
            template_set_aside.send_robust(layout.template, reason=plan.reason, **facts)
        elif plan.rows.insert:
            occurrences_created.send_robust(layout.occurrence, count=len(plan.rows.insert), **facts)


def report_on(plans: Sequence[TemplatePlan]) -> GenerationReport:
    """
    Return what *plans*, which were written, amount to.
    """
    made = [plan.rows for plan in plans if not plan.reason]
    return GenerationReport(
        templates=len(plans),
        created=sum(len(rows.insert) for rows in made),
        set_aside=len(plans) - len(made),
        updated=sum(len(rows.update) for rows in made),
        removed=sum(len(rows.delete) for rows in made),
    )

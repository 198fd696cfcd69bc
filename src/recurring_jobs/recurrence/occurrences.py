"""The generator: one pass that makes the rows which templates need now."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections, router, transaction
from django.utils import timezone

from recurring_jobs.exceptions import UnknownRecurringModelError
from recurring_jobs.recurrence.batch import plan_batch, rows_of, write_batch
from recurring_jobs.recurrence.fields import AT_ONCE
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.models import RecurringTemplateMixin
from recurring_jobs.signals import occurrences_created, template_set_aside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
        return GenerationReport(
            self.templates + other.templates,
            self.created + other.created,
            self.set_aside + other.set_aside,
            self.updated + other.updated,
            self.removed + other.removed,
        )


def generate_occurrences(
    model: type[RecurringTemplateMixin],
    *,
    now: datetime | None = None,
    using: str | None = None,
    batch_size: int = 1_000,
    limit: int | None = None,
    dry_run: bool = False,
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

    Raise ValueError for a naive *now*, OperationalError when the database gives up on a
    batch (those before it are committed, and the next pass does the rest).
    """
    moment = timezone.now() if now is None else now
    if timezone.is_naive(moment):
        message = f"generate_occurrences(): now={moment!r} has no time zone."
        raise ValueError(message)
    layout = layout_of(model)
    alias = using or router.db_for_write(layout.template)
    work = _rehearse if dry_run else _perform
    report = GenerationReport()
    for done in work(layout, moment, alias, batch_size=batch_size, limit=limit):
        report += _count(done)
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


def _perform(
    layout: Layout,
    now: datetime,
    using: str,
    *,
    batch_size: int,
    limit: int | None,
) -> Iterator[Sequence[TemplatePlan]]:
    features = connections[using].features
    due = (
        rows_of(layout.template, using)
        .filter(recurrence_due_at__lte=now)
        .order_by("recurrence_due_at")
    )
    # In order, and not exists(): so that any planner answers from the index.
    left = limit if due.values_list("recurrence_due_at").first() else 0
    while left is None or left > 0:
        with transaction.atomic(using=using):
            _take_write_lock(layout.template, using)
            locked = due.select_for_update(
                skip_locked=features.has_select_for_update_skip_locked,
                no_key=features.has_select_for_no_key_update,
            )
            templates = list(locked[: batch_size if left is None else min(batch_size, left)])
            if not templates:
                return
            done = write_batch(layout, plan_batch(layout, templates, now, using=using), using=using)
            transaction.on_commit(partial(_tell, layout, done, using), using=using)
        left = None if left is None else left - len(done)
        yield done


def _rehearse(
    layout: Layout,
    now: datetime,
    using: str,
    *,
    batch_size: int,
    limit: int | None,
) -> Iterator[Sequence[TemplatePlan]]:
    due = rows_of(layout.template, using).filter(recurrence_due_at__lte=now).order_by("pk")
    left, remaining = limit, due
    while left is None or left > 0:
        size = batch_size if left is None else min(batch_size, left)
        if not (templates := list(remaining[:size])):
            return
        done = plan_batch(layout, templates, now, using=using)
        remaining = due.filter(pk__gt=done[-1].template.pk)
        left = None if left is None else left - len(done)
        yield done


def _take_write_lock(model: type[models.Model], using: str) -> None:
    # Where rows cannot be locked (SQLite), a write that changes nothing locks the database
    # before the first read, so that no other generator reads the same templates.
    if not connections[using].features.has_select_for_update:
        rows_of(model, using).filter(recurrence_due_at__lt=AT_ONCE).update(
            recurrence_due_at=AT_ONCE
        )


def _tell(layout: Layout, plans: Sequence[TemplatePlan], using: str) -> None:
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


def _count(plans: Sequence[TemplatePlan]) -> GenerationReport:
    made = [plan.rows for plan in plans if not plan.reason]
    return GenerationReport(
        templates=len(plans),
        created=sum(len(rows.insert) for rows in made),
        set_aside=len(plans) - len(made),
        updated=sum(len(rows.update) for rows in made),
        removed=sum(len(rows.delete) for rows in made),
    )

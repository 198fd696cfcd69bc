"""How a periodic task is given a trigger: the row it points to, and our columns beside it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import transaction

from recurring_jobs.periodic.locking import locked
from recurring_jobs.periodic.models import Schedule
from recurring_jobs.periodic.trigger_rows import TRIGGER_COLUMNS, find_trigger_rows
from recurring_jobs.periodic.triggers import Every, RRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurring_jobs.periodic.triggers import Trigger


@contextmanager
def new_trigger(task: Any, trigger: Trigger, *, using: str) -> Iterator[None]:
    """
    Give *task*, which the block saves, *trigger*: its row, added if need be, and our columns.

    The schedule is locked before the task is saved, which is the order everywhere.
    """
    with transaction.atomic(using=using):
        schedules = Schedule.objects.using(using).filter(periodic_task_id=task.pk)
        locked(schedules, waits=True).first()
        point_to(task, find_trigger_rows([trigger], using=using)[trigger])
        yield
        Schedule.objects.using(using).update_or_create(
            periodic_task=task, defaults=columns_beside(trigger)
        )


def point_to(task: Any, row: tuple[str, int]) -> None:
    """Have *task*, which the caller saves, point to *row* alone: its column and primary key."""
    column, pk = row
    for name in TRIGGER_COLUMNS:
        setattr(task, f"{name}_id", pk if name == column else None)


def columns_beside(trigger: Trigger) -> dict[str, Any]:
    """Return the columns of a Schedule that say what no row of *trigger* can."""
    rule = trigger if isinstance(trigger, RRule) else None
    return {
        "rule": rule.text if rule else "",
        "rule_start": rule.start if rule else "",
        "rule_timezone": (rule.timezone if rule else None) or "",
        "anchored_at": trigger.anchor if isinstance(trigger, Every) else None,
    }

"""How a periodic task is given a trigger: the row it points to, and our columns beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurring_jobs.periodic.models import Schedule
from recurring_jobs.periodic.trigger_rows import TRIGGER_COLUMNS, find_trigger_rows
from recurring_jobs.periodic.triggers import Every, RRule

if TYPE_CHECKING:
    from recurring_jobs.periodic.triggers import Trigger


def point_at(task: Any, trigger: Trigger, *, using: str) -> None:
    """Have *task*, which the caller saves, point to the row of *trigger*, added if need be."""
    point_to(task, find_trigger_rows([trigger], using=using)[trigger])


def point_to(task: Any, row: tuple[str, int]) -> None:
    """Have *task*, which the caller saves, point to *row* alone: its column and primary key."""
    column, pk = row
    for name in TRIGGER_COLUMNS:
        setattr(task, f"{name}_id", pk if name == column else None)


def note_trigger(task: Any, trigger: Trigger, *, using: str) -> None:
    """Store beside *task*, which is saved, what its own columns cannot say of *trigger*."""
    Schedule.objects.using(using).update_or_create(
        periodic_task=task, defaults=columns_beside(trigger)
    )


def columns_beside(trigger: Trigger) -> dict[str, Any]:
    """Return the columns of a Schedule that say what no row of *trigger* can."""
    rule = trigger if isinstance(trigger, RRule) else None
    return {
        "rule": rule.text if rule else "",
        "rule_start": rule.start if rule else "",
        "rule_timezone": (rule.timezone if rule else None) or "",
        "anchored_at": trigger.anchor if isinstance(trigger, Every) else None,
    }

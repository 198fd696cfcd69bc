"""Where a person changed what the code declares, and which of the two words is to count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import router
from django.utils import timezone

from recurring_jobs.exceptions import NoDriftError
from recurring_jobs.periodic.beat_changes import apply_plan
from recurring_jobs.periodic.beat_tables import read_stored, stored_of
from recurring_jobs.periodic.models import Schedule
from recurring_jobs.periodic.plan import Change, Drift, FieldChange, Kind, Plan, find_drift
from recurring_jobs.periodic.sync import alone

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from recurring_jobs.periodic.plan import Stored


def drift_of(schedule: Schedule, *, now: datetime | None = None) -> tuple[Drift, ...]:
    """
    Return the fields of *schedule* that a person changed, against what was last applied.

    Asks the database nothing if the periodic task and its trigger rows are loaded.
    """
    now = timezone.now() if now is None else now
    return find_drift(stored_of(schedule.periodic_task, now=now))


def take_code(
    schedule: Schedule, fields: Collection[str] | None = None, *, using: str | None = None
) -> tuple[Drift, ...]:
    """
    Put the code's word back in *fields*, by default all that differ; return what differed.

    The code's word is what was last applied. Raise NoDriftError when none of *fields*
    differs any more.
    """
    using = using or router.db_for_write(Schedule)
    now = timezone.now()
    with alone(using):
        row, drift = _read(schedule, fields, now, using)
        change = Change(
            Kind.UPDATE,
            row.name,
            tuple(
                FieldChange(each.field, each.stored, each.declared, replaces_edit=True)
                for each in drift
            ),
            row.applied,
            row.declared_in,
            {name: word for name, word in row.kept.items() if name not in _names(drift)},
        )
        apply_plan(Plan((change,)), now=now, using=using)
    return drift


def keep_mine(
    schedule: Schedule, fields: Collection[str] | None = None, *, using: str | None = None
) -> tuple[Drift, ...]:
    """
    Let a person's word stand in *fields*, by default all that differ; return what differs.

    It is no longer told as drift, until the code says something else there. Raise
    NoDriftError when none of *fields* differs any more.
    """
    using = using or router.db_for_write(Schedule)
    with alone(using):
        row, drift = _read(schedule, fields, timezone.now(), using)
        kept = {**row.kept, **{each.field: each.declared for each in drift}}
        Schedule.objects.using(using).filter(pk=schedule.pk).update(kept=kept)
    schedule.kept = kept
    return drift


def _read(
    schedule: Schedule, fields: Collection[str] | None, now: datetime, using: str
) -> tuple[Stored, tuple[Drift, ...]]:
    name = str(schedule.periodic_task.name)
    row = read_stored([name], now=now, using=using)[name]
    drift = tuple(each for each in find_drift(row) if fields is None or each.field in fields)
    if not drift:
        raise NoDriftError(name, fields)
    return row, drift


def _names(drift: tuple[Drift, ...]) -> set[str]:
    return {each.field for each in drift}

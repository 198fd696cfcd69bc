"""What a person does to a schedule: pause, resume, skip the next fire, run now, backfill."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from django.db import router, transaction
from django.db.models import F

from recurring_jobs.exceptions import BackfillTooLongError, FireNotSentError, NotFiredError
from recurring_jobs.patience import BROKER_ERRORS
from recurring_jobs.periodic import (
    beat_fires,
    beat_tables,
    dispatch,
    ledger,
    policy,
    publishing,
    upcoming,
)
from recurring_jobs.periodic.clock import database_now
from recurring_jobs.periodic.locking import locked
from recurring_jobs.periodic.models import Fire, Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

#: How many fires one backfill makes at most, unless the caller says otherwise.
MOST_BACKFILLED = 1000


def pause(
    schedule: Schedule,
    *,
    reason: str = "",
    by: str = "",
    until: datetime | None = None,
    using: str | None = None,
) -> None:
    """
    Keep *schedule* from firing, until it is resumed or *until* comes.

    Times that pass meanwhile are never caught up. Its periodic task is disabled, so that
    other tools see the pause as well. Raise InvalidTriggerError where it cannot be read
    and is to go on by itself.
    """
    using = using or router.db_for_write(Schedule)
    with transaction.atomic(using=using):
        row, task = _row(schedule, using)
        now = database_now(using)
        before = upcoming.state_of(row)
        row.paused_at, row.paused_until = now, until
        row.pause_reason, row.paused_by = reason, by[:255]
        row.next_fire_at = None
        if until is not None:
            upcoming.plan_next(row, task, beat_tables.trigger_of(task), now)
        upcoming.save(row, using, before)
        beat_fires.set_enabled(task, enabled=False, using=using)
    schedule.refresh_from_db(using=using)


def resume(schedule: Schedule, *, using: str | None = None) -> None:
    """Let *schedule* fire again, from its next time on."""
    using = using or router.db_for_write(Schedule)
    with transaction.atomic(using=using):
        row, task = _row(schedule, using)
        now = database_now(using)
        before = upcoming.state_of(row)
        upcoming.end_pause(row, now)
        trigger = upcoming.readable_trigger(row, task)
        if trigger is not None:
            upcoming.plan_next(row, task, trigger, now)
        upcoming.save(row, using, before)
        beat_fires.set_enabled(task, enabled=True, using=using)
    schedule.refresh_from_db(using=using)


def skip_next(schedule: Schedule, *, by: str = "", using: str | None = None) -> Fire | None:
    """
    Leave out the next fire of *schedule* and return its record; None where there is none.
    """
    using = using or router.db_for_write(Schedule)
    with transaction.atomic(using=using):
        row, task = _row(schedule, using)
        trigger, now = beat_tables.trigger_of(task), database_now(using)
        at = row.next_fire_at
        while at is not None:
            fire = ledger.new_fire(row, task.name, policy.Taken(at), Fire.Kind.SCHEDULED, now)
            at = upcoming.within_life(task, trigger.next_after(at))
            # Whoever resumes a schedule or edits it makes a fire the next one that was skipped.
            if ledger.unknown_fires([fire], using=using):
                break
        else:
            return None
        fire.state = Fire.State.SKIPPED
        fire.reason = f"Skipped by {by}." if by else "Skipped by hand."
        fire.save(using=using, force_insert=True)
        Schedule.objects.using(using).filter(pk=row.pk).update(
            next_fire_at=at, skipped_count=F("skipped_count") + 1
        )
    schedule.refresh_from_db(using=using)
    return fire


def fire_now(
    schedule: Schedule,
    *,
    overlap: policy.Overlap = "allow",
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    using: str | None = None,
) -> Fire:
    """
    Fire *schedule* once more at this moment and return the fire.

    It has a kind of its own, does not move the next fire, and works while the schedule is
    paused. *overlap* says what happens where an earlier fire is still running; unless it
    is ``allow``, a beat starts the fire when it may. *args* and *kwargs*, of what JSON can
    carry, replace those of the schedule for this fire. Raise FireNotSentError when the
    broker does not take the message, NotFiredError when the arguments cannot be read or the
    task does not take them; then nothing was fired.
    """
    using = using or router.db_for_write(Schedule)
    now = database_now(using)
    task = beat_fires.task_of(schedule, using=using)
    fire = ledger.new_fire(schedule, task.name, policy.Taken(now), Fire.Kind.MANUAL, now)
    fire.overlap = overlap
    fire.arguments = _arguments_of_its_own(task, args, kwargs)
    if overlap != "allow":
        fire.state, fire.due_at = Fire.State.WAITING, now
        fire.save(using=using, force_insert=True)
        return fire
    fire.due_at = now + dispatch.LOOK_AGAIN * 60
    fire.save(using=using, force_insert=True)
    try:
        publishing.publish(fire, task)
    except TypeError as error:
        fire.delete(using=using)
        raise NotFiredError(task.name, f"{error}.") from error
    except ValueError as error:
        fire.delete(using=using)
        raise _not_read(task, error) from error
    except BROKER_ERRORS as error:
        fire.delete(using=using)
        raise FireNotSentError(task.name, str(error)) from error
    ledger.mark_published([fire], now=database_now(using), using=using)
    return fire


def backfill_times(
    schedule: Schedule,
    start: datetime,
    end: datetime,
    *,
    most: int = MOST_BACKFILLED,
    using: str | None = None,
) -> list[datetime]:
    """
    Return the nominal times of *schedule* from *start* to *end*, both included.

    Raise BackfillTooLongError where there are more than *most*.
    """
    using = using or router.db_for_write(Schedule)
    task = beat_fires.task_of(schedule, using=using)
    trigger = beat_tables.trigger_of(task)
    found = takewhile(lambda at: at <= end, trigger.times_after(start - timedelta(microseconds=1)))
    times = list(islice(found, most + 1))
    if len(times) > most:
        raise BackfillTooLongError(task.name, most)
    return times


def backfill(
    schedule: Schedule,
    start: datetime,
    end: datetime,
    *,
    overlap: policy.Overlap = "buffer_all",
    every: timedelta = timedelta(0),
    most: int = MOST_BACKFILLED,
    using: str | None = None,
) -> list[Fire]:
    """
    Fire *schedule* for each of its nominal times from *start* to *end*, and return the fires.

    They have a kind of their own, so that times that were fired before are fired again,
    and one that was backfilled before is not: to repeat this is safe. Beats start them, at
    least *every* apart, as *overlap* says: by default one after the other. Raise
    BackfillTooLongError where there are more than *most*.
    """
    using = using or router.db_for_write(Schedule)
    times = backfill_times(schedule, start, end, most=most, using=using)
    with transaction.atomic(using=using):
        row, task = _row(schedule, using)
        now = database_now(using)
        fires = [
            ledger.new_fire(row, task.name, policy.Taken(at), Fire.Kind.BACKFILL, now)
            for at in times
        ]
        new = ledger.unknown_fires(fires, using=using)
        for number, fire in enumerate(new):
            fire.state, fire.overlap = Fire.State.WAITING, overlap
            fire.due_at = now + number * every
        ledger.add(new, using=using)
    return new


def _arguments_of_its_own(
    task: Any, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    if args is None and kwargs is None:
        return None
    try:
        return {
            "args": json.loads(task.args or "[]") if args is None else list(args),
            "kwargs": json.loads(task.kwargs or "{}") if kwargs is None else dict(kwargs),
        }
    except ValueError as error:
        raise _not_read(task, error) from error


def _not_read(task: Any, error: ValueError) -> NotFiredError:
    return NotFiredError(task.name, f"its arguments cannot be read ({error}).")


def _row(schedule: Schedule, using: str) -> tuple[Schedule, Any]:
    """Return the schedule as it is now, held against beats, and its periodic task."""
    rows = Schedule.objects.using(using).filter(pk=schedule.pk)
    row = locked(rows, waits=True).get()
    return row, beat_fires.task_of(row, using=using)

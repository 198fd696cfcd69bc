"""What beats take to publish, each fire once however many ask: what is due or overdue."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.db.models import F

from recurring_jobs.conf import conf
from recurring_jobs.periodic import beat_fires, beat_tables, failures, ledger, policy, upcoming
from recurring_jobs.periodic.locking import locked
from recurring_jobs.periodic.models import Fire, Schedule

if TYPE_CHECKING:
    from datetime import datetime

    from recurring_jobs.periodic.triggers import Trigger


@dataclass(frozen=True, slots=True)
class Claims:
    """What one pass over the due schedules took, and whether there may be more."""

    fires: list[Fire]
    is_full: bool


@dataclass(slots=True)
class _Outcome:
    """What becomes of one schedule whose time has come."""

    schedule: Schedule
    task: Any
    before: tuple[Any, ...]
    fires: list[Fire] = field(default_factory=list)
    #: Whether it will not fire again.
    is_over: bool = False

    def count(self, *states: Fire.State) -> int:
        """Return how many nominal times are on record in one of *states*."""
        missed = Fire.State.MISSED
        return sum(
            fire.stands_for if fire.state == missed else 1
            for fire in self.fires
            if fire.state in states
        )


def claim_due(*, now: datetime, using: str, limit: int) -> Claims:
    """
    Claim the fires that are due at *now*, for at most *limit* schedules.

    Each claim is a row under a unique constraint, written in the transaction that moves
    the schedule's ``next_fire_at`` on, so that of any number of beats one gets each fire
    and a beat killed here leaves either both or neither. Publish what comes back after
    this returns; what has to wait does not come back, but through ``dispatch``. A schedule
    that cannot be read is set aside with its reason.
    """
    with transaction.atomic(using=using):
        schedules = _lock_due(now, using, limit)
        beat_fires.load_tasks(schedules, using=using)
        outcomes = [_settle(schedule, schedule.periodic_task, now) for schedule in schedules]
        _drop_known(outcomes, using)
        _store(outcomes, now, using)
    fires = [fire for outcome in outcomes for fire in outcome.fires]
    claimed = [fire for fire in fires if fire.state == Fire.State.CLAIMED]
    return Claims(claimed, is_full=len(schedules) == limit)


def overdue(*, now: datetime, using: str, limit: int) -> Claims:
    """
    Return fires that should have been published by *now* and were not, to be published.

    With ``RESEND_AFTER`` those that should have been begun by then are among them, in the
    state that they have. They are this caller's to publish for a while; then another may.
    """
    with transaction.atomic(using=using):
        states = (Fire.State.CLAIMED, Fire.State.PUBLISHED)
        rows = Fire.objects.using(using).filter(state__in=states, due_at__lte=now)
        due = list(locked(rows.order_by("due_at"))[:limit])
        stale = [fire for fire in due if fire.state == Fire.State.CLAIMED]
        ledger.look_again(stale, at=now + conf.beat_republish_after, using=using)
        published = [fire for fire in due if fire.state == Fire.State.PUBLISHED]
        unbegun = _not_begun(published, now, using) if published else []
    return Claims([*stale, *unbegun], is_full=len(due) == limit)


def _lock_due(now: datetime, using: str, limit: int) -> list[Schedule]:
    due = Schedule.objects.using(using).filter(next_fire_at__lte=now).order_by("next_fire_at")
    return list(locked(due)[:limit])


def _not_begun(published: list[Fire], now: datetime, using: str) -> list[Fire]:
    """Return those that have no run, to be looked at again when they are twice as old."""
    after = conf.resend_after
    if after is None:  # it was set until now
        ledger.leave(published, using=using)
        return []
    rows = Fire.objects.using(using).filter(pk__in=[fire.pk for fire in published])
    begun = set(rows.filter(runs__isnull=False).values_list("pk", flat=True))
    ledger.leave([fire for fire in published if fire.pk in begun], using=using)
    found = [fire for fire in published if fire.pk not in begun]
    for fire in found:
        fire.due_at = now + max(after, now - fire.claimed_at)
    Fire.objects.using(using).bulk_update(found, ["due_at"])
    return found


def _settle(schedule: Schedule, task: Any, now: datetime) -> _Outcome:
    """Decide over one due schedule; it is changed, nothing is saved."""
    outcome = _Outcome(schedule, task, upcoming.state_of(schedule))
    nominal_at = schedule.next_fire_at
    trigger = upcoming.readable_trigger(schedule, task)
    if trigger is None or nominal_at is None:
        return outcome
    if not task.enabled:
        if schedule.paused_until is None or schedule.paused_until > now:
            schedule.next_fire_at = None
            return outcome
        upcoming.end_pause(schedule, now)
        beat_fires.set_enabled(task, enabled=True, using=str(schedule._state.db))
    if beat_tables.trigger_key(trigger) != schedule.trigger_key:
        upcoming.plan_next(schedule, task, trigger, now)
        return outcome
    if failures.pause_if_failing(schedule, task, now):
        return outcome
    decision = policy.decide(
        nominal_at, now=now, next_after=trigger.next_after, policy=schedule.misfire_policy
    )
    outcome.fires = _fires_of(schedule, task, trigger, decision, now)
    schedule.next_fire_at = upcoming.within_life(task, decision.next_fire_at)
    started = outcome.count(Fire.State.CLAIMED)
    if schedule.remaining_fires is not None:
        schedule.remaining_fires = max(0, schedule.remaining_fires - started)
    is_spent = schedule.remaining_fires == 0 or (task.one_off and bool(decision.taken))
    if is_spent:
        schedule.next_fire_at = None
    outcome.is_over = schedule.next_fire_at is None
    return outcome


def _fires_of(
    schedule: Schedule, task: Any, trigger: Trigger, decision: policy.Decision, now: datetime
) -> list[Fire]:
    kind = Fire.Kind.SCHEDULED
    most = 1 if task.one_off else schedule.remaining_fires
    fires = []
    for taken in decision.taken[:most]:
        fire = ledger.new_fire(schedule, task.name, taken, kind, now)
        starts_at = upcoming.start_of(schedule, task, trigger, fire.nominal_at)
        if schedule.overlap == Schedule.Overlap.ALLOW and starts_at <= now:
            fire.due_at = now + conf.beat_republish_after
        else:
            fire.state, fire.due_at = Fire.State.WAITING, max(now, starts_at)
        fires.append(fire)
    if decision.missed:
        missed = ledger.new_fire(schedule, task.name, decision.missed, kind, now)
        missed.state = Fire.State.MISSED
        missed.reason = f"Missed while no beat was running (misfire policy: {schedule.misfire})."
        fires.append(missed)
    return fires


def _drop_known(outcomes: list[_Outcome], using: str) -> None:
    """Leave out fires that are on record, when a next fire was set back by hand."""
    fires = [fire for outcome in outcomes for fire in outcome.fires]
    unknown = {id(fire) for fire in ledger.unknown_fires(fires, using=using)}
    for outcome in outcomes if len(unknown) < len(fires) else ():
        outcome.fires = [fire for fire in outcome.fires if id(fire) in unknown]


def _store(outcomes: list[_Outcome], now: datetime, using: str) -> None:
    """Write all that was decided: one statement for all schedules that it is the same for."""
    ledger.add([fire for outcome in outcomes for fire in outcome.fires], using=using)
    counts: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    tasks: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for outcome in outcomes:
        schedule = outcome.schedule
        upcoming.save(schedule, using, outcome.before, but="next_fire_at")
        started = outcome.count(Fire.State.CLAIMED)
        missed = outcome.count(Fire.State.MISSED)
        counts[schedule.remaining_fires, started, missed].append(schedule.pk)
        if started or outcome.is_over:
            tasks[started, outcome.is_over].append(outcome.task.pk)
    _move_on([outcome.schedule for outcome in outcomes], using)
    for (remaining, started, missed), keys in counts.items():
        Schedule.objects.using(using).filter(pk__in=keys).update(
            remaining_fires=remaining,
            taken_count=F("taken_count") + started,
            missed_count=F("missed_count") + missed,
        )
    for (started, is_over), keys in tasks.items():
        beat_fires.mark_fired(keys, at=now, times=started, is_over=is_over, using=using)


def _move_on(schedules: list[Schedule], using: str) -> None:
    """Write when each schedule fires next; by hand, since drivers send many such at once."""
    connection = connections[using]
    meta = Schedule._meta
    column = meta.get_field("next_fire_at")
    names = (meta.db_table, column.column, meta.pk.column)
    table, name, key = (connection.ops.quote_name(str(each)) for each in names)
    rows = [
        (column.get_db_prep_save(schedule.next_fire_at, connection), schedule.pk)
        for schedule in schedules
    ]
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {name} = %s WHERE {key} = %s", rows)  # noqa: S608

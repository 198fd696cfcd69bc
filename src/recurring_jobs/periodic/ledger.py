"""The ledger of fires: claims what is due, exactly once however many beats ask."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from django.db import connections, transaction
from django.db.models import F, Min

from recurring_jobs import tallies
from recurring_jobs.conf import conf
from recurring_jobs.periodic import beat_fires, beat_tables, failures, policy, upcoming
from recurring_jobs.periodic.locking import locked
from recurring_jobs.periodic.models import Fire, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recurring_jobs.periodic.triggers import Trigger

#: How many old fires one pass deletes.
_DELETED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Claims:
    """What one pass over the due schedules took, and whether there may be more."""

    fires: list[Fire]
    is_full: bool


NO_CLAIMS = Claims([], is_full=False)


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
        look_again(stale, at=now + conf.beat_republish_after, using=using)
        published = [fire for fire in due if fire.state == Fire.State.PUBLISHED]
        unbegun = _not_begun(published, now, using) if published else []
    return Claims([*stale, *unbegun], is_full=len(due) == limit)


def leave(fires: Iterable[Fire], *, using: str) -> None:
    """Have no beat look at published *fires* any more."""
    keys = [fire.pk for fire in fires]
    if keys:
        Fire.objects.using(using).filter(pk__in=keys, state=Fire.State.PUBLISHED).update(
            due_at=None, arguments=None
        )


def earliest_look(*, using: str) -> datetime | None:
    """Return when a schedule or a fire is to be looked at next; None when none is."""
    times = [
        Schedule.objects.using(using).aggregate(at=Min("next_fire_at"))["at"],
        Fire.objects.using(using).aggregate(at=Min("due_at"))["at"],
    ]
    return min((at for at in times if at is not None), default=None)


def with_tasks(fires: Iterable[Fire], *, using: str) -> list[tuple[Fire, Any]]:
    """Return each of *fires* with its PeriodicTask row, loaded in bulk where it is not."""
    fires = list(fires)
    # Those that were claimed just now know their schedule, and that its task.
    tasks = {
        fire.schedule_id: fire.schedule.periodic_task
        for fire in fires
        if "schedule" in fire._state.fields_cache
    }
    unknown = {fire.schedule_id for fire in fires} - tasks.keys()
    if unknown:
        schedules = list(Schedule.objects.using(using).filter(pk__in=unknown))
        beat_fires.load_tasks(schedules, using=using)
        tasks |= {schedule.pk: schedule.periodic_task for schedule in schedules}
    # A schedule may have been deleted since, and its fires with it.
    return [(fire, tasks[fire.schedule_id]) for fire in fires if fire.schedule_id in tasks]


def mark_published(fires: Iterable[Fire], *, now: datetime, using: str) -> None:
    """
    Record that the messages of *fires* are with the broker.

    With ``RESEND_AFTER`` a beat looks then whether each was begun; see ``overdue``.
    """
    fires = [fire for fire in fires if fire.state == Fire.State.CLAIMED]
    after = conf.resend_after
    left = {"due_at": now + after} if after else {"due_at": None, "arguments": None}
    Fire.objects.using(using).filter(
        pk__in=[fire.pk for fire in fires], state=Fire.State.CLAIMED
    ).update(state=Fire.State.PUBLISHED, published_at=now, **left)
    late = [now - fire.nominal_at for fire in fires if fire.kind == Fire.Kind.SCHEDULED]
    seconds = [max(0.0, each.total_seconds()) for each in late]
    tallies.observe(tallies.FIRE_LATENESS, seconds)


def mark_refused(fire: Fire, reason: str, *, using: str) -> None:
    """Record that no message could be made of *fire*, and why; it is not tried again."""
    Fire.objects.using(using).filter(pk=fire.pk, state=Fire.State.CLAIMED).update(
        state=Fire.State.REFUSED, reason=reason, due_at=None
    )


def look_again(fires: Iterable[Fire], *, at: datetime, using: str) -> None:
    """Have a beat look at *fires* again at that time, where they are not done by then."""
    Fire.objects.using(using).filter(pk__in=[fire.pk for fire in fires]).exclude(
        due_at=None
    ).update(due_at=at)


def forget(*, now: datetime, using: str) -> int:
    """
    Delete fires that are done and older than ``KEEP_FIRES``, and return how many.

    At most a thousand go at once, so that nobody waits for it. Runs are kept.
    """
    done = (Fire.State.PUBLISHED, Fire.State.MISSED, Fire.State.SKIPPED, Fire.State.DROPPED)
    old = Fire.objects.using(using).filter(
        state__in=(*done, Fire.State.REFUSED), claimed_at__lt=now - conf.keep_fires
    )
    keys = list(old.values_list("pk", flat=True)[:_DELETED_AT_ONCE])
    Fire.objects.using(using).filter(pk__in=keys).delete()
    return len(keys)


def new_fire(
    schedule: Schedule, name: str, taken: policy.Taken, kind: Fire.Kind, now: datetime
) -> Fire:
    """Return an unsaved fire of the schedule named *name*; its task id follows from both."""
    nominal = taken.nominal_at.astimezone(UTC)
    identity = f"recurring_jobs:{schedule.pk}:{name}:{kind.value}:{nominal.isoformat()}"
    return Fire(
        schedule=schedule,
        kind=kind,
        nominal_at=nominal,
        stands_for=taken.stands_for,
        task_id=str(uuid5(NAMESPACE_URL, identity)),
        claimed_at=now,
    )


def _lock_due(now: datetime, using: str, limit: int) -> list[Schedule]:
    due = Schedule.objects.using(using).filter(next_fire_at__lte=now).order_by("next_fire_at")
    return list(locked(due)[:limit])


def _not_begun(published: list[Fire], now: datetime, using: str) -> list[Fire]:
    """Return those that have no run, to be looked at again when they are twice as old."""
    after = conf.resend_after
    if after is None:  # it was set until now
        leave(published, using=using)
        return []
    rows = Fire.objects.using(using).filter(pk__in=[fire.pk for fire in published])
    begun = set(rows.filter(runs__isnull=False).values_list("pk", flat=True))
    leave([fire for fire in published if fire.pk in begun], using=using)
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
        fire = new_fire(schedule, task.name, taken, kind, now)
        starts_at = upcoming.start_of(schedule, task, trigger, fire.nominal_at)
        if schedule.overlap == Schedule.Overlap.ALLOW and starts_at <= now:
            fire.due_at = now + conf.beat_republish_after
        else:
            fire.state, fire.due_at = Fire.State.WAITING, max(now, starts_at)
        fires.append(fire)
    if decision.missed:
        missed = new_fire(schedule, task.name, decision.missed, kind, now)
        missed.state = Fire.State.MISSED
        missed.reason = f"Missed while no beat was running (misfire policy: {schedule.misfire})."
        fires.append(missed)
    return fires


def _drop_known(outcomes: list[_Outcome], using: str) -> None:
    """Leave out fires that are on record, when a next fire was set back by hand."""
    fires = [fire for outcome in outcomes for fire in outcome.fires]
    unknown = {id(fire) for fire in unknown_fires(fires, using=using)}
    for outcome in outcomes if len(unknown) < len(fires) else ():
        outcome.fires = [fire for fire in outcome.fires if id(fire) in unknown]


def _store(outcomes: list[_Outcome], now: datetime, using: str) -> None:
    """Write all that was decided: one statement for all schedules that it is the same for."""
    add([fire for outcome in outcomes for fire in outcome.fires], using=using)
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


def unknown_fires(fires: list[Fire], *, using: str) -> list[Fire]:
    """Return those of *fires*, which are not saved, that are not on record."""
    rows = Fire.objects.using(using).filter(
        schedule__in={fire.schedule_id for fire in fires},
        nominal_at__in={fire.nominal_at for fire in fires},
    )
    # By what the unique constraint goes by: the task id changes with the schedule's name.
    known = set(rows.values_list("schedule_id", "kind", "nominal_at"))
    return [
        fire for fire in fires if (fire.schedule_id, str(fire.kind), fire.nominal_at) not in known
    ]


def add(fires: list[Fire], *, using: str) -> None:
    """Store new *fires*, each with its primary key afterwards."""
    Fire.objects.using(using).bulk_create(fires)
    if fires and not connections[using].features.can_return_rows_from_bulk_insert:
        rows = Fire.objects.using(using).filter(task_id__in=[fire.task_id for fire in fires])
        keys = dict(rows.values_list("task_id", "pk"))
        for fire in fires:
            fire.pk = keys[fire.task_id]

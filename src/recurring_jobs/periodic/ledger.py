"""The ledger of fires: each is a row, which says what has become of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from django.db import connections
from django.db.models import Min

from recurring_jobs import tallies
from recurring_jobs.conf import conf
from recurring_jobs.periodic import beat_fires, policy
from recurring_jobs.periodic.models import Fire, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

#: How many old fires one pass deletes.
_DELETED_AT_ONCE = 1000


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


def mark_published(fires: Iterable[Fire], *, now: datetime, using: str) -> None:
    """
    Record that the messages of *fires* are with the broker.

    With ``RESEND_AFTER`` a beat looks then whether each was begun; see ``claiming``.
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

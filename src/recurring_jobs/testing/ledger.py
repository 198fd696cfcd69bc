"""What must be true of the fires on record, whatever became of beats, workers and servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import router
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Sum

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import LedgerError, RecurringJobsError
from recurring_jobs.models import Fire, Run, Schedule
from recurring_jobs.periodic import beat_fires, beat_tables
from recurring_jobs.periodic.clock import database_now
from recurring_jobs.periodic.gaps import Entry, find_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_OPEN = (Fire.State.WAITING, Fire.State.BUFFERED, Fire.State.CLAIMED)
_SENT = (Fire.State.CLAIMED, Fire.State.PUBLISHED)
_TAKEN = (*_SENT, Fire.State.REFUSED)


def check_ledger(*, using: str | None = None, pruned: bool = False) -> None:
    """
    Raise LedgerError unless the ledger is sound; it names all that ``ledger_problems`` finds.
    """
    problems = ledger_problems(using=using, pruned=pruned)
    if problems:
        raise LedgerError(problems)


def ledger_problems(*, using: str | None = None, pruned: bool = False) -> list[str]:
    """
    Return a sentence for each thing that is wrong with the fires on record.

    What must be true at every moment, also while beats run and while they are killed:

    1. No two fires have the same schedule, kind and nominal time.
    2. Between a schedule's first and last fire each nominal time is on record, by a fire
       of its own or by one that stands for it. Looked at is what came after the schedule
       was last edited or resumed.
    3. A fire that is still to be sent says when a beat looks at it next; one that is done
       says nothing of that.
    4. A published fire says when it was; one that was not to be run was never published.
    5. A run belongs to a fire that was claimed or published, and has its task id.
    6. No fire was claimed before its nominal time, unless it was skipped by hand, and a
       schedule's next fire is later than all that are on record.
    7. The counters of a schedule are the numbers of its rows. With *pruned*, for a ledger
       that old fires were deleted from, they may be larger.
    """
    using = using or router.db_for_write(Schedule)
    return [
        *_doubled(using),
        *_lost(using),
        *_misplaced(using),
        *_wrongly_sent(using),
        *_wrongly_run(using),
        *_early(using),
        *_miscounted(using, pruned=pruned),
    ]


def _fires(using: str) -> Any:
    return Fire.objects.using(using).order_by("schedule_id", "nominal_at")


def _named(fires: Any) -> Iterator[tuple[str, str]]:
    """Yield what each of *fires* is called, and its state."""
    names = ("schedule__periodic_task__name", "kind", "nominal_at", "state")
    for name, kind, nominal_at, state in fires.values_list(*names):
        yield _name(name, kind, nominal_at), state


def _name(schedule: str, kind: str, nominal_at: datetime) -> str:
    return f"The {kind} fire of {schedule!r} at {nominal_at.isoformat()}"


def _doubled(using: str) -> Iterator[str]:
    names = ("schedule__periodic_task__name", "kind", "nominal_at")
    found = Fire.objects.using(using).order_by().values(*names).annotate(times=Count("pk"))
    for name, kind, nominal_at, times in found.filter(times__gt=1).values_list(*names, "times"):
        yield f"{_name(name, kind, nominal_at)} is on record {times} times."


def _lost(using: str) -> Iterator[str]:
    kept_from = database_now(using) - conf.keep_fires
    for tasks in beat_fires.tasks_in_batches(using=using):
        for task in tasks:
            schedule = task.recurring_schedule
            since = max(filter(None, (kept_from, task.date_changed, schedule.resumed_at)))
            rows = _fires(using).filter(
                schedule=schedule, kind=Fire.Kind.SCHEDULED, nominal_at__gte=since
            )
            entries = [Entry(*row) for row in rows.values_list("nominal_at", "stands_for")]
            try:
                trigger = beat_tables.trigger_of(task)
            except RecurringJobsError:
                continue
            for gap in find_gaps(entries, trigger.next_after):
                yield (
                    f"{task.name!r} has {gap.times} nominal times between"
                    f" {gap.after.isoformat()} and {gap.before.isoformat()}, and the fires"
                    " there do not stand for them."
                )


def _misplaced(using: str) -> Iterator[str]:
    for name, state in _named(_fires(using).filter(state__in=_OPEN, due_at=None)):
        yield f"{name} is {state}, and no beat will look at it."
    # With RESEND_AFTER they look whether what was published has begun.
    done = _fires(using).exclude(state__in=(*_OPEN, Fire.State.PUBLISHED))
    for name, state in _named(done.exclude(due_at=None)):
        yield f"{name} is {state}, and beats still look at it."


def _wrongly_sent(using: str) -> Iterator[str]:
    fires = _fires(using)
    for name, state in _named(fires.filter(state=Fire.State.PUBLISHED, published_at=None)):
        yield f"{name} is {state}, and nothing says when."
    for name, state in _named(fires.exclude(state=Fire.State.PUBLISHED).exclude(published_at=None)):
        yield f"{name} is {state}, and was published."


def _wrongly_run(using: str) -> Iterator[str]:
    runs = Run.objects.using(using).filter(fire=OuterRef("pk"))
    fires = _fires(using)
    for name, state in _named(fires.exclude(state__in=_SENT).filter(Exists(runs))):
        yield f"{name} is {state}, and was run."
    for name, _state in _named(fires.filter(Exists(runs.exclude(pk=OuterRef("task_id"))))):
        yield f"{name} has a run with another task id than its own."


def _early(using: str) -> Iterator[str]:
    automatic = _fires(using).filter(kind=Fire.Kind.SCHEDULED)
    early = automatic.filter(claimed_at__lt=F("nominal_at")).exclude(state=Fire.State.SKIPPED)
    for name, state in _named(early):
        yield f"{name} is {state}, and was claimed before its time."
    schedules = Schedule.objects.using(using).annotate(
        last=Max("fires__nominal_at", filter=Q(fires__kind=Fire.Kind.SCHEDULED))
    )
    behind = schedules.filter(next_fire_at__lte=F("last")).order_by("pk")
    for name, at in behind.values_list("periodic_task__name", "next_fire_at"):
        yield f"{name!r} fires next at {at:%Y-%m-%dT%H:%M:%S%z}, and has later fires on record."


def _miscounted(using: str, *, pruned: bool) -> Iterator[str]:
    state, automatic = Fire.State, Q(fires__kind=Fire.Kind.SCHEDULED)
    schedules = Schedule.objects.using(using).annotate(
        taken=Count("fires", filter=automatic & Q(fires__state__in=_TAKEN)),
        missed=Sum("fires__stands_for", filter=Q(fires__state=state.MISSED), default=0),
        skipped=Count("fires", filter=Q(fires__state=state.SKIPPED)),
        dropped=Count("fires", filter=Q(fires__state=state.DROPPED)),
    )
    counted = ("taken", "missed", "skipped", "dropped")
    columns = ("periodic_task__name", *counted, *(f"{each}_count" for each in counted))
    for name, *numbers in schedules.order_by("pk").values_list(*columns):
        for what, rows, count in zip(counted, numbers[:4], numbers[4:], strict=True):
            if count < rows or (count > rows and not pruned):
                yield f"{name!r} counts {count} fires {what}, and {rows} are on record."

"""Rows for the admin to show: usual ones and hostile ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from recurring_jobs.models import DeadLetter, Fire, Run, Schedule, TaskLock, Worker
from recurring_jobs.periodic.beat_tables import stored_of

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAYLOAD = "\"><img src=x onerror=alert(1)></script><script>alert('{{ 7|add:7 }}')</script>"


def make_schedule(name: str = "nightly report", *, enabled: bool = True, **fields) -> Schedule:
    """
    Store a schedule beside a periodic task that fires at 09:00 in Paris.

    One that is not enabled, or was set aside, has no next fire, as beats leave it.
    """
    crontab, _ = CrontabSchedule.objects.get_or_create(
        minute="0", hour="9", timezone="Europe/Paris"
    )
    task = PeriodicTask.objects.create(
        name=name, task="host.report", crontab=crontab, enabled=enabled, kwargs='{"days": 7}'
    )
    is_firing = enabled and not fields.get("set_aside_reason")
    fields.setdefault("next_fire_at", NINE if is_firing else None)
    return Schedule.objects.create(periodic_task=task, **fields)


def make_drifted(name: str = "nightly report", **edits) -> Schedule:
    """Store a schedule that came from code, in which a person then changed *edits* (a pause)."""
    schedule = make_schedule(name)
    values = stored_of(schedule.periodic_task, now=NINE).values
    Schedule.objects.filter(pk=schedule.pk).update(declared_in="app/tasks.py:7", applied=values)
    PeriodicTask.objects.filter(name=name).update(**(edits or {"enabled": False}))
    return Schedule.objects.get(pk=schedule.pk)


def make_rule_schedule(name: str, rule: str, **fields) -> Schedule:
    """Store a schedule whose trigger is an RRULE."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=36500, period="days")
    task = PeriodicTask.objects.create(name=name, task="host.report", interval=interval)
    return Schedule.objects.create(
        periodic_task=task,
        rule=rule,
        rule_start="2026-01-05T09:00:00",
        rule_timezone="Europe/Paris",
        **fields,
    )


def make_fire(schedule: Schedule, *, days_ago: int = 0, **fields) -> Fire:
    """Store a fire of *schedule*, published two seconds after its nominal time."""
    nominal_at = timezone.now().replace(microsecond=0) - timedelta(days=days_ago)
    fields.setdefault("state", Fire.State.PUBLISHED)
    fields.setdefault("published_at", nominal_at + timedelta(seconds=2))
    return Fire.objects.create(
        schedule=schedule, nominal_at=nominal_at, task_id=str(uuid4()), **fields
    )


def make_run(state: str = "succeeded", *, fire: Fire | None = None, **fields) -> Run:
    """Store a run, of *fire* if given, that began a minute ago."""
    started_at = timezone.now() - timedelta(minutes=1)
    fields.setdefault("id", fire.task_id if fire else str(uuid4()))
    fields.setdefault("task", "host.report")
    fields.setdefault("root_id", fields["id"])
    if state != "queued":
        fields.setdefault("started_at", started_at)
    if state in {"succeeded", "failed", "lost"}:
        fields.setdefault("finished_at", started_at + timedelta(seconds=3))
    return Run.objects.create(state=state, fire=fire, **fields)


def make_letter(**fields) -> DeadLetter:
    """Store a dead letter that waits for a person."""
    values = {
        "task_id": str(uuid4()),
        "task": "host.report",
        "args": [1, "two"],
        "kwargs": {"days": 7},
        "exception_type": "builtins.ConnectionError",
        "exception": "the other side hung up",
        "tracebacks": ["Traceback (most recent call last):\n  …\nConnectionError: hung up"] * 2,
        "attempts": 2,
    }
    return DeadLetter.objects.create(**{**values, **fields})


def make_lock(**fields) -> TaskLock:
    """Store a lock that a run has had for a minute."""
    now = timezone.now()
    values = {
        "id": uuid4().hex,
        "task": "host.report",
        "key": '{"account": 1}',
        "owner": str(uuid4()),
        "worker": "w1@host:17",
        "token": 1_700_000_000_000,
        "taken_at": now - timedelta(minutes=1),
        "lease_until": now + timedelta(minutes=1),
    }
    return TaskLock.objects.create(**{**values, **fields})


def make_worker(name: str = "celery@web-1", *, age: int = 3, **fields) -> Worker:
    """Store a worker of the usual queue that gave a sign of life so many seconds ago."""
    now = timezone.now()
    seen_at = now - timedelta(seconds=age)
    values = {"queues": ["celery"], "started_at": now - timedelta(days=3), "seen_at": seen_at}
    return Worker.objects.create(name=name, **{**values, **fields})

"""One frozen morning in a shop, for the pictures in the documentation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from recurring_jobs.models import (
    Beat,
    DeadLetter,
    Fire,
    Run,
    Schedule,
    Worker,
    reschedule,
    skip,
)
from recurring_jobs.periodic import beat_tables
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.host.models import Todo

#: A Saturday before the clocks of Berlin change.
NOW = datetime(2026, 3, 28, 8, 40, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")

_BAD_GATEWAY = """Traceback (most recent call last):
  File "/srv/shop/payments/tasks.py", line 41, in charge_subscriptions
    answer = gateway.charge(account)
  File "/srv/shop/payments/gateway.py", line 88, in charge
    raise GatewayError(f"{answer.status} {answer.reason}")
payments.gateway.GatewayError: 502 Bad Gateway"""


def make_story() -> dict[str, str]:
    """Store the rows of that morning, and return the address of each page of it."""
    nightly = _cron(
        "nightly report", "shop.reports.nightly", "0", "2", 41, source="shop/reports.py:12"
    )
    charge = _cron(
        "charge subscriptions", "shop.payments.charge", "0", "6", 38, source="shop/payments.py:31"
    )
    _cron("clean up sessions", "shop.web.clean_up", "30", "4", 3, source="shop/web.py:9")
    _cron("fetch exchange rates", "shop.prices.rates", "15", "*/4", 2)
    _rule("month-end invoices", "shop.invoices.send", "FREQ=MONTHLY;BYDAY=-1FR", "17:00")
    _rule("newsletter", "shop.mail.newsletter", "FREQ=WEEKLY;BYDAY=SA,TU", "10:30")
    _every("poll the mailbox", "shop.mail.poll", 5, "minutes")
    _every("sync stock", "shop.stock.sync", 2, "hours")
    imported = _cron("import prices", "shop.prices.import_all", "0", "7", 12)
    Schedule.objects.filter(pk=imported.pk).update(
        next_fire_at=None,
        paused_at=NOW - timedelta(days=1, hours=2),
        pause_reason="The supplier moves to another address.",
        paused_by="maria",
    )
    PeriodicTask.objects.filter(name="import prices").update(enabled=False)
    letter, run = _failures(charge)
    _runs_of_a_day()
    for number, ago in ((1, 0.4), (2, 0.9)):
        Beat.objects.create(
            name=f"web-{number}:47{number}1",
            started_at=NOW - timedelta(days=3),
            ticked_at=NOW - timedelta(seconds=ago),
        )
        Worker.objects.create(
            name=f"celery@worker-{number}",
            queues=["celery"] if number == 1 else ["celery", "mails"],
            started_at=NOW - timedelta(days=3),
            seen_at=NOW - timedelta(seconds=4 * number),
        )
    template = _plants()
    base = "/admin/recurring_jobs"
    return {
        "overview": f"{base}/",
        "schedules": f"{base}/schedule/",
        "schedule": f"{base}/schedule/{nightly.pk}/change/",
        "fires": f"{base}/fire/",
        "runs": f"{base}/run/",
        "run": f"{base}/run/{run.pk}/change/",
        "dead-letters": f"{base}/deadletter/",
        "dead-letter": f"{base}/deadletter/{letter.pk}/change/",
        "template": f"/admin/host/todo/{template.pk}/change/",
    }


def _id(*words: object) -> str:
    return str(uuid5(NAMESPACE_URL, " ".join(map(str, words))))


def _cron(
    name: str, task: str, minute: str, hour: str, seconds: int, *, source: str = ""
) -> Schedule:
    crontab, _ = CrontabSchedule.objects.get_or_create(minute=minute, hour=hour, timezone=ZONE)
    row = PeriodicTask.objects.create(name=name, task=task, crontab=crontab)
    schedule = _scheduled(row, declared_in=source)
    times = _past_times(schedule, days=12)[-60:]
    for at in times:
        is_failed = name == "charge subscriptions" and at > NOW - timedelta(days=1)
        # Deterministic, and yet not all alike.
        took = timedelta(seconds=seconds + int(_id(name, at)[:2], 16) % (seconds // 2 + 1))
        _fire(schedule, at, task, "failed" if is_failed else "succeeded", took)
    return schedule


def _every(name: str, task: str, every: int, period: str) -> Schedule:
    interval = IntervalSchedule.objects.create(every=every, period=period)
    row = PeriodicTask.objects.create(name=name, task=task, interval=interval)
    schedule = _scheduled(row, anchored_at=NOW.replace(minute=0) - timedelta(days=30))
    for at in _past_times(schedule, hours=20 if period == "hours" else 3):
        _fire(schedule, at, task, "succeeded", timedelta(milliseconds=700 + at.minute * 20))
    return schedule


def _rule(name: str, task: str, rule: str, clock: str) -> Schedule:
    interval, _ = IntervalSchedule.objects.get_or_create(every=36500, period="days")
    row = PeriodicTask.objects.create(name=name, task=task, interval=interval)
    schedule = _scheduled(
        row, rule=rule, rule_start=f"2026-01-03T{clock}:00", rule_timezone=str(ZONE)
    )
    for at in _past_times(schedule, days=40):
        _fire(schedule, at, task, "succeeded", timedelta(seconds=95))
    return schedule


def _scheduled(task: PeriodicTask, **fields: object) -> Schedule:
    # Saving the task may have made the row already.
    schedule, _ = Schedule.objects.update_or_create(periodic_task=task, defaults=fields)
    trigger = beat_tables.trigger_of(PeriodicTask.objects.get(pk=task.pk))
    schedule.next_fire_at = next(iter(trigger.times_after(NOW)))
    schedule.save()
    return Schedule.objects.get(pk=schedule.pk)


def _past_times(schedule: Schedule, **ago: int) -> list[datetime]:
    found = []
    for at in beat_tables.trigger_of(schedule.periodic_task).times_after(NOW - timedelta(**ago)):
        if at >= NOW:
            break
        found.append(at)
    return found


def _fire(schedule: Schedule, at: datetime, task: str, state: str, took: timedelta) -> None:
    sent = at + timedelta(milliseconds=300 + int(_id(at)[:2], 16))
    fire = Fire.objects.create(
        schedule=schedule,
        nominal_at=at,
        task_id=_id(schedule.periodic_task.name, at),
        state=Fire.State.PUBLISHED,
        claimed_at=at + timedelta(milliseconds=200),
        published_at=sent,
    )
    _run(fire.task_id, task, state, sent, took, fire=fire)


def _run(pk: str, task: str, state: str, at: datetime, took: timedelta, **fields: object) -> Run:
    is_going_on = state == "running"
    return Run.objects.create(
        id=pk,
        root_id=pk,
        task=task,
        state=state,
        attempt=1,
        worker=f"celery@worker-{1 + int(pk[0], 16) % 2}",
        queue="celery",
        created_at=at,
        started_at=at + timedelta(milliseconds=40),
        finished_at=None if is_going_on else at + took,
        # Of one that is going on the database's clock, which is not frozen, would say: lost.
        heartbeat_at=None if is_going_on else at + took,
        **fields,
    )


def _failures(charge: Schedule) -> tuple[DeadLetter, Run]:
    last = charge.fires.latest("nominal_at")
    Run.objects.filter(pk=last.task_id).update(
        attempt=6, exception="GatewayError: 502 Bad Gateway", kwargs={"day": "2026-03-28"}
    )
    letters = []
    for number, (task, kind, text, hours) in enumerate(
        (
            ("shop.payments.charge", "payments.gateway.GatewayError", "502 Bad Gateway", 3),
            ("shop.mail.newsletter", "smtplib.SMTPServerDisconnected", "Connection closed", 22),
            ("shop.mail.newsletter", "smtplib.SMTPServerDisconnected", "Connection closed", 22.2),
        )
    ):
        pk = last.task_id if not number else _id(task, number)
        letters.append(
            DeadLetter.objects.create(
                task_id=pk,
                root_id=pk,
                task=task,
                queue="celery",
                kwargs={"day": "2026-03-28"} if not number else {"list": number},
                exception_type=kind,
                exception=text,
                tracebacks=[_BAD_GATEWAY] * 2,
                attempts=6,
                failed_at=NOW - timedelta(hours=hours),
            )
        )
    return letters[0], Run.objects.get(pk=last.task_id)


def _runs_of_a_day() -> None:
    for number in range(140):
        pk = _id("order", number)
        at = NOW - timedelta(minutes=10 * number + int(pk[:2], 16) % 9)
        busy = 8 <= at.astimezone(ZONE).hour < 20
        if number % 2 and not busy:
            continue
        is_failed = number in {17, 18, 64}
        took = timedelta(milliseconds=400 + int(pk[:3], 16))
        _run(pk, "shop.orders.confirm", "failed" if is_failed else "succeeded", at, took)
    _run(
        _id("running"),
        "shop.stock.recount",
        "running",
        NOW - timedelta(minutes=6),
        timedelta(0),
        progress_done=4200,
        progress_total=10_000,
        progress_note="articles",
    )


def _plants() -> Todo:
    template = Todo.objects.create(
        title="Water the plants",
        due_at=datetime(2026, 3, 2, 8, tzinfo=UTC),
        recurrence_rule="FREQ=WEEKLY;BYDAY=MO,TH",
        recurrence_timezone=str(ZONE),
    )
    generate_occurrences(Todo, now=template.due_at - timedelta(days=1))
    generate_occurrences(Todo, now=template.due_at + timedelta(days=14))
    rows = {row.recurrence_id[6:8]: row for row in template.occurrences.all()}
    skip(rows["23"], now=NOW - timedelta(days=9))
    reschedule(rows["26"], datetime(2026, 3, 27, 16, tzinfo=UTC))
    Todo.objects.filter(pk=rows["30"].pk).update(title="Water the plants, and feed them")
    return template

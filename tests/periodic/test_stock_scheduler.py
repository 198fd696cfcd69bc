"""What django-celery-beat's own scheduler makes of the rows that declarations leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from recurring_jobs import At, Cron, Every, RRule, periodic_task
from recurring_jobs.periodic.sync import sync_schedules

pytestmark = pytest.mark.django_db(transaction=True)  # it closes its connections

MORNING = datetime(2026, 3, 2, 6, tzinfo=UTC)
RULE = RRule("FREQ=HOURLY", start="2026-01-05T09:00:00", timezone="UTC")
#: Not the sun: Celery's own reading of it needs the package ephem, which ours does not.
TRIGGERS = {
    "crontab": Cron("30 9 * * *", timezone="Europe/Paris"),
    "spread": Cron("H 9 * * *", timezone="Europe/Paris"),
    "interval": Every(hours=2),
    "anchored": Every(hours=3, anchor=MORNING),
    "once": At(MORNING + timedelta(hours=2)),
}


@pytest.fixture
def clock(celery_app):
    """Six in the morning, with one declaration of each kind stored."""
    celery_app.conf.update(result_expires=None, timezone="UTC")
    celery_app.conf.task_routes = {"*": {"queue": "stock"}}
    for name, trigger in {**TRIGGERS, "rule": RULE}.items():
        periodic_task(trigger, name=name, kwargs={"name": name})("app.clean")
    ended = {"end_time": MORNING - timedelta(days=1), "kwargs": {"name": "ended"}}
    periodic_task(Every(hours=1), name="ended", **ended)("app.clean")
    with time_machine.travel(MORNING, tick=False) as clock:
        sync_schedules(app=celery_app, now=MORNING)
        yield clock


def run_for_a_day(clock, celery_app) -> None:
    for _ in range(24 * 2):
        clock.shift(timedelta(minutes=30))
        # A new one each time: it looks for changes by a clock that does not move here.
        scheduler = DatabaseScheduler(app=celery_app, lazy=False)
        for _tick in range(2 * len(TRIGGERS)):
            scheduler.tick()
        scheduler.sync()


def test_every_row_can_be_read(clock, celery_app):
    """
    The stock scheduler makes a schedule of each row, those of rules included.
    """
    read = {task.name: task.schedule for task in PeriodicTask.objects.all()}

    assert read.keys() == {*TRIGGERS, "rule", "ended"}
    assert all(schedule.is_due(MORNING) for schedule in read.values())


def test_everything_but_rules_fires(clock, celery_app):
    """
    Within a day each schedule but the rule is sent; the stand-in of a rule never is.
    """
    run_for_a_day(clock, celery_app)

    sent = set()
    with celery_app.connection_for_read() as connection, connection.SimpleQueue("stock") as queue:
        while queue.qsize():
            message = queue.get(block=False)
            sent.add(message.payload[1]["name"])
            message.ack()
    assert sent == set(TRIGGERS)


def test_what_it_disabled_is_no_drift(clock, celery_app):
    """
    A single time that it fired, and a schedule past its end, are not taken for paused by hand.
    """
    run_for_a_day(clock, celery_app)

    made = sync_schedules(app=celery_app, now=MORNING + timedelta(days=1), dry_run=True)

    disabled = PeriodicTask.objects.filter(enabled=False).values_list("name", flat=True)
    assert set(disabled) == {"once", "ended"}
    assert not made.differs
    assert made.ended == ()

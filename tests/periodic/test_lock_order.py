"""All lock rows in one order: schedules, the change marker, periodic tasks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from recurring_jobs import Cron, periodic_task
from recurring_jobs.models import Fire, Run, Schedule
from recurring_jobs.periodic import controls, failures, registry
from recurring_jobs.periodic.beat_tables import bump
from recurring_jobs.periodic.locking import locked
from recurring_jobs.periodic.sync import sync_schedules
from recurring_jobs.periodic.trigger_edits import new_trigger

pytestmark = pytest.mark.django_db(transaction=True)

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def schedule(celery_app) -> Schedule:
    if not connection.features.has_select_for_update:
        pytest.skip("This database has one writer at a time.")
    declare(celery_app, priority=3)
    return Schedule.objects.get()


def declare(app, **options):
    with registry.no_declarations():
        periodic_task(Cron("0 9 * * *", timezone="UTC"), name="report", **options)("app.clean")
        sync_schedules(app=app, now=NINE)


@contextmanager
def beside(work):
    """Give what begins *work* in another thread, which is to wait for what the block holds."""

    def attempt():
        try:
            work()
        finally:
            connection.close()

    def begin():
        begun.append(pool.submit(attempt))
        with pytest.raises(TimeoutError):
            begun[0].result(1)

    begun = []
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            yield begin
        begun[0].result(30)


def test_a_failed_run_waits_for_the_beat_that_holds_its_schedule(schedule):
    """
    A beat that has claimed a fire counts it on the periodic task, while another run fails.
    """
    Schedule.objects.update(pause_after_failures=1)
    fire = Fire.objects.create(
        schedule=schedule, nominal_at=NINE, claimed_at=NINE, task_id="fire-1"
    )
    Run.objects.create(id="fire-1", task="app.clean", fire=fire, state="failed")

    with beside(lambda: failures.on_run_gave_up(run_id="fire-1")) as begin:
        locked(Schedule.objects.all()).get()
        begin()
        PeriodicTask.objects.update(total_run_count=1)

    schedule.refresh_from_db()
    assert schedule.pause_reason == "The last run failed."
    assert not PeriodicTask.objects.get(total_run_count=1).enabled


def test_a_deploy_waits_for_the_beat_that_holds_a_schedule(schedule, celery_app):
    """
    A beat that has a schedule pauses it, while a deploy changes the same one.
    """
    with beside(lambda: declare(celery_app, priority=7)) as begin:
        locked(Schedule.objects.all()).get()
        begin()
        bump()

    assert PeriodicTask.objects.get().priority == 7


def test_a_pause_waits_for_the_one_who_saves_the_task(schedule):
    """
    django-celery-beat moves its marker before it saves a periodic task, and so does a pause.
    """
    with beside(lambda: controls.pause(schedule)) as begin:
        bump()
        begin()
        PeriodicTask.objects.update(description="Edited.")

    assert not PeriodicTask.objects.get(description="Edited.").enabled


def test_a_form_waits_for_the_beat_that_holds_the_schedule(schedule):
    """A beat that has claimed a fire counts it on the task, while a person saves a new trigger."""

    def edit():
        task = PeriodicTask.objects.get()
        with new_trigger(task, Cron("30 7 * * *", timezone="UTC"), using="default"):
            task.save()

    with beside(edit) as begin:
        locked(Schedule.objects.all()).get()
        begin()
        PeriodicTask.objects.update(total_run_count=1)

    assert CrontabSchedule.objects.get(periodictask__name="report").hour == "7"

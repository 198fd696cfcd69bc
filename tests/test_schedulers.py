from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app
from django.db import connection, utils
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks
from kombu.exceptions import OperationalError

from recurring_jobs.models import Beat, Fire, Schedule, ScheduleChange
from recurring_jobs.periodic import beat_fires, change_feed, upcoming
from recurring_jobs.schedulers import RETRY_AFTER, DatabaseScheduler

pytestmark = pytest.mark.django_db


class Scheduler(DatabaseScheduler):
    """The scheduler without a connection of its own."""

    producer = None

    def __init__(self) -> None:
        super().__init__(current_app._get_current_object(), lazy=True)


@pytest.fixture
def sent(monkeypatch):
    """What was published, as (task, id, headers); set ``.error`` to make the broker away."""

    class Sent(list):
        error: Exception | None = None

    messages = Sent()

    def send_task(name, args=None, kwargs=None, **options):
        if messages.error:
            raise messages.error
        messages.append((name, options["task_id"], options["headers"]))

    monkeypatch.setattr(current_app._get_current_object(), "send_task", send_task)
    return messages


@pytest.fixture
def scheduler():
    return Scheduler()


def due_task(name: str = "report", **fields) -> PeriodicTask:
    """Store a task of once a year; ``make_due`` lets its time be just past."""
    return PeriodicTask.objects.create(
        name=name,
        task=f"elsewhere.{name}",
        crontab=CrontabSchedule.objects.create(
            minute="0", hour="0", day_of_month="1", month_of_year="7", timezone="UTC"
        ),
        **fields,
    )


def make_due(now: datetime | None = None) -> None:
    Schedule.objects.update(next_fire_at=(now or timezone.now()) - timedelta(seconds=3))


def test_idle_tick_sleeps_at_most_the_longest_interval(scheduler, sent):
    """
    With nothing declared a tick sends nothing and asks to be called in five seconds.
    """
    assert scheduler.tick() == 5.0
    assert sent == []


def test_due_fire_is_published_with_its_nominal_time(scheduler, sent):
    """
    What is due goes out once, with an id and headers that name the fire.
    """
    due_task(headers='{"tenant": "a"}')
    scheduler.tick()
    make_due()

    scheduler.tick()
    scheduler.tick()

    fire = Fire.objects.get()
    assert fire.state == Fire.State.PUBLISHED
    assert sent == [
        (
            "elsewhere.report",
            fire.task_id,
            {
                "tenant": "a",
                "periodic_task_name": "report",
                "celery_beat_task": True,
                "recurring_jobs_fire": fire.pk,
                "recurring_jobs_nominal": fire.nominal_at.isoformat(),
                "recurring_jobs_kind": "scheduled",
                "recurring_jobs_stands_for": 1,
            },
        )
    ]


def test_fires_wait_while_the_broker_is_away(scheduler, sent, jobs_clock):
    """
    With the broker away the fire stays a claim, and goes out at its return, once.
    """
    due_task()
    scheduler.tick()
    make_due()
    sent.error = OperationalError("connection refused")

    assert scheduler.tick() == 1.0
    assert [fire.state for fire in Fire.objects.all()] == ["claimed"]

    sent.error = None
    jobs_clock.move_by(RETRY_AFTER)
    scheduler.tick()
    assert len(sent) == 1
    assert [fire.state for fire in Fire.objects.all()] == ["published"]


def test_nothing_is_claimed_while_the_broker_is_away(scheduler, sent, jobs_clock):
    """
    With one fire waiting for the broker, later ones are not claimed: when the broker is
    back after a day, they follow their misfire policy and are not all sent.
    """
    due_task("first"), due_task("second", last_run_at=None)
    scheduler.tick()
    make_due()
    Schedule.objects.filter(periodic_task__name="second").update(next_fire_at=None)
    sent.error = OperationalError("connection refused")
    scheduler.tick()
    Schedule.objects.filter(periodic_task__name="second").update(
        next_fire_at=timezone.now() - timedelta(days=2)
    )
    jobs_clock.move_by(RETRY_AFTER)

    scheduler.tick()
    assert Fire.objects.count() == 1

    sent.error = None
    jobs_clock.move_by(RETRY_AFTER)
    scheduler.tick()
    assert [name for name, *_ in sent] == ["elsewhere.first"]
    assert Fire.objects.get(schedule__periodic_task__name="second").state == Fire.State.MISSED


def test_claim_of_a_killed_beat_is_published_by_another(scheduler, sent):
    """
    A beat that died between claim and message leaves a claim that the next one sends.
    """
    due_task()
    scheduler.tick()
    Fire.objects.create(
        schedule=Schedule.objects.get(),
        nominal_at=timezone.now() - timedelta(minutes=1),
        task_id="left-behind",
        claimed_at=timezone.now() - timedelta(seconds=11),
        due_at=timezone.now() - timedelta(seconds=1),
    )

    scheduler.tick()

    assert [task_id for _, task_id, _ in sent] == ["left-behind"]


def test_message_that_cannot_be_made_stops_no_other(scheduler, sent):
    """
    Arguments that are no JSON refuse their own fire, with the reason; the others go out.
    """
    bad, good = due_task("bad"), due_task("good")
    PeriodicTask.objects.filter(pk=bad.pk).update(args="[1,")
    scheduler.tick()
    make_due()

    scheduler.tick()
    scheduler.tick()

    refused = Fire.objects.get(schedule__periodic_task=bad)
    assert (refused.state, refused.reason) == (
        "refused",
        "JSONDecodeError: Expecting value: line 1 column 4 (char 3)",
    )
    assert [name for name, *_ in sent] == [good.task]


def test_saved_change_counts_at_the_next_tick(scheduler, sent):
    """
    A crontab edited in the admin gives the schedule another next fire without a restart.
    """
    task = due_task()
    scheduler.tick()
    task.crontab.month_of_year = "1"

    task.crontab.save()
    scheduler.tick()

    next_fire_at = Schedule.objects.get().next_fire_at
    assert next_fire_at == datetime(timezone.now().year + 1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("way", ["update", "sql", "save"])
def test_change_made_in_any_way_counts_at_the_next_tick(scheduler, sent, way):
    """
    ``update()`` and SQL leave no mark of django-celery-beat's, and are seen all the same.
    """
    task = due_task()
    scheduler.tick()

    if way == "update":
        CrontabSchedule.objects.update(month_of_year="1")
    elif way == "sql":
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE django_celery_beat_crontabschedule SET month_of_year = %s", ["1"]
            )
    else:
        task.crontab.month_of_year = "1"
        task.crontab.save()
    scheduler.tick()

    assert Schedule.objects.get().next_fire_at == datetime(
        timezone.now().year + 1, 1, 1, tzinfo=UTC
    )


def test_task_disabled_by_update_loses_its_next_fire_and_gets_it_back(scheduler, sent):
    """
    Disabled and enabled by ``update()``, a task stops and goes on within a tick each.
    """
    due_task()
    scheduler.tick()
    first = Schedule.objects.get().next_fire_at

    PeriodicTask.objects.update(enabled=False)
    scheduler.tick()
    disabled = Schedule.objects.get().next_fire_at
    PeriodicTask.objects.update(enabled=True)
    scheduler.tick()

    assert (disabled, Schedule.objects.get().next_fire_at) == (None, first)


def test_one_save_reads_one_task(scheduler, django_assert_max_num_queries):
    """
    After one save among many only that task is read again, and a fire is not a change.
    """
    for number in range(30):
        due_task(f"more-{number}")
    scheduler.tick()
    assert not ScheduleChange.objects.exists()
    make_due()
    PeriodicTask.objects.filter(name="more-0").update(start_time=timezone.now())

    assert [row.periodic_task_id for row in ScheduleChange.objects.all()] == [
        PeriodicTask.objects.get(name="more-0").pk
    ]
    with django_assert_max_num_queries(10):
        assert upcoming.apply_changes(now=timezone.now(), using="default", limit=100) == 1
    beat_fires.mark_fired(
        [PeriodicTask.objects.first().pk],
        at=timezone.now(),
        times=1,
        is_over=False,
        using="default",
    )
    assert not ScheduleChange.objects.exists()


@pytest.fixture
def no_triggers(transactional_db):
    """The database would not have our triggers; MariaDB does not roll that back by itself."""
    change_feed.uninstall(connection.alias)
    yield
    change_feed.install(connection.alias)


def test_without_triggers_the_marker_of_django_celery_beat_counts(no_triggers, scheduler, sent):
    """
    Where the database would not have our triggers, a saved change is seen by its marker.
    """
    task = due_task()
    scheduler.tick()
    task.crontab.month_of_year = "1"
    task.crontab.save()

    scheduler.tick()

    assert Schedule.objects.get().next_fire_at == datetime(
        timezone.now().year + 1, 1, 1, tzinfo=UTC
    )


def test_tick_leaves_a_row_that_says_it_lives(scheduler, sent):
    """
    A beat writes when it last did its round; a beat that ends in peace takes its row away.
    """
    scheduler.tick()

    beat = Beat.objects.get()
    assert timezone.now() - beat.ticked_at < timedelta(minutes=1)
    assert abs(beat.clock_skew) < timedelta(minutes=1)

    scheduler.close()
    assert not Beat.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_tick_survives_a_database_that_is_away(scheduler, sent, caplog):
    """
    A tick whose first statement fails says so and asks to be called again in a second.
    """
    caplog.set_level(logging.WARNING, logger="recurring_jobs")

    def refuse(execute, sql, params, many, context):
        raise utils.OperationalError("server closed the connection")

    with connection.execute_wrapper(refuse):
        assert scheduler.tick() == 1.0

    assert [record.message for record in caplog.records] == ["recurring_jobs.beat.database_away"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [utils.OperationalError, utils.InterfaceError])
def test_beat_starts_with_a_database_that_is_away(kind, caplog):
    """
    What is to be set up at the start is owed to the first tick that has a database.
    """
    caplog.set_level(logging.WARNING, logger="recurring_jobs")

    def refuse(execute, sql, params, many, context):
        message = "connection already closed"
        raise kind(message)

    with connection.execute_wrapper(refuse):
        scheduler = DatabaseScheduler(current_app._get_current_object())
    scheduler.tick()

    assert [record.message for record in caplog.records] == ["recurring_jobs.beat.database_away"]
    assert PeriodicTask.objects.get().name == "celery.backend_cleanup"


@pytest.mark.django_db(transaction=True)
def test_beat_before_migrate_says_what_to_type(scheduler, sent, caplog):
    """
    A beat that was started before ``migrate`` says so, without a traceback, and goes on.
    """
    caplog.set_level(logging.WARNING, logger="recurring_jobs")
    recorder = MigrationRecorder(connection)

    def refuse(execute, sql, params, many, context):
        if "recurring_jobs_" in sql:
            message = 'relation "recurring_jobs_schedule" does not exist'
            raise utils.ProgrammingError(message)
        return execute(sql, params, many, context)

    recorder.record_unapplied("recurring_jobs", "0001_initial")
    try:
        with connection.execute_wrapper(refuse):
            waits = scheduler.tick()
    finally:
        recorder.record_applied("recurring_jobs", "0001_initial")

    assert waits == 5.0
    assert [(each.message, each.missing, each.exc_info) for each in caplog.records] == [
        ("recurring_jobs.beat.not_migrated: run migrate", ["0001_initial"], None)
    ]


def test_idle_tick_costs_the_same_with_more_schedules(scheduler, django_assert_num_queries):
    """
    Ten times the schedules make an idle tick no dearer in queries.
    """
    # A server is asked for its time as well.
    queries = 3 if connection.vendor == "sqlite" else 4
    due_task()
    scheduler.tick()
    with django_assert_num_queries(queries):
        scheduler.tick()

    for number in range(10):
        due_task(f"more-{number}")
    PeriodicTasks.update_changed()
    scheduler.tick()
    with django_assert_num_queries(queries):
        scheduler.tick()


def test_start_stores_the_clean_up_of_results_once():
    """
    As with Celery's own schedulers, old results are removed daily; a second beat adds nothing.
    """
    app = current_app._get_current_object()

    DatabaseScheduler(app)
    DatabaseScheduler(app)

    task = PeriodicTask.objects.get()
    assert (task.name, task.expire_seconds) == ("celery.backend_cleanup", 12 * 3600)
    assert str(task.crontab).startswith("0 4 * * *")


def test_start_names_what_is_declared_and_not_stored(settings, caplog):
    """
    A declaration that was never stored would never fire, so beat says so at its start.
    """
    settings.RECURRING_JOBS = {
        "SCHEDULE": {"tidy": {"task": "celery.backend_cleanup", "schedule": timedelta(hours=1)}}
    }
    caplog.set_level(logging.WARNING, logger="recurring_jobs")

    DatabaseScheduler(current_app._get_current_object())

    (record,) = caplog.records
    assert record.message == "recurring_jobs.beat.not_stored: run setup_periodic_tasks"
    assert "tidy" in record.declarations

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from recurring_jobs import periodic_task
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import registry
from recurring_jobs.periodic.export import export_declarations
from recurring_jobs.periodic.sync import sync_schedules

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def make(name: str, **columns) -> PeriodicTask:
    if not {"crontab", "interval", "solar", "clocked"} & columns.keys():
        columns["crontab"] = CrontabSchedule.objects.get_or_create(
            minute="0", hour="9", timezone="Europe/Paris"
        )[0]
    return PeriodicTask.objects.create(**{"name": name, "task": "app.clean", **columns})


def make_one_of_each() -> None:
    make("plain")
    make('it\'s "quoted" \\ and ü more')
    make(
        "everything",
        args='[1, {"deep": [null, true]}]',
        kwargs='{"days": 7}',
        headers='{"h": 1}',
        queue="slow",
        exchange="e",
        routing_key="r",
        priority=3,
        expire_seconds=60,
        description="First line.\nSecond line.",
        enabled=False,
        start_time=datetime(2026, 1, 1, 9, 30, tzinfo=UTC),
    )
    make("ends", expires=datetime(2030, 1, 1, tzinfo=UTC), one_off=True)
    make("often", interval=IntervalSchedule.objects.create(every=5, period="minutes"))
    half = IntervalSchedule.objects.create(every=1_500_000, period="microseconds")
    Schedule.objects.create(
        periodic_task=make("odd", interval=half),
        anchored_at=datetime(2026, 1, 1, tzinfo=UTC),
        misfire="all",
        time_limit=60,
        grace=timedelta(minutes=5),
        jitter=timedelta(seconds=1.5),
        catchup_window=timedelta(days=14, hours=7, seconds=5),
        overlap="skip",
        remaining_fires=7,
        pause_after_failures=3,
    )
    sunset = SolarSchedule(event="sunset", latitude=Decimal("48.85"), longitude=Decimal("2.35"))
    sunset.save()
    make("lights", solar=sunset)
    once = ClockedSchedule.objects.create(clocked_time=datetime(2030, 5, 6, 7, 8, tzinfo=UTC))
    make("once", clocked=once, one_off=True)
    Schedule.objects.create(
        periodic_task=make(
            "rule", interval=IntervalSchedule.objects.create(every=1, period="days")
        ),
        rule="FREQ=MONTHLY;BYDAY=-1FR",
        rule_start="2026-01-30T17:00:00",
        rule_timezone="Europe/Paris",
    )


def test_exported_declarations_change_nothing_but_the_owner(celery_app):
    """
    What is printed, run and adopted, says what the rows say: the way from admin to code.
    """
    make_one_of_each()
    before = {row["name"]: row for row in PeriodicTask.objects.values()}

    module = export_declarations(now=NOW, using="default")
    with registry.no_declarations():
        exec(compile(module, "schedule.py", "exec"), {"__name__": "app.schedule"})
        plan = sync_schedules(app=celery_app, now=NOW, adopt=True)
        again = sync_schedules(app=celery_app, now=NOW)

    assert sorted(change.name for change in plan.changes) == sorted(before)
    assert [change.fields for change in plan.changes] == [()] * len(before)
    assert {row["name"]: row for row in PeriodicTask.objects.values()} == before
    assert Schedule.objects.exclude(declared_in="").count() == len(before)
    assert again.is_settled


def test_exported_module_reads_like_written_by_hand():
    """
    Short declarations on one line, long ones a line an option, and only what is not usual.
    """
    make("plain")
    make("slow one", queue="slow", priority=3, description="Why it is there at all.")

    module = export_declarations(now=NOW, using="default")

    assert module == (
        "from recurring_jobs import Cron, periodic_task\n"
        "\n"
        "periodic_task(Cron('0 9 * * *', timezone='Europe/Paris'), name='plain')('app.clean')\n"
        "periodic_task(\n"
        "    Cron('0 9 * * *', timezone='Europe/Paris'),\n"
        "    name='slow one',\n"
        "    queue='slow',\n"
        "    priority=3,\n"
        "    description='Why it is there at all.',\n"
        ")('app.clean')\n"
    )


def test_what_cannot_be_declared_is_a_comment_with_the_reason():
    """
    A row that nobody can read does not stop the others, and is not left out in silence.
    """
    make("good")
    make("none")
    make("text", args="oops")
    PeriodicTask.objects.filter(name="none").update(crontab=None)

    module = export_declarations(now=NOW, using="default")

    assert "# Periodic task 'none', declared in the database: " in module
    assert "has no schedule set." in module
    assert "# Periodic task 'text', declared in the database: args are 'oops'." in module
    assert "name='good'" in module


def test_code_and_celery_keep_their_own(celery_app):
    """
    What came from code already, and what beat stores by itself, is not exported.
    """
    periodic_task("0 9 * * *", name="declared")("app.clean")
    sync_schedules(app=celery_app, now=NOW)
    make("celery.backend_cleanup")

    assert export_declarations(now=NOW, using="default") == (
        "# No such schedule was made by a person.\n"
    )


def test_command_prints_only_the_named():
    """
    --export goes to stdout as it is, for a redirect into a file; --only chooses.
    """
    make("one")
    make("two")
    out = StringIO()

    call_command("setup_periodic_tasks", "--export", "--only", "two", stdout=out)

    assert "name='two'" in out.getvalue()
    assert "name='one'" not in out.getvalue()
    assert Schedule.objects.count() == 0

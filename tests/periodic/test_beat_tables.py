from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)

from recurring_jobs import At, Cron, Every, RRule, Solar
from recurring_jobs.exceptions import InvalidTriggerError, UnknownTimeZoneError
from recurring_jobs.models import Schedule
from recurring_jobs.periodic.beat_tables import bump, loaded_tasks, read_stored, trigger_of
from recurring_jobs.periodic.trigger_rows import find_trigger_rows

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TRIGGERS = [
    Cron("0 9 * * mon-fri", timezone="Europe/Paris"),
    Every(hours=3),
    Every(seconds=1.5),
    Solar("sunset", -33.868800, 151.2093),
    At(datetime(2026, 4, 1, 8, 30, 0, 123456, tzinfo=UTC)),
]


def store(name: str, **columns) -> PeriodicTask:
    """Store a task as other tools may leave it, past all validation."""
    PeriodicTask.objects.bulk_create([PeriodicTask(name=name, task="app.clean", **columns)])
    return loaded_tasks("default").get(name=name)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=str)
def test_trigger_comes_back_as_it_was_stored(trigger):
    """
    The rows that stand for a trigger read back as the same trigger.
    """
    column, pk = find_trigger_rows([trigger], using="default")[trigger]

    assert trigger_of(store("one", **{f"{column}_id": pk})) == trigger


def test_rule_is_read_from_the_schedule_beside_the_task():
    """
    A rule stands in our row; the interval that stands in for it never fires by itself.
    """
    rule = RRule("FREQ=MONTHLY;BYDAY=-1FR", start="2026-01-30T17:00:00", timezone="Asia/Tokyo")
    column, pk = find_trigger_rows([rule], using="default")[rule]
    task = store("one", **{f"{column}_id": pk})
    Schedule.objects.create(
        periodic_task=task,
        rule=rule.text,
        rule_start=rule.start,
        rule_timezone=rule.timezone,
    )

    task = loaded_tasks("default").get()

    assert trigger_of(task) == rule
    assert (task.interval.every, task.interval.period) == (36500, "days")


def test_equal_rows_are_shared_and_the_oldest_is_used():
    """
    Duplicates that others left are neither multiplied nor in the way.
    """
    daily = {"minute": "0", "hour": "9", "timezone": "UTC"}
    oldest, *_ = [CrontabSchedule.objects.create(**daily) for _ in range(3)]
    IntervalSchedule.objects.create(every=3, period="hours")
    triggers = [Cron("0 9 * * *", timezone="UTC"), Every(minutes=180), Every(hours=3)]

    found = find_trigger_rows(triggers, using="default")

    assert found[triggers[0]] == ("crontab", oldest.pk)
    assert CrontabSchedule.objects.count() == 3
    assert IntervalSchedule.objects.count() == 1


def test_many_triggers_cost_few_queries(django_assert_num_queries):
    """
    Finding the rows of many triggers costs the same as of a few, once they are there.
    """
    triggers = [Cron(f"{m} {h} * * *", timezone="UTC") for m in range(20) for h in range(10)]
    find_trigger_rows(triggers, using="default")

    with django_assert_num_queries(1):
        find_trigger_rows(triggers, using="default")


@pytest.mark.parametrize(
    ("build", "error", "sentence"),
    [
        pytest.param(
            dict,
            InvalidTriggerError,
            "PeriodicTask('bad'): has no schedule set."
            " Set exactly one of interval, crontab, solar and clocked.",
            id="no schedule",
        ),
        pytest.param(
            lambda: {
                "interval": IntervalSchedule.objects.create(every=1, period="days"),
                "clocked": ClockedSchedule.objects.create(clocked_time=NOW),
            },
            InvalidTriggerError,
            "PeriodicTask('bad'): has interval and clocked set."
            " Set exactly one of interval, crontab, solar and clocked.",
            id="two schedules",
        ),
        pytest.param(
            lambda: {"interval": IntervalSchedule.objects.create(every=0, period="seconds")},
            InvalidTriggerError,
            "Every('0:00:00'): must be at least one second.",
            id="interval of nothing",
        ),
        pytest.param(
            lambda: {"interval": IntervalSchedule.objects.create(every=1, period="moons")},
            InvalidTriggerError,
            "Every('moons'): is not a unit of time.",
            id="unknown unit",
        ),
        pytest.param(
            lambda: {
                "solar": SolarSchedule.objects.create(event="sunset", latitude=95, longitude=0)
            },
            InvalidTriggerError,
            "Solar(95.0): latitude must be between -90 and 90.",
            id="beyond the pole",
        ),
    ],
)
def test_rows_that_cannot_be_read_are_refused(build, error, sentence):
    """
    What others left in the tables raises one of our errors, whatever is wrong with it.
    """
    task = store("bad", **build())

    with pytest.raises(error) as refused:
        trigger_of(task)

    assert str(refused.value) == sentence


def test_unknown_zone_spoils_only_its_own_row():
    """
    One crontab with a zone that does not exist must not hide the other tasks.
    """
    bad, good = (CrontabSchedule.objects.create(minute="0", timezone="UTC") for _ in range(2))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_celery_beat_crontabschedule SET timezone = 'Mars/Crater' WHERE id = %s",
            [bad.pk],
        )
    PeriodicTask.objects.bulk_create(
        [
            PeriodicTask(name="bad", task="app.clean", crontab_id=bad.pk),
            PeriodicTask(name="good", task="app.clean", crontab_id=good.pk),
        ]
    )

    tasks = {task.name: task for task in loaded_tasks("default")}

    assert trigger_of(tasks["good"]) == Cron("0 * * * *", timezone="UTC")
    with pytest.raises(UnknownTimeZoneError, match="Mars/Crater"):
        trigger_of(tasks["bad"])
    with pytest.raises(UnknownTimeZoneError, match="Mars/Crater"):
        trigger_of(PeriodicTask.objects.get(name="bad"))
    stored = read_stored(["bad"], now=NOW, using="default")
    assert "Mars/Crater" in stored["bad"].values["trigger"]["unreadable"]


def test_arguments_that_are_not_json_are_shown_as_they_are():
    """
    A text that is not JSON is compared as text, and does not stop the others.
    """
    store("odd", args="not json")

    assert read_stored(["odd"], now=NOW, using="default")["odd"].values["args"] == "not json"


def test_bump_moves_the_change_marker():
    """
    Schedulers see the marker move, also the first time.
    """
    bump()
    first = PeriodicTasks.last_change()
    bump("default")

    assert PeriodicTasks.last_change() > first
    assert PeriodicTasks.objects.count() == 1

from __future__ import annotations

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from recurring_jobs import Cron, periodic_task
from recurring_jobs.periodic.beat_tables import trigger_of
from recurring_jobs.periodic.leftovers import find_leftovers
from recurring_jobs.periodic.sync import sync_schedules

pytestmark = pytest.mark.django_db


def leave_a_mess() -> list[CrontabSchedule]:
    """Store what is found in tables that many hands filled for years."""
    doubled = [CrontabSchedule.objects.create(minute="0", hour="9", timezone="UTC") for _ in "123"]
    hourly = [IntervalSchedule.objects.create(every=1, period="hours") for _ in "12"]
    IntervalSchedule.objects.create(every=2, period="hours")
    for name in ("both", "neither", "good"):
        PeriodicTask.objects.create(name=name, task="app.report", crontab=doubled[1])
    PeriodicTask.objects.filter(name="both").update(interval=hourly[1])
    PeriodicTask.objects.filter(name="neither").update(crontab=None)
    return doubled


def test_what_others_left_is_reported(django_assert_num_queries):
    """
    Doubled rows, and tasks with two schedules or none, each in one sentence; good ones not.
    """
    leave_a_mess()

    with django_assert_num_queries(5):
        found = [str(each) for each in find_leftovers(using="default")]

    assert found == [
        "2 rows of the table interval say '1 hours'. The oldest is used; the others can be"
        " deleted once no task points to them.",
        "3 rows of the table crontab say '0 9 * * * UTC'. The oldest is used; the others can be"
        " deleted once no task points to them.",
        "PeriodicTask('both'): has interval and crontab set. Set exactly one of interval,"
        " crontab, solar and clocked. Set it right in the admin, or delete the row.",
        "PeriodicTask('neither'): has no schedule set. Set exactly one of interval, crontab,"
        " solar and clocked. Set it right in the admin, or delete the row.",
    ]


def test_what_others_left_is_used_and_not_touched(celery_app):
    """
    A declaration takes the oldest of the doubled rows, and nobody else's row changes.
    """
    oldest = leave_a_mess()[0]
    before = list(PeriodicTask.objects.order_by("pk").values())
    periodic_task(Cron("0 9 * * *", timezone="UTC"), name="mine")("app.clean")

    sync_schedules(app=celery_app)

    assert PeriodicTask.objects.get(name="mine").crontab == oldest
    assert list(PeriodicTask.objects.exclude(name="mine").order_by("pk").values()) == before
    assert (CrontabSchedule.objects.count(), IntervalSchedule.objects.count()) == (3, 3)


@pytest.mark.parametrize("adopt", [False, True], ids=["conflict", "adopted"])
def test_unreadable_row_of_a_declared_name(celery_app, adopt):
    """
    A hand-made row with two schedules or none is a conflict, and is set right when adopted.
    """
    leave_a_mess()
    for name in ("both", "neither"):
        periodic_task(Cron("0 9 * * *", timezone="UTC"), name=name)("app.clean")

    plan = sync_schedules(app=celery_app, adopt=adopt)

    assert len(plan.conflicts) == (0 if adopt else 2)
    if adopt:
        rows = PeriodicTask.objects.filter(name__in=["both", "neither"])
        assert {trigger_of(row) for row in rows} == {Cron("0 9 * * *", timezone="UTC")}
        assert sync_schedules(app=celery_app).is_settled

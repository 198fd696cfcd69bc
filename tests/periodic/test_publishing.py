from __future__ import annotations

import pytest
from celery import current_app
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from recurring_jobs.models import Schedule
from recurring_jobs.periodic import controls

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param({}, [None, None], id="the task's own"),
        pytest.param({"time_limit": 60, "soft_time_limit": 50}, [60, 50], id="both"),
        pytest.param({"time_limit": 60}, [60, None], id="hard"),
    ],
)
def test_time_limits_go_with_the_message(limits, expected):
    """
    A worker is told the limits of the schedule, or none.
    """
    hourly = IntervalSchedule.objects.create(every=1, period="hours")
    task = PeriodicTask.objects.create(
        name="limited", task="elsewhere.report", interval=hourly, queue="limited"
    )

    controls.fire_now(Schedule.objects.create(periodic_task=task, **limits))

    with (
        current_app.connection_for_read() as connection,
        connection.SimpleQueue("limited") as queue,
    ):
        message = queue.get(timeout=10)
        message.ack()
    assert message.headers["timelimit"] == expected

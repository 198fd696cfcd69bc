"""The clock that tests move, and what goes by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery import current_app
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.timezone import now as now_by_its_name

from recurring_jobs.models import Beat, Run
from recurring_jobs.periodic.clock import database_now
from recurring_jobs.runs.clock import DatabaseNow
from recurring_jobs.testing import Clock

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_django_and_celery_go_by_the_clock():
    """
    timezone.now() shows what the clock does, however it was imported; so does Celery's.
    """
    with Clock(NINE) as clock:
        assert (timezone.now(), now_by_its_name(), current_app.now()) == (NINE, NINE, NINE)

        clock.move_by(90)
        assert timezone.now() == NINE + timedelta(seconds=90)

        clock.move_to(NINE - HOUR)
        assert timezone.now() == clock.now == NINE - HOUR

    assert abs(timezone.now() - datetime.now(UTC)) < HOUR


def test_what_django_tells_of_a_datetime_stays():
    """
    With the clock entered, the functions of timezone know plain datetimes as such.
    """
    with Clock(NINE), timezone.override("Europe/Paris"):
        assert timezone.template_localtime(NINE).hour == 10
        assert timezone.localdate() == NINE.date()


@pytest.mark.django_db
def test_the_database_goes_by_the_clock():
    """
    What the library takes for the clock of the database is the test's, in questions and
    in what is written.
    """
    run = Run.objects.create(id="a", task="host.add", heartbeat_at=NINE)

    with Clock(NINE + HOUR):
        assert database_now("default") == NINE + HOUR
        assert list(Run.objects.filter(heartbeat_at__lt=DatabaseNow() - HOUR / 2)) == [run]
        Run.objects.update(heartbeat_at=DatabaseNow())
        made = Run.objects.create(id="b", task="host.add", heartbeat_at=DatabaseNow())

    run.refresh_from_db()
    made.refresh_from_db()
    assert (run.heartbeat_at, made.heartbeat_at) == (NINE + HOUR, NINE + HOUR)
    assert made.created_at == NINE + HOUR


@pytest.mark.django_db
def test_the_clock_of_the_database_itself_stays():
    """
    What is not ours is not moved: other expressions ask the database as ever.
    """
    with Clock(NINE):
        Beat.objects.create(name="a", started_at=NINE, ticked_at=NINE)
        assert Beat.objects.filter(ticked_at__lt=Now()).exists()


def test_hours_are_real_ones_over_a_change_of_clocks():
    """
    Moved by two hours through the night in which clocks are set forward, three are shown.
    """
    paris = ZoneInfo("Europe/Paris")
    with Clock(datetime(2026, 3, 29, 1, tzinfo=paris)) as clock:
        clock.move_by(2 * HOUR)

        assert clock.now == datetime(2026, 3, 29, 4, tzinfo=paris)


def test_clocks_can_be_nested():
    """
    The inner clock goes before the outer one, which is as it was afterwards.
    """
    with Clock(NINE):
        with Clock(NINE + HOUR):
            assert timezone.now() == NINE + HOUR
        assert timezone.now() == NINE


def test_time_without_a_zone_is_refused():
    """
    A naive time is no instant.
    """
    naive = NINE.replace(tzinfo=None)
    sentence = (
        "datetime.datetime(2026, 3, 2, 9, 0) has no time zone. "
        "Give an aware datetime, such as one with tzinfo=UTC."
    )

    with pytest.raises(ValueError, match="no time zone") as caught:
        Clock(naive)
    assert str(caught.value) == sentence
    with Clock() as clock, pytest.raises(ValueError, match="no time zone"):
        clock.move_to(naive)

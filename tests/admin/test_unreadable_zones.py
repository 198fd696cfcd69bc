"""A crontab row whose zone does not exist spoils no page: its own says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.urls import reverse

from tests.admin.rows import make_fire, make_schedule

if TYPE_CHECKING:
    from recurring_jobs.models import Schedule

pytestmark = pytest.mark.django_db

REASON = "'Mars/Olympus' is not a time zone"


@pytest.fixture
def schedule() -> Schedule:
    """A schedule that has fired once, and whose crontab then got a zone that does not exist."""
    schedule = make_schedule()
    make_fire(schedule)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_celery_beat_crontabschedule SET timezone = 'Mars/Olympus'")
    return schedule


@pytest.mark.parametrize(
    "url",
    [
        "/admin/recurring_jobs/schedule/",
        "/admin/recurring_jobs/schedule/{}/change/",
        "/admin/django_celery_beat/periodictask/",
    ],
    ids=["list", "page", "periodic-tasks"],
)
def test_row_shows_its_reason(boss, schedule, url):
    """
    The page opens, and where the trigger would be it names the zone.
    """
    answer = boss.get(url.format(schedule.pk))

    assert answer.status_code == 200
    assert "Mars/Olympus" in answer.content.decode()


@pytest.mark.parametrize(
    "url",
    [
        "/admin/recurring_jobs/",
        "/admin/recurring_jobs/fire/",
        "/admin/recurring_jobs/schedule/{}/history/",
        "/admin/recurring_jobs/schedule/{}/delete/",
    ],
)
def test_pages_around_it_open(boss, schedule, url):
    """
    What leads to the schedule, or away from it, opens as well.
    """
    assert boss.get(url.format(schedule.pk)).status_code == 200


def test_periodic_task_can_be_mended(boss, schedule):
    """
    The form of the periodic task opens, since it is there that a person mends the zone.
    """
    task_id = schedule.periodic_task_id
    url = reverse("admin:django_celery_beat_periodictask_change", args=[task_id])

    assert boss.get(url).status_code == 200


@pytest.mark.parametrize("action", ["run_now", "pause", "resume", "skip_next", "backfill"])
def test_actions_ask_or_say_why_not(boss, schedule, action):
    """
    No action on it ends in a page of an error.
    """
    url = reverse(f"admin:recurring_jobs_schedule_{action}", args=[schedule.pk])
    data = {"confirmed": "yes", "overlap": "allow", "start": "2026-01-01", "end": "2026-01-02"}

    answer = boss.post(url, {**data, "every": "0"}, follow=True)

    assert answer.status_code == 200

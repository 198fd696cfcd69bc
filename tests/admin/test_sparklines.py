"""The outcomes of a schedule's last fires, drawn by the server."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recurring_jobs.admin.sparklines import last_outcomes, sparkline
from recurring_jobs.models import Fire
from tests.admin.rows import make_fire, make_run, make_schedule

pytestmark = pytest.mark.django_db

LIST = "/admin/recurring_jobs/schedule/"


def fire_at(schedule, minutes_ago: int, **fields) -> Fire:
    fire = make_fire(schedule, days_ago=minutes_ago, **fields)
    Fire.objects.filter(pk=fire.pk).update(
        claimed_at=timezone.now() - timedelta(minutes=minutes_ago)
    )
    return fire


def test_bars_stand_in_order_and_words_tell_them_all():
    """
    The newest stands at the end; each outcome has its colour and its height, and is counted.
    """
    schedule = make_schedule()
    make_run("failed", fire=fire_at(schedule, 3))
    make_run("succeeded", fire=fire_at(schedule, 2))
    fire_at(schedule, 1, state=Fire.State.MISSED)

    outcomes = last_outcomes([schedule])[schedule.pk]
    picture = sparkline(outcomes)

    assert [outcome.kind for outcome in outcomes] == ["bad", "good", "warn"]
    assert "<title>Last 3 fires: failed 1, succeeded 1, missed 1</title>" in picture
    places = re.findall(r'fill-(\w+)" d="M(\d+) ', picture)
    assert sorted(places, key=lambda each: int(each[1])) == [
        ("bad", "228"),
        ("good", "232"),
        ("warn", "236"),
    ]
    assert "style=" not in picture


def test_only_the_last_sixty_are_shown():
    """
    Older ones are not read.
    """
    schedule = make_schedule()
    for number in range(63):
        state = Fire.State.MISSED if number >= 60 else Fire.State.PUBLISHED
        fire_at(schedule, number, state=state)

    outcomes = last_outcomes([schedule])[schedule.pk]

    assert len(outcomes) == 60
    assert {outcome.words for outcome in outcomes} == {"published"}


def test_schedule_that_never_fired_has_no_picture(boss):
    """
    There is nothing to draw.
    """
    make_schedule()

    assert sparkline([]) == "-"
    assert "recurring-jobs-sparkline" not in boss.get(LIST).content.decode()


def test_queries_do_not_grow_with_schedules_nor_fires(boss):
    """
    A page of many schedules costs as many queries as one of one.
    """
    counts = []
    for number in range(5):
        schedule = make_schedule(f"schedule {number}")
        for ago in range(4):
            make_run("succeeded", fire=fire_at(schedule, ago))
        if number in {0, 4}:
            with CaptureQueriesContext(connection) as queries:
                page = boss.get(LIST)
            counts.append(len(queries))

    assert counts[0] == counts[1]
    assert page.content.decode().count("recurring-jobs-sparkline") == 5

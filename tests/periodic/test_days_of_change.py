"""The two days of the year on which clocks change, fired on a clock that is moved."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from recurring_jobs.models import Fire
from recurring_jobs.periodic import claiming, ledger, upcoming
from recurring_jobs.testing import ledger_problems

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
#: A zone, the day on which its clocks go forward, and the one on which they go back.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29), date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8), date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 10, 4), date(2026, 4, 5)),  # by half an hour
    ("America/Santiago", date(2026, 9, 6), date(2026, 4, 5)),  # at midnight
    ("Pacific/Chatham", date(2026, 9, 27), date(2026, 4, 5)),  # 12:45 ahead of UTC
    ("Africa/Cairo", date(2026, 4, 24), date(2026, 10, 30)),  # at midnight
]
if connection.vendor != "sqlite":
    CHANGES = CHANGES[:1]  # the arithmetic is the same on each
#: Local times that exist once, never or twice on these days, somewhere.
FIXED = ["0 0", "15 0", "45 1", "30 2", "10 3", "0 12"]


def run_through(day: date, zone: ZoneInfo) -> None:
    """Move the clock from fire to fire, from noon the day before to noon the day after."""
    now = datetime.combine(day - DAY, time(12), zone).astimezone(UTC)
    end = datetime.combine(day + DAY, time(12), zone).astimezone(UTC)
    PeriodicTask.objects.update(date_changed=now)
    upcoming.apply_changes(now=now, using="default", limit=99)
    while (now := upcoming_fire()) <= end:
        claims = claiming.claim_due(now=now, using="default", limit=99)
        ledger.mark_published(claims.fires, now=now, using="default")


def upcoming_fire() -> datetime:
    at = ledger.earliest_look(using="default")
    assert at is not None
    return at


@pytest.mark.parametrize("change", [1, 2], ids=["forward", "back"])
@pytest.mark.parametrize("case", CHANGES, ids=[case[0] for case in CHANGES])
def test_each_slot_is_fired_once_where_clocks_change(case, change):
    """
    A fixed time fires once on that day, in a gap moved forward; each quarter of an hour
    that really passes has one fire, none for what is skipped and two for what comes twice.
    """
    zone, day = ZoneInfo(case[0]), case[change]
    for minute, hour in (fixed.split() for fixed in FIXED):
        crontab = CrontabSchedule.objects.create(minute=minute, hour=hour, timezone=zone)
        PeriodicTask.objects.create(name=f"{hour}:{minute}", task="t", crontab=crontab)
    quarters = CrontabSchedule.objects.create(minute="*/15", hour="*", timezone=zone)
    PeriodicTask.objects.create(name="quarters", task="t", crontab=quarters)
    hours = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.create(name="hours", task="t", interval=hours)

    run_through(day, zone)

    fires: dict[str, list[datetime]] = {}
    for fire in Fire.objects.order_by("nominal_at").select_related("schedule__periodic_task"):
        fires.setdefault(fire.schedule.periodic_task.name, []).append(fire.nominal_at)
    for minute, hour in (fixed.split() for fixed in FIXED):
        found = fires[f"{hour}:{minute}"]
        # Of two such times the first, and in a gap the time as it would be before it.
        expected = datetime.combine(day, time(int(hour), int(minute)), zone).astimezone(UTC)
        assert found.count(expected) == 1
        assert len(found) == 2  # on the day, and once on the day before or after it
    for name, step in (("quarters", 15), ("hours", 60)):
        gaps = {after - before for before, after in zip(fires[name], fires[name][1:], strict=False)}
        assert gaps == {timedelta(minutes=step)}
    assert ledger_problems() == []

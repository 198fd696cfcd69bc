"""Changes of schedules, noted by the databases that projects use."""

from __future__ import annotations

import json

import pytest

from tests.live.processes import Host

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

CHANGES = """
import json
from django.db import connection
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from recurring_jobs.models import Schedule, ScheduleChange
from recurring_jobs.periodic import change_feed, upcoming
from recurring_jobs.periodic.clock import database_now

seen = {}

def note(name, change):
    change()
    seen[name] = sorted(ScheduleChange.objects.values_list("periodic_task_id", flat=True))
    upcoming.apply_changes(now=database_now("default"), using="default", limit=100)

def sql(text):
    with connection.cursor() as cursor:
        cursor.execute(text)

tasks = "django_celery_beat_periodictask"
crontab = CrontabSchedule.objects.create(minute="0", hour="9", timezone="UTC")
hourly = IntervalSchedule.objects.create(every=1, period="hours")
one = PeriodicTask.objects.create(name="one", task="t", crontab=crontab)
two = PeriodicTask.objects.create(name="two", task="t", crontab=crontab)
names = {one.pk: "one", two.pk: "two"}
note("created", lambda: None)
note("nothing", lambda: PeriodicTask.objects.update(total_run_count=3, last_run_at=None))
note("crontab", lambda: CrontabSchedule.objects.update(hour="10"))
note("same crontab", lambda: CrontabSchedule.objects.update(hour="10"))
note("disabled", lambda: PeriodicTask.objects.filter(name="one").update(enabled=False))
off = Schedule.objects.get(periodic_task=one).next_fire_at
note("sql", lambda: sql(f"UPDATE {tasks} SET enabled = (1=1) WHERE name = 'one'"))
on = Schedule.objects.get(periodic_task=one).next_fire_at
note("other", lambda: PeriodicTask.objects.filter(name="two").update(crontab=None, interval=hourly))
note("rule", lambda: Schedule.objects.filter(periodic_task=two).update(
    rule="FREQ=DAILY", rule_start="2026-01-01T00:00:00", rule_timezone="UTC"))
print(json.dumps({
    "installed": change_feed.is_installed("default"), "again": change_feed.install("default"),
    "seen": {name: [names[pk] for pk in ids] for name, ids in seen.items()},
    "off": off is None, "on": on is not None, "hour": on.hour,
    "left": Schedule.objects.filter(next_fire_at=None).count(),
}))
"""


@pytest.mark.parametrize(
    "server",
    [
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
    ],
)
def test_database_notes_what_was_changed_and_nothing_else(
    tmp_path, fresh_database, request, server
):
    """
    Whoever changes a task, its trigger or our row, by whatever way: it is noted, and only it.
    """
    url = fresh_database(request.getfixturevalue(f"{server}_url"))
    host = Host.on(tmp_path, database_url=url)
    host.manage("migrate", "-v", "0")

    told = json.loads(host.python(CHANGES).splitlines()[-1])

    assert told == {
        "installed": True,
        "again": True,
        "seen": {
            "created": ["one", "two"],
            "nothing": [],
            "crontab": ["one", "two"],
            "same crontab": [],
            "disabled": ["one"],
            "sql": ["one"],
            "other": ["two"],
            "rule": ["two"],
        },
        "off": True,
        "on": True,
        "hour": 10,
        "left": 0,
    }

"""The tables go and come back, and what is not ours stays as it was."""

from __future__ import annotations

import json

import pytest

from tests.live.processes import Host

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

FILL = """
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from recurring_jobs.models import DeadLetter, Fire, Run, Schedule
from recurring_jobs.periodic import claiming, upcoming
from tests.host.models import Todo
every, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
task = PeriodicTask.objects.create(name="report", task="host.add", interval=every)
now = timezone.now()
upcoming.refresh(now=now, using="default")
fires = claiming.claim_due(now=now + timezone.timedelta(hours=2), using="default", limit=9).fires
Run.objects.create(id=fires[0].task_id, task="host.add", fire=fires[0])
DeadLetter.objects.create(task="host.add", task_id="gone")
Todo.objects.create(title="kept", due_at=now, recurrence_rule="FREQ=DAILY")
""".replace("timezone.timedelta", "__import__('datetime').timedelta")
WITHOUT = """
from django_celery_beat.models import CrontabSchedule, PeriodicTask
task = PeriodicTask.objects.get(name="report")
task.interval, task.crontab = None, CrontabSchedule.objects.create(minute="5")
task.save()
PeriodicTask.objects.filter(name="report").update(enabled=False)
PeriodicTask.objects.filter(name="report").update(enabled=True)
print(PeriodicTask.objects.count())
"""
AGAIN = """
import json
from django.utils import timezone
from recurring_jobs.models import DeadLetter, Fire, Run, Schedule
from recurring_jobs.periodic import upcoming
from recurring_jobs.recurrence.occurrences import generate_occurrences
from recurring_jobs.testing import ledger_problems
from tests.host.models import Todo
upcoming.refresh(now=timezone.now(), using="default")
kept = [each.objects.count() for each in (Fire, Run, DeadLetter)]
fires_next = Schedule.objects.get(periodic_task__name="report").next_fire_at
made = generate_occurrences(Todo).created
print(json.dumps([kept, fires_next.minute, made, ledger_problems()]))
"""


@pytest.mark.parametrize(
    "server",
    [
        pytest.param("", id="sqlite"),
        pytest.param("postgres", marks=pytest.mark.postgres, id="postgres"),
        pytest.param("mariadb", marks=pytest.mark.mariadb, id="mariadb"),
    ],
)
def test_backwards_and_forwards_with_data(tmp_path, fresh_database, request, server):
    """
    Taken back, our tables are gone with their triggers: django-celery-beat's rows are there
    and can be edited. Brought again, they are empty and at work, and hosts' rows are kept.
    """
    url = fresh_database(request.getfixturevalue(f"{server}_url")) if server else ""
    host = Host.on(tmp_path, database_url=url)
    host.manage("migrate", "-v", "0")
    host.python(FILL)

    host.manage("migrate", "recurring_jobs", "zero", "-v", "0")
    tasks = host.python(WITHOUT)
    host.manage("migrate", "-v", "0")
    kept, minute, made, problems = json.loads(host.python(AGAIN).splitlines()[-1])

    assert int(tasks.splitlines()[-1]) >= 1
    assert (kept, minute, problems) == ([0, 0, 0], 5, [])
    assert made > 0

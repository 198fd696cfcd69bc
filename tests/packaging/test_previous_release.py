"""The code of the last release beside that of this one, as while a deploy goes on."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.docs.project import Project

ROOT = Path(__file__).parent.parent.parent
pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

#: An hour in the life of the tutorial's project: rows, fires, runs and letters are made,
#: those of whoever was here before are read and changed, and nothing is migrated.
HOUR = """
from datetime import timedelta
import recurring_jobs
from django.core.management import call_command
from django.utils import timezone
from recurring_jobs.models import DeadLetter, Fire, Schedule
from recurring_jobs.recurrence.occurrences import generate_occurrences
from recurring_jobs.runs.dead_letters import requeue
from recurring_jobs.testing import Clock, Worker, check_ledger
from todo.models import Task
from todo.tasks import send_reminder

start = timezone.now() + timedelta(hours={hour})
letters = DeadLetter.objects.count()
with Clock(start), Worker() as worker:
    call_command("setup_periodic_tasks")
    for template in Task.objects.templates():
        template.title += "!"
        template.save()
    made = Task.objects.create(title="Tidy", due_at=start, recurrence_rule="FREQ=DAILY")
    for letter in DeadLetter.objects.open():
        requeue(letter)
    send_reminder.delay(1)
    worker.run_until(start + timedelta(minutes=3))
rows = made.occurrences.count()
titles = set(Task.objects.occurrences().values_list("title", flat=True))
assert rows == 5, rows
assert titles == set(Task.objects.templates().values_list("title", flat=True)), titles
assert Fire.objects.filter(nominal_at__gt=start).count() == 3
assert DeadLetter.objects.count() - letters == {hour} + 1, (letters, DeadLetter.objects.count())
assert Schedule.objects.get().next_fire_at > start
check_ledger()
print("The hour went well, by", recurring_jobs.__file__)
"""


def newest_release() -> str:
    """Return the tag of the newest release that this checkout descends from, or nothing."""
    asked = ["git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD"]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip()


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """The source of the newest release."""
    tag = newest_release()
    if not tag:
        pytest.skip("There is no release yet whose code could run on these tables.")
    archive = subprocess.run(
        ["git", "archive", tag, "src"], cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(tmp_path / "previous", filter="data")
    return tmp_path / "previous" / "src"


def test_the_last_release_runs_on_the_tables_of_this_one(tmp_path, previous):
    """
    A deploy migrates first, so for a while old processes work on new tables, beside new ones.
    """
    (tmp_path / "site").mkdir()
    project = Project(tmp_path / "site")
    project.follow("tutorial.md")
    here = project.source

    for hour, source in enumerate([here, previous, here]):
        project.source = source
        said = project.python(HOUR.format(hour=hour)).splitlines()[-1]
        assert said == f"The hour went well, by {source}/recurring_jobs/__init__.py"

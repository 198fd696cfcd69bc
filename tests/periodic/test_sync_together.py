from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.live

ROUNDS = 10
TOGETHER = 4
ONE_CREATES = ["45 created, 0 unchanged.", *["45 unchanged."] * (TOGETHER - 1)]
#: What others left: the same crontab three times, one of them in use by a hand-made task.
DUPLICATES = """
from django_celery_beat.models import CrontabSchedule, PeriodicTask
rows = [CrontabSchedule.objects.create(minute="1", timezone="UTC") for _ in range(3)]
PeriodicTask.objects.create(name="mine", task="mine", crontab=rows[1])
"""
#: Everything but keys and times, which may differ from run to run.
ROWS = """
import json
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from recurring_jobs.models import Schedule
from recurring_jobs.periodic.beat_tables import loaded_tasks, trigger_of
tasks = {
    task.name: [
        task.task, task.args, task.kwargs, task.queue, task.priority, task.expire_seconds,
        task.enabled, str(trigger_of(task)),
        getattr(getattr(task, "recurring_schedule", None), "declared_in", None),
    ]
    for task in loaded_tasks("default")
}
models = (CrontabSchedule, IntervalSchedule, PeriodicTask, Schedule, SolarSchedule)
print(json.dumps([tasks, [model.objects.count() for model in models]]))
"""
#: Leaves the tables empty, in the order in which rows point to each other.
EMPTY = """
from django_celery_beat.models import (
    CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks, SolarSchedule
)
from recurring_jobs.models import Schedule
for model in (
    Schedule, PeriodicTask, PeriodicTasks, CrontabSchedule, IntervalSchedule, SolarSchedule
):
    model.objects.all()._raw_delete("default")
"""
#: Runs the service in children, each killed before its first, second, … statement, until one
#: comes through; prints what each left, and what the next quiet run had to do.
KILLED = """
import json, os, signal
from django.db import connection, connections
from recurring_jobs.models import Schedule
from recurring_jobs.periodic.sync import sync_schedules

EMPTY = {empty!r}

def child(fatal):
    statements = 0
    def count(execute, *arguments):
        nonlocal statements
        statements += 1
        if statements == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*arguments)
    with connection.execute_wrapper(count):
        sync_schedules()
    os._exit(0)

sync_schedules(dry_run=True)  # the task modules are loaded once, for all children
left, fatal, is_killed = [], 0, True
while is_killed:
    fatal += 1
    exec(EMPTY)
    exec({before!r})
    connections.close_all()
    pid = os.fork()
    if not pid:
        child(fatal)
    is_killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    rows = Schedule.objects.count()
    repaired = sync_schedules().counts()["create"]
    left.append([rows, repaired, sync_schedules().is_settled])
print(json.dumps(left))
"""
#: Runs the command in children that start at one moment, so many rounds; prints what each
#: said last, the rows that were left, and whether a check found something to do.
AT_ONCE = """
import io, json, os, time
from contextlib import redirect_stdout
from django.core.management import call_command
from django.db import connections
from recurring_jobs.periodic.sync import sync_schedules

def child(start_at, answer):
    out = io.StringIO()
    time.sleep(max(0, start_at - time.monotonic()))
    try:
        call_command("setup_periodic_tasks", stdout=out)
        said = out.getvalue().splitlines()[-1]
    except BaseException as error:
        said = repr(error)
    os.write(answer, said.encode())
    os._exit(0)

def together(number):
    connections.close_all()
    start_at, ends = time.monotonic() + 0.1, []
    for _ in range(number):
        end, answer = os.pipe()
        if not os.fork():
            child(start_at, answer)
        os.close(answer)
        ends.append(end)
    said = [os.fdopen(end).read() for end in ends]
    for _ in ends:
        os.wait()
    return sorted(said)

sync_schedules(dry_run=True)  # the task modules are loaded once, for all children
for _ in range({rounds}):
    exec({clear!r})
    said = together({together})
    rows = io.StringIO()
    with redirect_stdout(rows):
        exec({rows!r})
    print(json.dumps([said, json.loads(rows.getvalue()), sync_schedules().is_settled]))
"""


class Host:
    """The sample project on a database of its own, run by real processes."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "tests.periodic.sample_settings",
            "HOST_DIR": str(folder),
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.host.manage", *arguments]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def manage(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        assert not faults(err), err
        return out

    def run(self, code: str) -> str:
        return self.manage(*self.shell(code))

    def shell(self, code: str) -> tuple[str, ...]:
        return "shell", "--verbosity=0", "--no-imports", "-c", code

    def set_up_together(self, rounds: int, clear: str) -> list[Any]:
        """Run the command in several processes at once, after *clear*; see AT_ONCE."""
        code = AT_ONCE.format(rounds=rounds, together=TOGETHER, clear=clear, rows=ROWS)
        return [json.loads(line) for line in self.run(code).splitlines() if line.startswith("[[")]


def faults(err: str) -> list[str]:
    """Return the lines of stderr, but for those that tell of the duplicates."""
    return [line for line in err.splitlines() if "The oldest is used" not in line]


def migrated(database_url: str, folder: Path, before: str = "") -> Host:
    host = Host(database_url, folder)
    host.manage("migrate", "--verbosity=0")
    host.run(before)
    return host


def check_together(
    fresh_database: Callable[[str], str], server_url: str, folder: Path, before: str
) -> None:
    quiet = migrated(fresh_database(server_url), folder, before)
    quiet.manage("setup_periodic_tasks")
    expected = json.loads(quiet.run(ROWS))
    host = migrated(fresh_database(server_url), folder)

    rounds = host.set_up_together(ROUNDS, EMPTY + before)

    assert rounds == [[ONE_CREATES, expected, True]] * ROUNDS
    host.manage("setup_periodic_tasks", "--check")


def check_killed(host: Host, before: str) -> None:
    expected_rows = int(ONE_CREATES[0].split()[0])

    left = json.loads(host.run(KILLED.format(empty=EMPTY, before=before)))

    *killed, whole = left
    assert len(killed) > 10
    assert whole == [expected_rows, 0, True]
    for rows, repaired, is_settled in killed:
        assert rows + repaired == expected_rows
        assert rows in {0, expected_rows}
        assert is_settled
    host.manage("setup_periodic_tasks", "--check")


BEFORE = pytest.mark.parametrize(
    "before",
    [pytest.param("", id="from empty tables"), pytest.param(DUPLICATES, id="from duplicates")],
)


@BEFORE
@pytest.mark.postgres
@pytest.mark.timeout(300)
def test_four_deploys_at_once_on_postgresql(fresh_database, postgres_url, tmp_path, before):
    """
    Four processes at once leave the rows of one quiet run, without an error in any of them.
    """
    check_together(fresh_database, postgres_url, tmp_path, before)


@BEFORE
@pytest.mark.mariadb
@pytest.mark.timeout(300)
def test_four_deploys_at_once_on_mariadb(fresh_database, mariadb_url, tmp_path, before):
    """
    Four processes at once leave the rows of one quiet run, without an error in any of them.
    """
    check_together(fresh_database, mariadb_url, tmp_path, before)


@pytest.mark.timeout(300)
def test_four_deploys_at_once_on_sqlite(tmp_path):
    """
    Four processes at once on one file: one creates, the others wait and find nothing to do.
    """
    host = migrated(f"sqlite:///{tmp_path / 'host.sqlite3'}", tmp_path)

    ((said, _rows, is_settled),) = host.set_up_together(1, "")

    assert (said, is_settled) == (ONE_CREATES, True)
    host.manage("setup_periodic_tasks", "--check")


@BEFORE
@pytest.mark.postgres
@pytest.mark.timeout(300)
def test_killed_at_every_statement_on_postgresql(fresh_database, postgres_url, tmp_path, before):
    """
    A run killed at any statement leaves all or nothing, and the next one does the rest.
    """
    check_killed(migrated(fresh_database(postgres_url), tmp_path), before)


@BEFORE
@pytest.mark.mariadb
@pytest.mark.timeout(300)
def test_killed_at_every_statement_on_mariadb(fresh_database, mariadb_url, tmp_path, before):
    """
    A run killed at any statement leaves all or nothing, and the next one does the rest.
    """
    check_killed(migrated(fresh_database(mariadb_url), tmp_path), before)


@BEFORE
@pytest.mark.timeout(300)
def test_killed_at_every_statement_on_sqlite(tmp_path, before):
    """
    A run killed at any statement leaves all or nothing, and the next one does the rest.
    """
    check_killed(migrated(f"sqlite:///{tmp_path / 'host.sqlite3'}", tmp_path), before)

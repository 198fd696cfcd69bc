"""Each part of health, made unwell by stopping the real part; within 30 seconds it is told."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest

from recurring_jobs.inspection import DATABASE_PARTS
from tests.live.processes import Host, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

#: Seconds within which it is told.
TOLD = 30
#: Seconds that a busy machine may take to ask.
PATIENCE = 90

_SCHEDULE = """
from datetime import timedelta
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from recurring_jobs.models import Schedule
every, _ = IntervalSchedule.objects.get_or_create(every={every}, period="seconds")
task = PeriodicTask.objects.create(name="slot", task="host.add_tracked", interval=every,
    args="[1, 2]", queue="{queue}")
Schedule.objects.create(periodic_task=task)
"""
_STATE = """
import json
from datetime import UTC, datetime
from django.test import Client
from recurring_jobs.inspection import health
answer = Client().get("/jobs/health")
told = {{part.name: part.problem for part in health(datetime.fromtimestamp({at}, UTC))}}
print(json.dumps([answer.status_code, told]))
"""


@pytest.fixture
def host(tmp_path):
    """The host project on SQLite and a broker of files, its runs beating each second."""
    host = Host.on(tmp_path)
    host.env["HOST_HEARTBEAT"] = "2"
    host.manage("migrate", "-v", "0")
    yield host
    host.stop_all()


def state(host: Host, at: float | None = None) -> tuple[int, dict[str, str]]:
    """Return the status of GET health, and what is wrong with each part, now or at a time."""
    printed = host.python(_STATE.format(at=at or time.time()))
    status, told = json.loads(printed.splitlines()[-1])
    return status, {name: problem for name, problem in told.items() if problem}


def is_well(host: Host) -> bool:
    return state(host) == (200, {})


def told(host: Host, *parts: str, since: float) -> dict[str, str]:
    """
    Wait for GET health to answer 503, and return what was wrong 30 seconds after *since*.

    By the rows and not by a stop watch: to ask takes long where many tests run.
    """
    wait_until(lambda: state(host)[0] == 503, seconds=PATIENCE, what="503")
    found = state(host, at=since + TOLD)[1]
    assert set(parts) <= set(found)
    wait_until(lambda: set(parts) <= set(state(host)[1]), seconds=PATIENCE, what="each part")
    return found


def exit_code(host: Host, *parts: str) -> int:
    return host.run("recurring_jobs", "health", *parts).returncode


def test_no_beat_and_then_overdue_fires(host):
    """A beat that is killed is missed, and so are the fires that it should have sent."""
    host.python(_SCHEDULE.format(every=2, queue="celery"))
    host.worker()
    beat = host.beat()
    wait_until(lambda: "succeeded in" in host.processes[0].output(), seconds=60, what="a run")
    wait_until(lambda: is_well(host), seconds=60, what="all to be well")

    beat.kill()
    killed_at = time.time()
    told(host, "beats", since=killed_at)
    # The fire that is overdue had its time up to two seconds later.
    told(host, "beats", "schedules", since=killed_at + 2)

    assert exit_code(host) == exit_code(host, "beats") == exit_code(host, "schedules") == 1
    assert exit_code(host, "migrations") == 0


def test_no_worker_for_a_queue_that_has_work(host):
    """The only worker of a queue is killed, runs wait in it, and one of another queue helps not."""
    host.worker("-Q", "other")
    worker = host.worker("-Q", "reports")
    trigger = (
        "from tests.host.tasks import add_tracked\n"
        "from recurring_jobs.inspection import loaded_app, trigger_task\n"
        "loaded_app().conf.task_routes = {'host.add_tracked': {'queue': 'reports'}}\n"
        "trigger_task(loaded_app(), 'host.add_tracked', [1, 2])"
    )
    host.python(trigger)
    wait_until(lambda: "succeeded in" in worker.output(), seconds=60, what="a run")
    wait_until(lambda: is_well(host), seconds=60, what="all to be well")

    worker.kill()
    host.python(trigger)
    found = told(host, "workers", since=time.time())

    assert found["workers"] == "Runs wait in reports, and no worker consumes that."
    assert exit_code(host, "workers") == 1
    host.worker("-Q", "reports")
    wait_until(lambda: is_well(host), seconds=60, what="all to be well again")


def test_worker_that_ends_as_it_should_leaves_no_row(host):
    """A worker is on the list while it runs, with its queues."""
    rows = (
        "from recurring_jobs.models import Worker\n"
        "print(list(Worker.objects.values_list('queues', flat=True)))"
    )
    worker = host.worker("-Q", "one,two")

    wait_until(lambda: "[['one', 'two']]" in host.python(rows), seconds=60, what="the worker's row")
    worker.stop()

    assert host.python(rows).strip().endswith("[]")


def test_stuck_runs(host, tmp_path):
    """With heartbeats as they come: a run whose worker was killed, and nobody takes it up."""
    del host.env["HOST_HEARTBEAT"]
    worker = host.worker()
    diary = tmp_path / "diary"
    host.python(f"from tests.host.tasks import lingers; lingers.delay('{diary}', '{tmp_path}/go')")
    wait_until(diary.exists, seconds=40, what="the run")

    time.sleep(TOLD / 2)  # long enough for a heartbeat
    assert state(host) == (200, {})

    worker.kill()
    killed_at = time.time()
    asked_at = []

    def is_told() -> bool:
        asked_at.append(time.time() - killed_at)
        return state(host)[0] == 503

    wait_until(is_told, seconds=TOLD + PATIENCE, what="503")

    # By when it was asked, since an answer takes long where many tests run.
    assert [at for at in asked_at[:-1] if at >= TOLD] == []
    assert set(state(host)[1]) == {"runs"}
    assert exit_code(host, "runs") == 1


@pytest.mark.faketime
@pytest.mark.postgres
def test_clock_of_a_host_that_is_wrong(tmp_path, migrated_database, faketime):
    """A beat whose host is five seconds ahead is told, by the database's clock."""
    host = Host.on(tmp_path, database_url=migrated_database)
    clock = tmp_path / "clock"
    clock.write_text("+5s\n")
    try:
        host.start(
            *("tests.live.moved_clock", "-A", "tests.host", "beat", "-l", "info"),
            f"--pidfile={clock}.pid",
            env={
                "LD_PRELOAD": faketime,
                "DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_TIMESTAMP_FILE": str(clock),
            },
        )
        wait_until(lambda: state(host)[0] == 503, seconds=PATIENCE, what="503")
        found = state(host)[1]
    finally:
        host.stop_all()

    assert "is +" in found["clocks"]
    assert (
        timedelta(seconds=4)
        < timedelta(seconds=float(found["clocks"].split()[-3]))
        < timedelta(seconds=6)
    )


def test_migrations_missing(tmp_path):
    """Before migrate, and not after."""
    host = Host.on(tmp_path)
    before = exit_code(host, "migrations")
    host.manage("migrate", "-v", "0")

    assert (before, exit_code(host, "migrations")) == (1, 0)
    assert set(DATABASE_PARTS) > {"migrations"}

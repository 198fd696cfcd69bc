"""Fires that meet a run which is still at work, on real workers that are killed."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.live.beats import MARIADB_AND_RABBITMQ, POSTGRES_AND_REDIS, seconds_of, stage
from tests.live.faults import HEARTBEAT
from tests.live.processes import Host, Process, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

DECLARE = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import upcoming
from recurring_jobs.periodic.clock import database_now
two, _ = IntervalSchedule.objects.get_or_create(every=2, period="seconds")
PeriodicTask.objects.create(name="work", task="live.works", interval=two, kwargs='{kwargs}',
                            queue="{queue}")
upcoming.apply_changes(now=database_now("default"), using="default", limit=9)
Schedule.objects.update(overlap="{overlap}")
"""
SHOW = """
import json
from recurring_jobs.models import Fire, Run
print(json.dumps({
    "fires": list(Fire.objects.order_by("nominal_at").values_list("state", flat=True)),
    "runs": [[r.state, r.started_at.timestamp() if r.started_at else None,
              r.finished_at.timestamp() if r.finished_at else None, r.exception]
             for r in Run.objects.order_by("started_at")],
}))
"""


def show(host: Host) -> dict:
    return json.loads(host.python(SHOW).splitlines()[-1])


def gave_way(host: Host) -> list[list]:
    """Return the runs that began and have ended; a slow worker's are ended before they begin."""
    return [run for run in show(host)["runs"] if run[1] and run[2]]


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize(
    ("overlap", "kwargs", "state"),
    [
        pytest.param("cancel_other", '{"seconds": 60}', "succeeded", id="asked"),
        pytest.param("terminate_other", '{"seconds": -60}', "failed", id="killed"),
    ],
)
def test_running_one_gives_way_to_the_next(
    tmp_path, fresh_database, postgres_url, redis_url, overlap, kwargs, state
):
    """
    A run that would go on for a minute ends as soon as the next fire is due, which then runs.
    """
    host = Host.on(tmp_path, database_url=fresh_database(postgres_url), broker_url=redis_url)
    host.manage("migrate", "-v", "0")
    queue = f"overlap-{uuid4().hex}"
    code = DECLARE.replace("{kwargs}", kwargs).replace("{overlap}", overlap)
    host.python(code.replace("{queue}", queue))
    try:
        host.worker("-Q", queue, "-I", "tests.live.overlap_tasks")
        host.beat()
        wait_until(lambda: len(gave_way(host)) >= 2, seconds=90, what="two runs to give way")
    finally:
        host.stop_all()

    first, second = gave_way(host)[:2]
    assert (first[0], second[0]) == (state, state)
    assert first[2] <= second[1] + 0.5


RUNS = """
SELECT task.name, run.state, run.started_at, run.finished_at
FROM recurring_jobs_run run
JOIN recurring_jobs_fire fire ON fire.id = run.fire_id
JOIN recurring_jobs_schedule schedule ON schedule.id = fire.schedule_id
JOIN django_celery_beat_periodictask task ON task.id = schedule.periodic_task_id
"""


@pytest.mark.parametrize(("database", "broker"), [POSTGRES_AND_REDIS, MARIADB_AND_RABBITMQ])
def test_killed_run_does_not_stop_its_schedule(tmp_path, fresh_database, request, database, broker):
    """
    The workers are killed while a run of each overlap policy is at work: each schedule goes
    on, and but for those that allow it no two runs of one schedule are at work at once.
    """
    url = fresh_database(request.getfixturevalue(f"{database}_url"))
    policies = ["allow", "skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other"]
    at_once: list[tuple] = []
    with stage(tmp_path, url, broker, env={"HOST_HEARTBEAT": str(HEARTBEAT)}) as on:
        on.declare(
            {name: {"overlap": name} for name in policies},
            task="live.works",
            every=4,
            kwargs={name: {"seconds": 5 if name == "cancel_other" else -5} for name in policies},
        )

        def rows() -> dict[str, list[tuple]]:
            found: dict[str, list[tuple]] = {name: [] for name in policies}
            for name, *row in on.rows(RUNS):
                found[name].append(tuple(row))
            for name in policies[1:]:
                working = [row for row in found[name] if row[0] == "running"]
                at_once.extend((name, working) for _ in working[1:])
            return found

        def work() -> Process:
            return on.host.worker("-Q", on.queue, "-I", "tests.live.overlap_tasks", "-c", "8")

        worker = work()
        on.host.beat()
        on.wait_for(
            lambda: all(any(row[0] == "running" for row in each) for each in rows().values()),
            what="a run of each schedule",
        )
        worker.kill()
        killed_at = on.now()
        work()
        on.wait_for(
            lambda: all(
                any(row[1] and row[2] and seconds_of(row[1]) > killed_at + 2 for row in each)
                for each in rows().values()
            ),
            what="a later run of each schedule to end",
            seconds=90,
        )
        on.host.stop_all()

        problems = on.problems()

    assert problems == []
    assert at_once == []

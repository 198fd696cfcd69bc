"""The traps of Celery that need a broker: see tests/runs/test_traps.py for the others."""

from __future__ import annotations

import pytest

from tests.live.faults import scene
from tests.live.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.postgres, pytest.mark.timeout(300)]

#: Redis hands out again, after two seconds, what nobody has acknowledged.
HASTY = {"visibility_timeout": 2, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}


@pytest.mark.redis
def test_10_a_wait_longer_than_the_visibility_timeout_runs_once(tmp_path, migrated_database):
    """
    Redis hands out the message of a run that waits; a plain task runs for each copy.
    """
    with scene(tmp_path, broker="redis", database_url=migrated_database, transport=HASTY) as stage:
        stage.worker("first", "-c", "2")
        stage.worker("second", "-c", "2")
        stage.send(
            [
                {"task": task, "args": [str(stage.diary)], "task_id": run_id, "countdown": 6}
                for run_id, task in (("plain", "host.plain_delayed"), ("ours", "host.delayed"))
            ]
        )

        wait_until(
            lambda: (
                stage.count("start")["plain"] > 1
                and stage.said("recurring_jobs.run.duplicate") >= 1
            ),
            seconds=60,
            what="copies of both",
        )
        runs = stage.wait_for_end({"ours"})

    assert stage.count("start")["ours"] == 1
    assert runs["ours"] == ("succeeded", 0)


@pytest.mark.parametrize(
    "broker",
    [
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
    ],
)
def test_11_a_worker_killed_between_retry_and_acknowledgement_runs_no_attempt_again(
    tmp_path, migrated_database, broker
):
    """
    Both messages are there then, of the attempt that failed and of the next. A plain task
    runs either, and the first asks for a retry once more; ours runs the next alone.
    """
    transport = HASTY if broker == "redis" else None
    with scene(
        tmp_path, broker=broker, database_url=migrated_database, transport=transport
    ) as stage:
        for run_id, task in (
            ("plain", "host.plain_killed_after_retry"),
            ("ours", "host.killed_after_retry"),
        ):
            doomed = stage.worker(f"doomed-{run_id}", "-c", "1")
            stage.send([{"task": task, "args": [str(stage.diary)], "task_id": run_id}])
            wait_until(lambda worker=doomed: not worker.is_alive, seconds=60, what="the kill")
            assert stage.count("start")[run_id] == 1

        stage.worker("second", "-c", "1")
        wait_until(lambda: stage.count("start")["plain"] == 4, seconds=60, what="both messages")
        stage.wait_until_said("recurring_jobs.run.duplicate", 1)
        runs = stage.wait_for_end({"ours"})

    assert stage.count("start") == {"plain": 4, "ours": 2}
    assert runs == {"ours": ("succeeded", 0)}

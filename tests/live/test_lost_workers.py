"""Workers that are killed or stopped under their runs: each run is accounted for."""

from __future__ import annotations

import os
import signal

import pytest

from tests.live.faults import kill_pids, scene

pytestmark = [pytest.mark.live, pytest.mark.postgres, pytest.mark.timeout(300)]

BROKERS = [
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
]
IDS = {"late-1", "late-2", "early-1", "early-2"}


def send_four(stage) -> None:
    """Send two runs that are acknowledged late and two that are early."""
    stage.send(
        [
            {
                "task": "host.lingers" if run_id.startswith("late") else "host.lingers_early",
                "args": [str(stage.diary), str(stage.gate)],
                "task_id": run_id,
            }
            for run_id in sorted(IDS)
        ]
    )
    stage.wait_for_starts(4)


@pytest.mark.parametrize("broker", BROKERS)
@pytest.mark.parametrize("whom", ["child", "worker", "both"])
def test_a_killed_worker_loses_no_run(tmp_path, fresh_database, postgres_url, broker, whom):
    """
    With kill -9 of the children, of their parent or of all, each run starts once more.

    That holds for late and early acknowledgement; where the broker sends the message
    again too, that copy is not run.
    """
    with scene(tmp_path, broker=broker, database_url=fresh_database(postgres_url)) as stage:
        first = stage.worker("first", "-c", "4")
        send_four(stage)

        if whom == "child":
            kill_pids({int(pid) for _what, _run, pid in stage.lines()})
        elif whom == "worker":
            os.kill(first.popen.pid, signal.SIGKILL)
            first.popen.wait(10)
        else:
            first.kill()
        if whom != "child":
            stage.worker("second", "-c", "4")
        stage.wait_for_starts(8)
        stage.gate.touch()

        runs = stage.wait_for_end(IDS)

    assert runs == dict.fromkeys(IDS, ("succeeded", 1))
    assert stage.count("start") == dict.fromkeys(IDS, 2)
    assert stage.count("end") == dict.fromkeys(IDS, 1)
    assert stage.letters() == {}

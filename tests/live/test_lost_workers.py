"""Workers that are killed or stopped under their runs: each run is accounted for."""

from __future__ import annotations

import os
import signal

import pytest

from recurring_jobs.runs.heartbeats import LEASE
from tests.live.faults import HEARTBEAT, kill_pids, scene
from tests.live.processes import require_pool, wait_until

pytestmark = [pytest.mark.live, pytest.mark.postgres, pytest.mark.timeout(300)]

BROKERS = [
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
]
#: For how many seconds the run with the fewest beats has shown that it is alive.
BEATEN_FOR = """
SELECT EXTRACT(EPOCH FROM min(heartbeat_at - started_at)) FROM recurring_jobs_run
"""
#: What a person does, and the process is killed in the middle of it.
ASKED = (
    "requeue(DeadLetter.objects.create(task_id='gave-up', **known))",
    "send_again(Run.objects.create(id='ended', state='succeeded', **known))",
    "trigger_task(app, 'host.add_tracked', [1, 2])",
)
KILLED_SENDING = """
import os, signal
from kombu import Producer
from recurring_jobs.inspection import trigger_task
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs.dead_letters import requeue
from recurring_jobs.runs.resending import send_again
from tests.host.celery import app
known = {{"task": "host.add_tracked", "args": [1, 2], "queue": {queue!r}}}
Producer.publish = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
{action}
"""
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
def test_a_killed_worker_loses_no_run(tmp_path, migrated_database, broker, whom):
    """
    With kill -9 of the children, of their parent or of all, each run starts once more.

    That holds for late and early acknowledgement; where the broker sends the message
    again too, that copy is not run.
    """
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
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


@pytest.mark.redis
@pytest.mark.parametrize("pool", ["threads", "gevent"])
def test_a_pool_without_children_loses_no_run(tmp_path, migrated_database, pool):
    """
    In threads and greenlets runs beat beyond their lease, and start once more after kill -9.

    The worker that finds them lost is of the same pool.
    """
    require_pool(pool)
    with scene(tmp_path, broker="redis", database_url=migrated_database) as stage:
        first = stage.worker("first", "-c", "4", "-P", pool)
        send_four(stage)
        stage.worker("second", "-c", "4", "-P", pool)
        wait_until(
            lambda: stage.rows(BEATEN_FOR)[0][0] > 2 * LEASE * HEARTBEAT,
            seconds=60,
            what="beats beyond the lease",
        )
        assert stage.said("recurring_jobs.run.lost") == 0

        first.kill()
        stage.wait_for_starts(8)
        stage.gate.touch()

        runs = stage.wait_for_end(IDS)

    assert runs == dict.fromkeys(IDS, ("succeeded", 1))
    assert stage.count("start") == dict.fromkeys(IDS, 2)
    assert stage.count("end") == dict.fromkeys(IDS, 1)
    assert stage.letters() == {}


@pytest.mark.parametrize("broker", BROKERS)
def test_a_worker_that_is_asked_to_end_finishes_its_runs(tmp_path, migrated_database, broker):
    """
    SIGTERM, as a deployment sends it, loses nothing and runs nothing again.
    """
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
        first = stage.worker("first", "-c", "4")
        send_four(stage)

        first.popen.send_signal(signal.SIGTERM)
        stage.wait_until_said("Warm shutdown", 1)
        stage.gate.touch()

        runs = stage.wait_for_end(IDS)

    assert runs == dict.fromkeys(IDS, ("succeeded", 0))
    assert stage.count("start") == dict.fromkeys(IDS, 1)
    assert stage.letters() == {}


@pytest.mark.parametrize("broker", BROKERS)
def test_a_worker_that_is_told_to_end_at_once_loses_no_run(tmp_path, migrated_database, broker):
    """
    After SIGQUIT each run starts once more, with another worker.
    """
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
        first = stage.worker("first", "-c", "4")
        send_four(stage)

        first.popen.send_signal(signal.SIGQUIT)
        wait_until(lambda: not first.is_alive, seconds=60, what="the worker to end")
        stage.worker("second", "-c", "4")
        stage.wait_for_starts(8)
        stage.gate.touch()

        runs = stage.wait_for_end(IDS)

    assert {run_id: state for run_id, (state, _) in runs.items()} == dict.fromkeys(IDS, "succeeded")
    assert stage.count("start") == dict.fromkeys(IDS, 2)
    assert stage.count("end") == dict.fromkeys(IDS, 1)
    assert stage.letters() == {}


@pytest.mark.parametrize("broker", BROKERS)
def test_a_worker_that_wakes_late_is_not_believed(tmp_path, migrated_database, broker):
    """
    A worker stopped for longer than its lease finds its runs taken, and says nothing of them.

    RabbitMQ may have handed it some of the messages that were sent again; it starts those
    as any worker would.
    """
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
        first = stage.worker("first", "-c", "8")
        send_four(stage)

        first.send(signal.SIGSTOP)
        stage.worker("second", "-c", "4")
        stage.wait_until_said("recurring_jobs.run.lost", 4)
        first.send(signal.SIGCONT)
        stage.wait_for_starts(8)
        stage.gate.touch()

        runs = stage.wait_for_end(IDS)
        stage.wait_until_said("recurring_jobs.run.overtaken", 4)
        assert stage.runs() == runs

    assert runs == dict.fromkeys(IDS, ("succeeded", 1))
    assert stage.count("start") == dict.fromkeys(IDS, 2)
    assert stage.letters() == {}


@pytest.mark.parametrize("broker", BROKERS)
def test_a_poison_message_ends_and_the_healthy_go_on(tmp_path, migrated_database, broker):
    """
    A task that kills its process does so three times; the twenty beside it succeed.
    """
    healthy = {f"healthy-{number}" for number in range(20)}
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
        stage.send(
            [
                {"task": "host.kills", "args": [str(stage.diary)], "task_id": "poison"},
                *(
                    {"task": "host.add_tracked", "args": [1, 2], "task_id": run_id}
                    for run_id in sorted(healthy)
                ),
            ]
        )
        stage.worker("only", "-c", "2")

        runs = stage.wait_for_end({"poison", *healthy})
        letters = stage.letters()

    assert runs == {**dict.fromkeys(healthy, ("succeeded", 0)), "poison": ("lost", 3)}
    assert stage.count("start") == {"poison": 3}
    assert list(letters) == ["poison"]
    assert "The worker was lost 3 times" in letters["poison"]


@pytest.mark.parametrize("broker", BROKERS)
def test_what_a_person_sent_is_sent_after_kill_9(tmp_path, migrated_database, broker):
    """
    Killed after the commit, as their message was about to go out: a letter, a run and a
    triggered task are sent by a worker, once each.
    """
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
        for action in ASKED:
            script = KILLED_SENDING.format(queue=stage.queue, action=action)
            done = stage.host.run("shell", "--no-imports", "-c", script)
            assert done.returncode == -signal.SIGKILL, done.stderr
        ids = set(stage.runs()) - {"ended"}
        assert (len(ids), {stage.runs()[run_id][0] for run_id in ids}) == (3, {"queued"})

        queues = ("-Q", f"{stage.queue},celery")
        stage.worker("first", *queues)
        runs = stage.wait_for_end(ids)
        # A second message would have come by then.
        stage.worker("second", *queues)

    assert {run_id: runs[run_id] for run_id in ids} == dict.fromkeys(ids, ("succeeded", 0))
    assert [stage.said(f"[{run_id}] received") for run_id in ids] == [1, 1, 1]
    assert stage.letters() == {"gave-up": ""}

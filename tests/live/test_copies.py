"""Messages that come more often than once, and outcomes that cannot be written."""

from __future__ import annotations

import json
import signal

import pytest

from tests.live.faults import scene
from tests.live.processes import wait_until
from tests.live.proxy import Proxy

pytestmark = [pytest.mark.live, pytest.mark.postgres, pytest.mark.timeout(300)]

BROKERS = [
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
]

REQUEUE = """
import json
from recurring_jobs.models import DeadLetter
from recurring_jobs.runs import dead_letters
letters = list(DeadLetter.objects.open())
print(json.dumps({letter.task_id: dead_letters.requeue(letter) for letter in letters}))
"""


@pytest.mark.parametrize("broker", BROKERS)
def test_ten_copies_of_a_message_run_once(tmp_path, migrated_database, broker):
    """
    The same message ten times at once, on two workers: one start, nine that are dropped.
    """
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
        arguments = [str(stage.diary), str(stage.gate)]
        stage.send([{"task": "host.lingers", "args": arguments, "task_id": "one"}] * 10)

        stage.worker("first", "-c", "5")
        stage.worker("second", "-c", "5")
        stage.wait_until_said("recurring_jobs.run.duplicate", 9)
        stage.gate.touch()

        runs = stage.wait_for_end({"one"})

    assert runs == {"one": ("succeeded", 0)}
    assert stage.count("start") == {"one": 1}


@pytest.mark.redis
def test_a_visibility_timeout_shorter_than_the_task_runs_nothing_again(tmp_path, migrated_database):
    """
    Redis hands out the message of a run that is still going on; the copies do nothing.
    """
    hasty = {
        "visibility_timeout": 2,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }
    with scene(tmp_path, broker="redis", database_url=migrated_database, transport=hasty) as stage:
        stage.worker("first", "-c", "2")
        arguments = [str(stage.diary), str(stage.gate)]
        stage.send([{"task": "host.lingers", "args": arguments, "task_id": "slow"}])
        stage.worker("second", "-c", "2")

        stage.wait_until_said("recurring_jobs.run.duplicate", 1)
        stage.gate.touch()

        runs = stage.wait_for_end({"slow"})
        results = stage.rows("SELECT task_id, status FROM django_celery_results_taskresult")

    assert runs == {"slow": ("succeeded", 0)}
    assert stage.count("start") == {"slow": 1}
    assert results == [("slow", "SUCCESS")]


@pytest.mark.parametrize(
    ("ignore_result", "said"),
    [
        pytest.param(True, "recurring_jobs.run.owed", id="without result"),
        # It cannot be stored either, and Celery drops the message of what it takes for failed.
        # Were the database back before it has tried to store that, it would be failed.
        pytest.param(False, "OperationalError('connection failed", id="with result"),
    ],
)
@pytest.mark.parametrize("broker", BROKERS)
def test_an_outcome_is_told_when_the_database_is_back(
    tmp_path, migrated_database, broker, ignore_result, said
):
    """
    With the database away as a run ends, its success is on record later, and it ran once.
    """
    proxy = Proxy(migrated_database)
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
        stage.host.env["DATABASE_URL"] = proxy.url
        stage.worker("first", "-c", "2")
        stage.worker("second", "-c", "2")
        arguments = [str(stage.diary), str(stage.gate)]
        stage.send(
            [
                {
                    "task": "host.lingers",
                    "args": arguments,
                    "task_id": "told-late",
                    "ignore_result": ignore_result,
                }
            ]
        )
        stage.wait_for_starts(1)

        proxy.close()
        stage.gate.touch()
        stage.wait_until_said(said, 1)
        assert stage.runs() == {"told-late": ("running", 0)}
        proxy.open()

        runs = stage.wait_for_end({"told-late"})
        stage.host.env["DATABASE_URL"] = migrated_database
    proxy.end()

    assert runs == {"told-late": ("succeeded", 0)}
    assert stage.count("start") == {"told-late": 1}


@pytest.mark.parametrize("broker", BROKERS)
def test_a_task_that_old_workers_do_not_know_is_not_lost(tmp_path, migrated_database, broker):
    """
    In a rolling restart what an old worker gets is a dead letter, and is sent again.
    """
    sent = {f"new-{number}" for number in range(20)}
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
        old = stage.worker("old", "-c", "2")
        stage.host.env["HOST_NEW_TASK"] = "1"
        stage.worker("new", "-c", "2")
        stage.send(
            [
                {"task": "host.new", "args": [str(stage.diary)], "task_id": run_id}
                for run_id in sorted(sent)
            ]
        )

        wait_until(
            lambda: set(stage.letters()) | set(stage.count("start")) == sent,
            seconds=60,
            what=f"twenty runs or letters: {stage.letters()}, {stage.runs()}",
        )
        letters = set(stage.letters())
        old.popen.send_signal(signal.SIGTERM)
        wait_until(lambda: not old.is_alive, seconds=60, what="the old worker to end")
        requeued = json.loads(stage.host.python(REQUEUE).splitlines()[-1])

        runs = stage.wait_for_end((sent - letters) | set(requeued.values()))

    assert set(requeued) == letters
    assert {state for state, _ in runs.values()} == {"succeeded"}
    assert set(stage.count("start").values()) == {1}
    assert len(stage.count("start")) == len(sent)

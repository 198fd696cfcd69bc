"""Runs and dead letters of a real worker, which is killed where that is the question."""

from __future__ import annotations

import json
import os
from uuid import uuid4

import pytest

from tests.live.processes import Host, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

SEND = """
from tests.host import tasks
options = {{"queue": {queue!r}}}
tasks.always_fails.apply_async(("moon",), task_id="always-fails", **options)
tasks.recovers.apply_async((1,), task_id="recovers", **options)
tasks.waits.apply_async(task_id="waits", **options)
tasks.hands_over.apply_async(task_id="handed", **options)
tasks.rejects.apply_async(task_id="rejects", **options)
tasks.logs_in.apply_async(("bob", "hunter2"), task_id="secret", **options)
tasks.add.app.send_task(
    "elsewhere.pay", [1], {{"token": "hunter2"}}, task_id="unknown", **options
)
"""

#: Children of the pool that are killed. Not with files: where a transport has no event loop,
#: Celery's pool has one queue for the results of all children, and one that is killed may
#: take its lock along, so that the others wait for ever.
SEND_KILLED = """
tasks.sleeps.apply_async(task_id="hard-limit", **options)
tasks.kills_its_worker.apply_async(({marker!r},), task_id="killed", **options)
"""

REPORT = """
import json
from django.core import serializers
from django_celery_results.models import TaskResult
from recurring_jobs.models import DeadLetter, Run
letters = {letter.task_id: letter for letter in DeadLetter.objects.all()}
rows = serializers.serialize("json", [*Run.objects.all(), *letters.values()])
results = json.dumps(list(TaskResult.objects.values_list("task_args", "task_kwargs")))
print(json.dumps({
    "letters": sorted(letters),
    "count": DeadLetter.objects.count(),
    "attempts": {key: each.attempts for key, each in letters.items()},
    "tracebacks": {key: len(each.tracebacks) for key, each in letters.items()},
    "types": {key: each.exception_type for key, each in letters.items()},
    "queues": {key: each.queue for key, each in letters.items()},
    "results": {each.task_id: each.status for each in TaskResult.objects.all()},
    "runs": {each.pk: [each.state, each.attempt, each.retried_from] for each in Run.objects.all()},
    "leaked": "hunter2" in rows + results,
}))
"""

REQUEUE = """
import json
import threading
from django.db import connection
from recurring_jobs.models import DeadLetter
from recurring_jobs.runs import dead_letters
letter = DeadLetter.objects.get(task_id="always-fails")
barrier = threading.Barrier(4)
ids = []
def click():
    barrier.wait()
    try:
        ids.append(dead_letters.requeue(letter.pk))
    finally:
        connection.close()
threads = [threading.Thread(target=click) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(ids))
"""

BROKERS = [
    pytest.param("", id="files"),
    pytest.param("redis", id="redis", marks=pytest.mark.redis),
    pytest.param("rabbitmq", id="rabbitmq", marks=pytest.mark.rabbitmq),
]


def report_of(host: Host) -> dict:
    return json.loads(host.python(REPORT).splitlines()[-1])


@pytest.mark.parametrize("broker", BROKERS)
def test_each_end_is_on_record_once(tmp_path, broker):
    """
    A worker leaves one dead letter for each run that ends badly, and none for the others.

    Of four people who requeue at once, one sends; what fails again is a new letter.
    """
    url = os.environ[f"{broker.upper()}_URL"] if broker else ""
    host = Host.on(tmp_path, broker_url=url)
    host.manage("migrate", "-v", "0")
    queue = f"runs-{uuid4().hex[:8]}"
    host.worker("-Q", queue)
    try:
        marker = str(tmp_path / "killed-once")
        killed = SEND_KILLED.format(marker=marker) if broker else ""
        host.python(SEND.format(queue=queue) + killed)

        bad = ["always-fails", "rejects", "secret", "unknown"]
        good = {"handed", "recovers", "waits"}
        if broker:
            bad, good = sorted([*bad, "hard-limit"]), good | {"killed"}
        wait_until(
            lambda: (
                (now := report_of(host))["letters"] == bad
                and {key for key, state in now["results"].items() if state == "SUCCESS"} == good
            ),
            seconds=90,
            what="every run to end",
        )
        report = report_of(host)
        assert report["count"] == len(bad)
        attempts = {"always-fails": 3, "hard-limit": 1, "rejects": 1, "secret": 3, "unknown": 1}
        assert report["attempts"] == {name: attempts[name] for name in bad}
        assert report["tracebacks"]["always-fails"] == 3
        if broker:
            assert report["types"]["hard-limit"] == "billiard.exceptions.TimeLimitExceeded"
        assert set(report["queues"].values()) == {queue}
        runs = {
            "handed": ["succeeded", 2, ""],
            "killed": ["succeeded", 1, ""],
            "recovers": ["succeeded", 2, ""],
            "secret": ["failed", 3, ""],
        }
        assert report["runs"] == {name: runs[name] for name in runs if broker or name != "killed"}
        assert not report["leaked"]

        new_id, *others = json.loads(host.python(REQUEUE).splitlines()[-1])
        assert others == [new_id] * 3
        wait_until(
            lambda: new_id in report_of(host)["letters"], seconds=60, what="the second letter"
        )
        report = report_of(host)
        assert report["count"] == len(bad) + 1
        assert report["runs"][new_id] == ["failed", 3, "always-fails"]
    finally:
        host.stop_all()
        host.drop_queue(queue)

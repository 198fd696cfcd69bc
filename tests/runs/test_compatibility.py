"""One table: the base class in each pool, serializer and canvas, on real workers."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from celery import chain, group, shared_task
from kombu.serialization import registry

from recurring_jobs import BaseTaskWithRetry
from tests.host import tasks
from tests.live.processes import Host, require_pool, wait_until
from tests.runs.conftest import attempt

SEND = """
from celery import chain, chord, group
from tests.host import tasks
here = {{"queue": {queue!r}}}
folder = {folder!r}
tasks.recovers.s(2).set(task_id="retried", **here).apply_async()
tasks.gives_up.s().set(task_id="gave-up", **here).apply_async()
tasks.in_turn.s(folder, failures=1).set(task_id="turn-1", **here).apply_async()
tasks.in_turn.s(folder).set(task_id="turn-2", **here).apply_async()
chain(
    tasks.recovers.s(1).set(**here), tasks.add.s(5).set(task_id="chained", **here)
).apply_async()
chord(
    [tasks.recovers.s(1).set(**here), tasks.waits.s().set(**here)],
    tasks.total.s().set(task_id="gathered", **here),
).apply_async()
"""

REPORT = """
import json
from django_celery_results.models import TaskResult
from recurring_jobs.models import DeadLetter, Run, TaskLock
print(json.dumps({
    "results": dict(TaskResult.objects.values_list("task_id", "result")),
    "runs": {run.pk: [run.state, run.attempt] for run in Run.objects.all()},
    "letters": list(DeadLetter.objects.values_list("task_id", flat=True)),
    "held": TaskLock.objects.held().count(),
}))
"""


@pytest.mark.live
@pytest.mark.timeout(180)
@pytest.mark.parametrize("pool", ["prefork", "threads", "solo", "gevent"])
def test_each_pool(tmp_path, pool):
    """
    In each pool runs are retried, give up, take turns, and go on in chains and chords.
    """
    require_pool(pool)
    host = Host.on(tmp_path)
    host.manage("migrate", "-v", "0")
    queue = f"pool-{uuid4().hex[:8]}"
    host.worker("-Q", queue, "-P", pool)
    try:
        host.python(SEND.format(queue=queue, folder=str(tmp_path)))

        def report():
            return json.loads(host.python(REPORT).splitlines()[-1])

        def is_done():
            now = report()
            ended = {"chained", "gathered", "gave-up", "retried"} <= now["results"].keys()
            # A result may be there a moment before the row of its run says the same.
            states = [now["runs"].get(run, [""])[0] for run in ("turn-1", "turn-2", "retried")]
            return ended and states == ["succeeded"] * 3

        wait_until(is_done, seconds=120, what="all runs to end")
        told = report()
    finally:
        host.stop_all()

    assert told["runs"]["retried"] == ["succeeded", 3]
    assert told["runs"]["turn-1"] == ["succeeded", 2]
    assert told["letters"] == ["gave-up"]
    assert (told["results"]["chained"], told["results"]["gathered"]) == ("6", "2")
    assert told["held"] == 0


@pytest.mark.django_db
@pytest.mark.parametrize("serializer", ["json", "pickle", "yaml", "msgpack"])
def test_each_serializer(app, serializer):
    """
    A retry keeps the serializer of its task, and what travels with it can be written by it.
    """
    if serializer in {"yaml", "msgpack"}:
        pytest.importorskip(serializer)

    @app.task(base=BaseTaskWithRetry, serializer=serializer, shared=False)
    def fails(value):
        raise ConnectionError(value)

    options = attempt(fails, "away").sig.options

    _type, encoding, data = registry.dumps([["away"], options["headers"]], serializer)
    read = registry.loads(data, _type, encoding, accept={_type})
    assert fails.serializer == serializer
    assert read[1]["recurring_jobs_failures"] == options["headers"]["recurring_jobs_failures"]


@pytest.mark.django_db
def test_eager_canvas(settings):
    """
    In eager mode chains and groups of retried tasks have the same results.
    """
    chained = chain(tasks.recovers.s(1), tasks.add.s(5)).apply()
    grouped = group(tasks.recovers.s(1), tasks.waits.s()).apply()

    assert chained.get() == 6
    assert grouped.get() == [1, 1]


@pytest.mark.django_db
def test_a_shared_task_is_the_same_in_each_app(app):
    """
    A @shared_task of the base class is bound to each app with its own options.
    """

    @shared_task(name="shared.task", base=BaseTaskWithRetry, max_retries=2, retry_backoff=0)
    def fails():
        raise ConnectionError

    task = app.tasks["shared.task"]

    assert task.max_retries == 2
    assert task.apply().state == "FAILURE"

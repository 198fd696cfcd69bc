"""A broker that loses the messages that it has taken: with RESEND_AFTER nothing is lost."""

from __future__ import annotations

import json

import pytest

from tests.live.faults import scene
from tests.live.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.postgres, pytest.mark.timeout(180)]

#: Send a letter again and fire a schedule by hand; print the ids of both runs.
SEND = """
import json
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from recurring_jobs.models import DeadLetter, Schedule
from recurring_jobs.periodic import upcoming
from recurring_jobs.periodic.clock import database_now
from recurring_jobs.periodic.controls import fire_now
from recurring_jobs.runs.dead_letters import requeue
every = IntervalSchedule.objects.create(every=1, period="days")
known = {{"task": "host.add_tracked", "queue": {queue!r}}}
PeriodicTask.objects.create(name="each", args="[1, 2]", interval=every, **known)
upcoming.refresh(now=database_now("default"), using="default")
letter = DeadLetter.objects.create(task_id="gave-up", args=[1, 2], **known)
print(json.dumps([requeue(letter), fire_now(Schedule.objects.get()).task_id]))
"""


@pytest.mark.parametrize(
    "broker",
    [
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
    ],
)
def test_what_it_has_lost_is_sent_again(tmp_path, migrated_database, broker):
    """
    A retry, a letter that was sent again and a fire, all lost with the broker, run once each.
    """
    with scene(tmp_path, broker=broker, database_url=migrated_database) as stage:
        stage.host.env["HOST_RESEND"] = "5"
        # One message at a time: what comes after the one that lingers stays with the broker.
        stage.worker("only", "-c", "1", "--prefetch-multiplier", "1")
        stage.send([{"task": "host.recovers", "args": [1], "task_id": "retry"}])
        lingers = [str(stage.diary), str(stage.gate)]
        stage.send([{"task": "host.lingers", "args": lingers, "task_id": "lingers"}])
        stage.wait_for_starts(1)
        wait_until(
            lambda: stage.runs().get("retry") == ("retrying", 0), seconds=30, what="the retry"
        )
        script = SEND.format(queue=stage.queue)
        ids = set(json.loads(stage.host.python(script).splitlines()[-1]))

        with stage.app.connection_for_write() as connection:
            forgotten = connection.default_channel.queue_purge(stage.queue)
        stage.gate.touch()
        stage.host.beat()
        runs = stage.wait_for_end({"retry", *ids})
        # More messages of the same would have come by then.
        stage.worker("second")

    assert forgotten >= 3
    assert runs == dict.fromkeys(["retry", "lingers", *ids], ("succeeded", 0))
    attempts = dict(stage.rows("SELECT id, attempt FROM recurring_jobs_run"))
    assert attempts == {"retry": 2, "lingers": 1, **dict.fromkeys(ids, 1)}
    assert stage.letters() == {"gave-up": ""}

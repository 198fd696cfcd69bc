"""Each database with each broker: a schedule fires, its runs end, a dead letter goes out again."""

from __future__ import annotations

from itertools import product
from uuid import uuid4

import pytest

from tests.live.processes import Host, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

DATABASES = ("sqlite", "postgres", "mariadb")
BROKERS = ("folder", "redis", "rabbitmq")

_BEGIN = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from tests.host.celery import app
second = IntervalSchedule.objects.create(every=1, period="seconds")
PeriodicTask.objects.create(
    name="each second", task="host.add_tracked", args="[1, 2]", interval=second, queue="{queue}"
)
app.send_task("host.gives_up", queue="{queue}")
"""
_ASK = """
from recurring_jobs.models import DeadLetter, Run
print(Run.objects.filter(state="succeeded", fire__isnull=False).count(), DeadLetter.objects.count())
"""
_CHECK = """
from recurring_jobs.testing import check_ledger
check_ledger()
print("sound")
"""


def pairs():
    """Each database with each broker, marked with the servers that it needs."""
    for database, broker in product(DATABASES, BROKERS):
        servers = {database, broker} - {"sqlite", "folder"}
        marks = [getattr(pytest.mark, server) for server in sorted(servers)]
        yield pytest.param(database, broker, id=f"{database}-{broker}", marks=marks)


@pytest.mark.parametrize(("database", "broker"), list(pairs()))
def test_each_database_works_with_each_broker(tmp_path, request, fresh_database, database, broker):
    """
    Beat and worker on both: fires become runs, a failure a letter, and that a message again.
    """
    queue = f"platform-{uuid4().hex[:8]}"
    is_file = database == "sqlite"
    database_url = "" if is_file else fresh_database(request.getfixturevalue(f"{database}_url"))
    broker_url = "" if broker == "folder" else request.getfixturevalue(f"{broker}_url")
    host = Host.on(tmp_path, database_url=database_url, broker_url=broker_url)

    def has(runs: int, letters: int) -> bool:
        found = [int(number) for number in host.python(_ASK).split()]
        return found[0] >= runs and found[1] >= letters

    host.manage("migrate", "-v", "0")
    try:
        host.worker("-Q", queue)
        host.python(_BEGIN.format(queue=queue))
        beat = host.beat("--max-interval", "1")
        wait_until(lambda: has(2, 1), seconds=60, what="two runs and a dead letter")
        host.manage("recurring_jobs", "dead-letters", "requeue", "--all")
        wait_until(lambda: has(3, 2), seconds=60, what="a letter of the run that was sent again")
        assert beat.stop() == 0
        assert host.python(_CHECK).strip() == "sound"
    finally:
        host.stop_all()
        host.drop_queue(queue)

"""What beats and their fires do when a broker, a beat, a clock or a worker fails."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.live.processes import Host, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

DECLARE = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
two, _ = IntervalSchedule.objects.get_or_create(every=2, period="seconds")
for number in range({count}):
    PeriodicTask.objects.create(
        name=f"slot-{{number}}", task="{task}", interval=two, kwargs='{kwargs}')
"""
FIRES = """
import json
from recurring_jobs.models import Fire
print(json.dumps([
    [fire.schedule.periodic_task.name, int(fire.nominal_at.timestamp()), fire.state,
     fire.stands_for,
     (fire.published_at - fire.nominal_at).total_seconds() if fire.published_at else None]
    for fire in Fire.objects.select_related("schedule__periodic_task").order_by("nominal_at")
]))
"""


def declare(
    host: Host, *, count: int = 3, task: str = "host.elsewhere", kwargs: str = "{}"
) -> None:
    host.manage("migrate", "-v", "0")
    host.python(DECLARE.format(count=count, task=task, kwargs=kwargs))


def fires_of(host: Host) -> list[list]:
    return json.loads(host.python(FIRES).splitlines()[-1])


def check_no_gap(fires: list[list]) -> None:
    """Each schedule has each two-second slot once, from its first to its last."""
    by_schedule: dict[str, list[int]] = {}
    for name, nominal, *_ in fires:
        by_schedule.setdefault(name, []).append(nominal)
    for times in by_schedule.values():
        assert times == list(range(times[0], times[-1] + 1, 2))


@contextmanager
def private_redis(
    folder: Path,
) -> Iterator[tuple[str, list[subprocess.Popen], Callable[[], subprocess.Popen]]]:
    """Start a Redis of our own, which may be killed; it keeps what it has been given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "yes"]
    command += ["--dir", str(folder), "--appendfsync", "always"]

    def start() -> subprocess.Popen:
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    server = [start()]
    try:
        yield f"redis://127.0.0.1:{port}/0", server, start
    finally:
        server[0].send_signal(signal.SIGCONT)
        server[0].kill()
        server[0].wait(10)


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("fault", ["killed", "silent"])
def test_fires_wait_for_a_broker_that_is_away(
    tmp_path, fresh_database, postgres_url, redis_url, fault
):
    """
    With Redis killed, or accepting and saying nothing, no fire is lost; all go out after.
    """
    with private_redis(tmp_path) as (url, server, start):
        host = Host.on(tmp_path, database_url=fresh_database(postgres_url), broker_url=url)
        declare(host)
        try:
            beat = host.beat()
            wait_until(lambda: fires_of(host), seconds=40, what="the first fire")
            if fault == "killed":
                server[0].kill()
                server[0].wait(10)
            else:
                server[0].send_signal(signal.SIGSTOP)
            time.sleep(15)
            if fault == "killed":
                server[0] = start()
            else:
                server[0].send_signal(signal.SIGCONT)
            back_at = time.time()
            wait_until(
                lambda: any(
                    nominal > back_at + 4 and state == "published"
                    for _name, nominal, state, *_ in fires_of(host)
                ),
                seconds=60,
                what="fires after the return of the broker",
            )
            assert beat.is_alive
        finally:
            host.stop_all()

        fires = fires_of(host)

    check_no_gap(fires)
    during = [fire for fire in fires if fire[1] < back_at]
    assert len(during) > 15
    assert {state for _name, _nominal, state, *_ in during} == {"published"}


@pytest.mark.postgres
@pytest.mark.redis
def test_beats_off_over_five_slots_follow_each_policy(
    tmp_path, fresh_database, postgres_url, redis_url
):
    """
    After an outage each schedule does with what it missed as it says, all of it on record.
    """
    host = Host.on(tmp_path, database_url=fresh_database(postgres_url), broker_url=redis_url)
    declare(host, count=4)
    host.python(
        "from datetime import timedelta\n"
        "from recurring_jobs.models import Schedule\n"
        "from recurring_jobs.periodic import upcoming\n"
        "from recurring_jobs.periodic.clock import database_now\n"
        "upcoming.apply_changes(now=database_now('default'), using='default', limit=99)\n"
        "for number, misfire in enumerate(['latest', 'earliest', 'all', 'skip']):\n"
        "    Schedule.objects.filter(periodic_task__name=f'slot-{number}').update(\n"
        "        misfire=misfire, grace=timedelta(seconds=1), max_catchup=3)\n"
        "print(Schedule.objects.filter(next_fire_at__isnull=False).count())"
    )
    time.sleep(11)
    try:
        host.beat()
        wait_until(
            lambda: len({name for name, *_ in fires_of(host)}) == 4,
            seconds=40,
            what="a fire of each schedule",
        )
        time.sleep(3)
    finally:
        host.stop_all()

    fires = fires_of(host)

    def of(number: int, state: str) -> list[list]:
        return [fire for fire in fires if fire[0] == f"slot-{number}" and fire[2] == state]

    # However late the beat came, each nominal time is taken, stood for or missed once.
    for number in range(4):
        slots = sorted(nominal for name, nominal, *_ in fires if name == f"slot-{number}")
        first = min(fire[1] - 2 * (fire[3] - 1) for fire in fires if fire[0] == f"slot-{number}")
        if number != 1:  # the earliest stands for what came after it
            assert (
                sum(fire[3] for fire in fires if fire[0] == f"slot-{number}")
                == (slots[-1] - first) // 2 + 1
            )
    assert max(fire[3] for fire in of(0, "published")) >= 5
    assert of(1, "published")[0][3] >= 5
    assert of(2, "missed")[0][3] >= 2
    assert of(3, "missed")[0][3] >= 5
    assert all(fire[3] == 1 for fire in [*of(2, "published"), *of(3, "published")])

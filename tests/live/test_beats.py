"""Several real beats on one real database."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest

from tests.live.processes import Host, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

DECLARE = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
two, _ = IntervalSchedule.objects.get_or_create(every=2, period="seconds")
for number in range(5):
    PeriodicTask.objects.create(name=f"slot-{number}", task="host.elsewhere", interval=two)
"""

REPORT = """
import json
from recurring_jobs.models import Fire
fires = Fire.objects.filter(kind="scheduled").order_by("nominal_at")
print(json.dumps([
    [fire.schedule_id, int(fire.nominal_at.timestamp()), fire.state,
     (fire.published_at - fire.nominal_at).total_seconds() if fire.published_at else None]
    for fire in fires
]))
"""


def fires_of(host: Host) -> list[tuple[int, int, str, float | None]]:
    return [tuple(row) for row in json.loads(host.python(REPORT).splitlines()[-1])]


def check_slots(fires, *, slots: int, latest: float) -> None:
    """Every schedule has each two-second slot once, published, at most *latest* late."""
    by_schedule: dict[int, list[int]] = {}
    for schedule, nominal, _state, _late in fires:
        by_schedule.setdefault(schedule, []).append(nominal)
    assert len(by_schedule) == 5
    for times in by_schedule.values():
        assert times == list(range(times[0], times[-1] + 1, 2))
        assert len(times) >= slots
    assert max(late for *_, late in fires if late is not None) < latest


@pytest.mark.postgres
@pytest.mark.redis
def test_three_beats_with_kills_fire_every_slot_once(
    tmp_path, fresh_database, postgres_url, redis_url
):
    """
    Three beats, one of them killed or stopped every two seconds: no slot lost, none doubled.
    """
    host = Host.on(tmp_path, database_url=fresh_database(postgres_url), broker_url=redis_url)
    host.manage("migrate", "-v", "0")
    host.python(DECLARE)
    chance = random.Random(7)
    try:
        beats = [host.beat() for _ in range(3)]
        wait_until(lambda: fires_of(host), seconds=30, what="the first fire")
        for _round in range(8):
            time.sleep(2)
            index = chance.randrange(3)
            if chance.random() < 0.7:
                beats[index].kill()
                beats[index] = host.beat()
            else:
                beats[index].send(signal.SIGSTOP)
                time.sleep(2)
                beats[index].send(signal.SIGCONT)
        time.sleep(4)
    finally:
        host.stop_all()

    fires = fires_of(host)

    check_slots(fires, slots=8, latest=35)
    assert len({(schedule, nominal) for schedule, nominal, *_ in fires}) == len(fires)

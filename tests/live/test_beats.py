"""Several real beats on one real database, killed, stopped, and with the database away."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.live.beats import MARIADB_AND_RABBITMQ, POSTGRES_AND_REDIS, SECONDS, Stage, stage

if TYPE_CHECKING:
    from tests.live.processes import Process

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

#: How long a beat is stopped, and how long the database is away.
STOPPED, AWAY = 1.5, 5.0


def torment(on: Stage, beats: list[Process], chance: random.Random) -> None:
    """Kill a beat and start another, or stop one for a while."""
    index = chance.randrange(len(beats))
    if chance.random() < 0.6:
        beats[index].kill()
        beats[index] = on.host.beat()
    else:
        beats[index].send(signal.SIGSTOP)
        time.sleep(STOPPED)
        beats[index].send(signal.SIGCONT)


@pytest.mark.parametrize(("database", "broker"), [POSTGRES_AND_REDIS, MARIADB_AND_RABBITMQ])
def test_three_beats_fire_every_slot_once(tmp_path, fresh_database, request, database, broker):
    """
    Beats are killed and stopped, and the database is away for five seconds: no slot is
    lost, none doubled, and outside the outage each goes out within two seconds.
    """
    url = fresh_database(request.getfixturevalue(f"{database}_url"))
    chance = random.Random(7)
    # A fire that was claimed by a beat that was killed is sent by another after a second.
    with stage(tmp_path, url, broker, env={"HOST_REPUBLISH": "1"}) as on:
        on.declare(5)
        beats = on.beats(3)
        began_at, cut_at, back_at = on.now(), 0.0, 0.0
        while (passed := on.now() - began_at) < SECONDS:
            time.sleep(3)
            torment(on, beats, chance)
            if passed > SECONDS / 2 and not cut_at:
                cut_at = on.now()
                on.database.close()
                time.sleep(AWAY)
                on.database.open()
                back_at = on.now()
        on.wait_past(on.now())
        assert all(beat.is_alive for beat in beats)
        on.host.stop_all()

        fires, problems = on.fires(), on.problems()

    assert problems == []
    assert {fire.schedule for fire in fires} == {f"slot-{number}" for number in range(5)}
    sent = [fire for fire in fires if fire.published_at and fire.nominal_at > began_at]
    outside = [f for f in sent if not cut_at - STOPPED - 2 < f.nominal_at < back_at + 2]
    assert max(fire.late for fire in outside) < 2
    within = [f for f in sent if cut_at <= f.nominal_at <= back_at]
    assert within
    assert max(fire.published_at for fire in within) < back_at + 5


HOLD = """
import time
from django.db import DatabaseError, connection, transaction
from recurring_jobs.models import Schedule
from recurring_jobs.periodic.locking import locked, end_when_idle
end_when_idle("default")
try:
    with transaction.atomic():
        print(len(locked(Schedule.objects.all())), flush=True)
        time.sleep(7)
        print(Schedule.objects.count())
except DatabaseError:
    print("cut off")
    connection.close()
"""


@pytest.mark.parametrize(("database", "broker"), [POSTGRES_AND_REDIS, MARIADB_AND_RABBITMQ])
def test_beat_that_stands_still_does_not_hold_schedules(
    tmp_path, fresh_database, request, database, broker
):
    """
    Where a beat stops in the middle of a transaction, the database ends that, and the
    others take over what it held.
    """
    url = fresh_database(request.getfixturevalue(f"{database}_url"))
    with stage(tmp_path, url, broker) as on:
        on.declare(2)

        said = on.direct.python(HOLD)

    assert said.splitlines() == ["2", "cut off"]

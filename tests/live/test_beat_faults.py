"""What beats and their fires do when a broker, a beat or a clock fails."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import timedelta

import pytest

from tests.live.beats import MARIADB_AND_RABBITMQ, POSTGRES_AND_REDIS, SECONDS, SLOT, FireRow, stage

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.mariadb
@pytest.mark.rabbitmq
@pytest.mark.parametrize("fault", ["close", "silence"])
def test_fires_wait_for_a_broker_that_is_away(
    tmp_path, fresh_database, postgres_url, mariadb_url, fault
):
    """
    With the broker gone, or accepting and saying nothing, beat ticks on and no fire is
    lost; within five seconds of its return all have gone out.
    """
    with ExitStack() as stages:
        both = [
            stages.enter_context(stage(tmp_path / broker, fresh_database(url), broker))
            for url, broker in ((postgres_url, "redis"), (mariadb_url, "rabbitmq"))
        ]
        beats = []
        for on in both:
            on.declare(3)
            beats += on.beats(1)
        for on in both:
            getattr(on.broker, fault)()
        away_at = both[0].now()
        time.sleep(max(15, SECONDS))
        ticks = [
            on.rows("SELECT MAX(ticked_at) > MAX(started_at) FROM recurring_jobs_beat")
            for on in both
        ]
        back_at = both[0].now()
        for on in both:
            on.broker.open()
        for on in both:
            on.wait_past(back_at + 2)
        assert all(beat.is_alive for beat in beats)
        for on in both:
            on.host.stop_all()

        ledgers = [on.fires() for on in both]
        problems = [on.problems() for on in both]

    assert problems == [[], []]
    assert ticks == [[(True,)], [(True,)]]
    for fires in ledgers:
        during = [fire for fire in fires if away_at < fire.nominal_at < back_at]
        assert len(during) > 15
        assert {fire.state for fire in during} == {"published"}
        assert max(fire.published_at for fire in during) < back_at + 5


@pytest.mark.parametrize(("database", "broker"), [POSTGRES_AND_REDIS, MARIADB_AND_RABBITMQ])
def test_beats_off_over_five_slots_follow_each_policy(
    tmp_path, fresh_database, request, database, broker
):
    """
    After an outage each schedule does with what it missed as it says, all of it on record.
    """
    url = fresh_database(request.getfixturevalue(f"{database}_url"))
    policy = {"grace": timedelta(seconds=1), "max_catchup": 3}
    with stage(tmp_path, url, broker) as on:
        on.declare(
            {name: {"misfire": name, **policy} for name in ("latest", "earliest", "all", "skip")}
        )
        time.sleep(5 * SLOT + 1)
        on.beats(1)
        on.wait_past(on.now())
        on.host.stop_all()

        fires, problems = on.fires(), on.problems()

    def of(misfire: str, state: str) -> list[FireRow]:
        return [fire for fire in fires if (fire.schedule, fire.state) == (misfire, state)]

    assert problems == []
    assert of("latest", "published")[0].stands_for >= 5
    assert of("earliest", "published")[0].stands_for >= 5
    assert [fire.stands_for for fire in of("all", "published")[:3]] == [1, 1, 1]
    assert of("all", "missed")[0].stands_for >= 2
    assert of("skip", "missed")[0].stands_for >= 5
    assert not of("latest", "missed") + of("earliest", "missed")


@pytest.mark.faketime
@pytest.mark.parametrize(("database", "broker"), [POSTGRES_AND_REDIS, MARIADB_AND_RABBITMQ])
def test_clocks_of_hosts_do_not_matter(
    tmp_path, fresh_database, request, faketime, database, broker
):
    """
    One beat is an hour ahead, and then the clocks of both jump back and forth: every slot
    goes out once, and in time.
    """
    url = fresh_database(request.getfixturevalue(f"{database}_url"))
    with stage(tmp_path, url, broker) as on:
        on.declare(3)
        clocks = [tmp_path / "ahead", tmp_path / "right"]
        for clock, shift in zip(clocks, ("+3600s", "+0s"), strict=True):
            clock.write_text(f"{shift}\n")
            on.host.start(
                *("tests.live.moved_clock", "-A", "tests.host", "beat", "-l", "info"),
                f"--pidfile={clock}.pid",
                env={
                    "LD_PRELOAD": faketime,
                    "DONT_FAKE_MONOTONIC": "1",
                    "FAKETIME_NO_CACHE": "1",
                    "FAKETIME_TIMESTAMP_FILE": str(clock),
                },
            )
        on.wait_for(on.fires, what="the first fire")
        skews = "SELECT MAX(clock_skew) FROM recurring_jobs_beat"
        on.wait_for(lambda: on.rows(skews)[0][0], what="the beats")
        up_at = on.now()
        for shifts in (("+3600s", "+0s"), ("-3600s", "+3600s"), ("+5s", "-3600s"), ("+0s", "+0s")):
            for clock, shift in zip(clocks, shifts, strict=True):
                clock.write_text(f"{shift}\n")
            time.sleep(SECONDS / 5)
        on.wait_past(on.now())
        on.host.stop_all()

        fires, problems = on.fires(), on.problems()

    assert problems == []
    assert len(fires) > 3 * SECONDS / SLOT / 2
    assert max(fire.late for fire in fires if fire.nominal_at > up_at) < 2

"""A database server of the test's own, which crashes and comes back under three beats."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.live.beats import stage
from tests.live.own_servers import MariaServer, PostgresServer, running
from tests.services import temporary_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.own_servers import Server

pytestmark = [pytest.mark.live, pytest.mark.redis, pytest.mark.timeout(240)]

#: How often the server crashes, and how long it is left alone in between.
CRASHES, QUIET = 2, 5.0


@pytest.fixture(
    params=[
        pytest.param((PostgresServer, "postgres"), marks=pytest.mark.postgres, id="postgres"),
        pytest.param((MariaServer, "mariadb"), marks=pytest.mark.mariadb, id="mariadb"),
    ]
)
def own_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that nobody else uses; left out where only a client is installed."""
    kind, name = request.param
    elsewhere = request.getfixturevalue(f"{name}_url")
    try:
        with running(kind) as server:
            yield server
    except FileNotFoundError:
        if os.environ.get("CI"):
            pytest.fail(f"CI is set and no {name} server is installed here.", pytrace=False)
        pytest.skip(f"{elsewhere} is elsewhere: this test starts a server of its own.")


def test_beats_outlive_crashes_of_the_database(own_server, tmp_path):
    """
    The server crashes twice: the beats live on, no slot is lost or doubled, and what was
    due meanwhile is out within five seconds of its return.
    """
    back_at: list[float] = []
    with (
        temporary_database(own_server.url) as url,
        stage(tmp_path, url, "redis", env={"HOST_REPUBLISH": "1"}) as on,
    ):
        on.declare(5)
        beats = on.beats(3)
        began_at = on.now()
        for _ in range(CRASHES):
            time.sleep(QUIET)
            own_server.crash_and_recover()
            back_at.append(on.now())
        on.wait_past(on.now())
        assert all(beat.is_alive for beat in beats)
        on.host.stop_all()

        fires, problems = on.fires(), on.problems()

    assert problems == []
    assert {fire.schedule for fire in fires} == {f"slot-{number}" for number in range(5)}
    sent = [fire for fire in fires if fire.published_at and fire.nominal_at > began_at]
    late = [fire for fire in sent if fire.late > 2]
    assert all(any(at <= fire.published_at < at + 5 for at in back_at) for fire in late)

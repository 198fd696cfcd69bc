"""A PostgreSQL server of the test's own, which crashes and comes back under three beats."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.beats import stage
from tests.services import temporary_database

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.live,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.timeout(240),
]

#: How often the server crashes, and how long it is left alone in between.
CRASHES, QUIET = 2, 5.0


class Server:
    """A server in a folder of its own; programs that refuse to be root run as postgres."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs = programs
        self.data = folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        options = f"-p {self.port} -k {folder} -c listen_addresses=127.0.0.1"
        self._options = ["--wait", "--log", str(folder / "log"), "--options", options]

    def start(self) -> None:
        self._run("pg_ctl", *self._options, "start")

    def crash_and_recover(self) -> None:
        """End it without a farewell, as a power cut does, and start it again."""
        self._run("pg_ctl", *self._options, "restart", "--mode=immediate")

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "--pgdata", str(self.data), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture
def own_server(postgres_url: str) -> Iterator[Server]:
    """A server that nobody else uses; left out where only a client is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        if os.environ.get("CI"):
            pytest.fail("CI is set and no PostgreSQL server is installed here.", pytrace=False)
        pytest.skip(f"{postgres_url} is elsewhere: this test starts a server of its own.")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = Server(found[-1].parent, folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


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

"""Servers of a test's own, which can crash without harm to anybody else."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def running(kind: Callable[[Path], Server]) -> Iterator[Server]:
    """
    Start a server in a folder of its own, and take both away in the end.

    Raise FileNotFoundError where its programs are not installed here.
    """
    folder = Path(tempfile.mkdtemp(prefix="own"))
    try:
        server = kind(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


class Server(Protocol):
    """A server in a folder of its own; programs that refuse to be root run as its user."""

    url: str

    def start(self) -> None: ...
    def crash_and_recover(self) -> None:
        """End it without a farewell, as a power cut does, and start it again."""

    def stop(self) -> None: ...


class PostgresServer:
    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not found:
            raise FileNotFoundError
        self._programs = found[-1]
        self._data = folder / "data"
        self._own = _run_as("postgres", folder)
        port = _free_port()
        self.url = f"postgres://postgres@127.0.0.1:{port}/postgres"
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        self._options = ["--wait", "--log", str(folder / "log"), "--options", options]

    def start(self) -> None:
        self._run("pg_ctl", *self._options, "start")

    def crash_and_recover(self) -> None:
        self._run("pg_ctl", *self._options, "restart", "--mode=immediate")

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "--pgdata", str(self._data), *arguments]
        subprocess.run([*self._own, *command], check=True, stdout=subprocess.DEVNULL, timeout=60)


class MariaServer:
    def __init__(self, folder: Path) -> None:
        program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            raise FileNotFoundError
        self._own = _run_as("mysql", folder)
        self._port = _free_port()
        self.url = f"mysql://root@127.0.0.1:{self._port}/mysql"
        data = f"--datadir={folder / 'data'}"
        install = ["mariadb-install-db", "--no-defaults", data, "--skip-test-db"]
        install += ["--auth-root-authentication-method=normal"]
        subprocess.run(
            [*self._own, *install], check=True, stdout=subprocess.DEVNULL, timeout=60, cwd=folder
        )
        self._command = [program, "--no-defaults", data, f"--port={self._port}"]
        self._command += [f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}"]
        self._command += ["--bind-address=127.0.0.1"]
        self._pid = folder / "pid"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._pid.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*self._own, *self._command], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not _listens(self._port):
            assert time.monotonic() < deadline, self._log.read_text()
            assert self._process.poll() is None, self._log.read_text()
            time.sleep(0.1)

    def crash_and_recover(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        # By its own pid: what was started may be runuser, which does not pass a kill on.
        assert self._process is not None
        os.kill(int(self._pid.read_text()), 9)
        self._process.wait(30)


class RedisServer:
    """Has every write on disk before it is answered, so that a kill loses none."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise FileNotFoundError
        self._port = _free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        options = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "dir": str(folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "logfile": str(folder / "log"),
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._command = [program, *words]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not _listens(self._port):
            assert time.monotonic() < deadline, self.url
            time.sleep(0.05)

    def crash_and_recover(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)


def _run_as(user: str, folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, user, user)
    return ["runuser", "-u", user, "--"]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""Start the worker, two beats and the web server, and stop exactly them again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

QUEUES = ("celery", "discounts", "maintenance", "analytics")


class Process:
    """One program in a process group of its own, its output in a log file."""

    def __init__(
        self, name: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C reaches the demo alone, which then stops
                # this process and its children in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, which is the id of its group as well."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._popen.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process, which tells its own children."""
        if self.exit_code is None:
            self._popen.terminate()

    def make_stop(self, *, within: float) -> None:
        """Wait *within* seconds for the end, then kill what is left of the group."""
        try:
            self._popen.wait(timeout=max(within, 0))
        except subprocess.TimeoutExpired:
            pass
        finally:
            kill_group(self.pid)
            self._popen.wait()

    def last_lines(self, count: int = 20) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


class Crew:
    """The processes of one demo; leaving the ``with`` block stops all of them."""

    def __init__(self, *, base_dir: Path, log_dir: Path, env: Mapping[str, str]) -> None:
        self._base_dir = base_dir
        self._log_dir = log_dir
        self._env = env
        self.members: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.ask_to_stop()
        deadline = time.monotonic() + 10
        for member in self.members:
            member.make_stop(within=deadline - time.monotonic())

    def start(self, name: str, *argv: str) -> Process:
        """Start ``python *argv*`` under *name*."""
        process = Process(
            name,
            [sys.executable, *argv],
            cwd=self._base_dir,
            env=self._env,
            log=self._log_dir / f"{name.split(maxsplit=1)[0]}.log",
        )
        self.members.append(process)
        return process

    def start_all(self, *, port: int) -> None:
        """Start a worker on every queue, two beats, and the web server on *port*."""
        celery = ("-m", "celery", "-A", "conf")
        node = f"example-{os.getpid()}@%h"
        self.start(
            "worker",
            *(*celery, "worker", "--loglevel=INFO", "--concurrency=2"),
            *(f"--hostname={node}", f"--queues={','.join(QUEUES)}"),
        )
        # One would do; what one of two is killed over, the other goes on with.
        for name in ("beat", "beat-2"):
            self.start(name, *celery, "beat", "--loglevel=INFO", "--pidfile=")
        # --insecure serves the admin's style sheets, as DEBUG would.
        web = ("manage.py", "runserver", "--noreload", "--insecure")
        self.start("web server", *web, f"127.0.0.1:{port}")

    def dead(self) -> list[Process]:
        """Return the members that ended on their own."""
        return [member for member in self.members if member.exit_code is not None]


def kill_group(pid: int) -> None:
    """Kill what is left of the process group of *pid*."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    except PermissionError:
        # macOS answers so for a group in which only zombies are left.
        pass


def free_port(preferred: int = 0) -> int:
    """Return *preferred* if nobody listens there, else a port that is free now."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = "No port is free on 127.0.0.1."
    raise OSError(message)

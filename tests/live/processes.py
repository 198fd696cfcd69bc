"""Real processes of the host project, started on services of their own and ended by pid."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


def require_pool(pool: str) -> None:
    """
    Skip the test where gevent is wanted and not installed, or fail it where CI is set.
    """
    if pool != "gevent" or importlib.util.find_spec("gevent"):
        return
    absent = "gevent is not installed. To have this test run: pip install gevent"
    if os.environ.get("CI"):
        pytest.fail(f"CI is set and {absent}", pytrace=False)
    pytest.skip(absent)


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """
    Poll *condition* until it is true; fail with *what* when *seconds* have passed.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            message = f"waited {seconds} s for {what}"
            raise AssertionError(message)
        time.sleep(0.05)


@dataclass
class Process:
    """One child process in a group of its own, its output in a file."""

    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def send(self, number: int) -> None:
        """Send a signal to the process and its children, if it still lives."""
        if self.is_alive:
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.popen.wait(10)

    def stop(self, *, seconds: float = 15) -> int:
        """Ask to end; kill what does not within *seconds*. Return the exit code."""
        if self.popen.stdin is not None:
            self.popen.stdin.close()
        if self.is_alive:
            self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.popen.returncode

    def say(self, line: str) -> None:
        """Type a line to a process that was started by ``talk``."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n".encode())
        self.popen.stdin.flush()

    def output(self) -> str:
        return self.log.read_text(errors="replace")


_DROP_QUEUE = """
from tests.host.celery import app
with app.connection_for_write() as connection:
    connection.default_channel.queue_delete({queue!r})
"""


@dataclass
class Host:
    """The host project on a database and a broker, with the processes started on it."""

    folder: Path
    env: dict[str, str]
    processes: list[Process] = field(default_factory=list)

    @classmethod
    def on(cls, folder: Path, *, database_url: str = "", broker_url: str = "") -> Host:
        env = {
            **os.environ,
            "HOST_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "tests.host.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": database_url,
            "CELERY_BROKER_URL": broker_url,
        }
        return cls(folder, env)

    def manage(self, *arguments: str, seconds: float = 60) -> str:
        """Run a management command to its end and return what it printed."""
        done = self.run(*arguments, seconds=seconds)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end, whatever that is."""
        return subprocess.run(
            [sys.executable, "-m", "tests.host.manage", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def python(self, code: str, *, seconds: float = 60) -> str:
        """Run *code* with Django set up and return what it printed."""
        return self.manage("shell", "--no-imports", "-c", code, seconds=seconds)

    def drop_queue(self, queue: str) -> None:
        """Take *queue* away from the broker, with what is left in it."""
        self.python(_DROP_QUEUE.format(queue=queue))

    def talk(self, code: str) -> Process:
        """Start *code* with Django set up, in the background; it may read what is typed."""
        script = f"import django; django.setup()\n{code}"
        (self.folder / "talk.py").write_text(script)
        return self.start("tests.live.talk", str(self.folder / "talk.py"), stdin=subprocess.PIPE)

    def start(
        self, *arguments: str, env: dict[str, str] | None = None, stdin: int = subprocess.DEVNULL
    ) -> Process:
        """Start ``python -m <arguments>`` in the background, with more in its environment."""
        log = self.folder / f"{len(self.processes)}-{arguments[-1].replace('/', '_')[:20]}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=self.env | (env or {}),
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(popen, log)
        self.processes.append(process)
        return process

    def worker(self, *arguments: str) -> Process:
        """Start a Celery worker, by a name of its own: on one broker two may not share one."""
        name = f"{uuid4().hex[:8]}@%h"
        command = ("celery", "-A", "tests.host", "worker", "-l", "info", "-c", "2", "-n", name)
        return self.start(*command, *arguments)

    def beat(self, *arguments: str) -> Process:
        """Start a beat."""
        pidfile = f"--pidfile={self.folder}/beat-{len(self.processes)}.pid"
        return self.start("celery", "-A", "tests.host", "beat", "-l", "info", pidfile, *arguments)

    def stop_all(self) -> None:
        for process in self.processes:
            process.send(signal.SIGCONT)
        for process in self.processes:
            process.stop()

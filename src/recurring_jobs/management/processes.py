"""Runs several processes in one terminal, their lines prefixed, until one of them ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from celery import Celery

#: Seconds that a process has to end after it was asked to, and after it was pressed to.
PATIENCE = 30.0
#: Seconds between two looks at the processes.
INTERVAL = 0.2


def run_together(
    commands: Mapping[str, Sequence[str]],
    *,
    write: Callable[[str], object],
    patience: float = PATIENCE,
) -> int:
    """
    Run *commands*, by the name that prefixes their lines, until one ends or Ctrl-C.

    Then the others are asked to end with SIGTERM; what still runs after *patience*
    seconds, or at a second Ctrl-C, is killed with its children. Return the exit code
    of the one that ended first, 0 for Ctrl-C and SIGTERM. To be called in the main
    thread, which is where signals arrive.
    """
    asked_to_stop = _Stop()
    with _on_signals(asked_to_stop):
        running: dict[str, subprocess.Popen[str]] = {}
        readers: list[threading.Thread] = []
        lock = threading.Lock()
        try:
            for name, command in commands.items():
                running[name] = _start(command)
                prefix = f"{name:<{max(map(len, commands))}} | "
                stream = cast("IO[str]", running[name].stdout)
                readers.append(_copy_lines(stream, prefix, write, lock))
            code = _wait_for_one(running.values(), asked_to_stop)
        finally:
            _stop_all(running.values(), asked_to_stop, patience)
            for reader in readers:
                reader.join(timeout=5)
    return code


def manage_command(*arguments: str) -> list[str]:
    """Return the command line that runs a management command of this project."""
    return [sys.executable, "-m", "django", *arguments]


def run_celery(app: Celery, argv: Sequence[str]) -> int:
    """
    Run a command of Celery's own in this process and return its exit code.

    ``app.start()`` does the same but drops the code. Raise ClickException for options
    that Celery refuses.
    """
    from celery.bin.celery import celery

    celery.params[0].default = app
    try:
        return int(celery.main(args=list(argv), prog_name="celery", standalone_mode=False) or 0)
    finally:
        celery.params[0].default = None


class _Stop:
    """Counts how often a person or a supervisor has asked for the end."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, *_: Any) -> None:
        self.times += 1


@contextmanager
def _on_signals(handler: _Stop) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _start(command: Sequence[str]) -> subprocess.Popen[str]:
    # A session of its own: Ctrl-C reaches only us, and we pass it on once. Twice would
    # make a worker drop what it is doing.
    return subprocess.Popen(  # noqa: S603  our own commands, without a shell
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=_environment(),
        text=True,
        errors="replace",
        bufsize=1,
        start_new_session=True,
    )


def _environment() -> dict[str, str]:
    # The children import what this process can, wherever manage.py was started from.
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109  text
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def _copy_lines(
    stream: IO[str], prefix: str, write: Callable[[str], object], lock: threading.Lock
) -> threading.Thread:
    def copy() -> None:
        with stream:
            for line in stream:
                with lock:
                    write(prefix + line)

    reader = threading.Thread(target=copy, daemon=True)
    reader.start()
    return reader


def _wait_for_one(processes: Any, asked_to_stop: _Stop) -> int:
    while not asked_to_stop.times:
        for process in processes:
            try:
                code = int(process.wait(INTERVAL / len(processes)))
            except subprocess.TimeoutExpired:
                continue
            # A shell reports a death by signal in this way, too.
            return code if code >= 0 else 128 - code
    return 0


def _stop_all(processes: Any, asked_to_stop: _Stop, patience: float) -> None:
    times = asked_to_stop.times
    left = patience
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        while process.poll() is None and left > 0 and asked_to_stop.times <= max(times, 1):
            try:
                process.wait(INTERVAL)
            except subprocess.TimeoutExpired:
                left -= INTERVAL
        # Also where the first process of a group is gone: a worker that was killed leaves
        # its children behind.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

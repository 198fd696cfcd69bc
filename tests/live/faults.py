"""What tests of faults share: a host on PostgreSQL and a broker, a diary, and rows of runs."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import redis
from celery import Celery

from tests.live.processes import Host, Process, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Seconds between two heartbeats. A run is lost after 2.5 of them, which a busy machine
#: must not take for a pause.
HEARTBEAT = 2


@dataclass
class Scene:
    """A host with its own queue, the diary that its tasks write, and the gate they wait for."""

    host: Host
    database_url: str
    app: Celery
    queue: str = field(default_factory=lambda: f"faults-{uuid4().hex[:8]}")

    @property
    def diary(self) -> Path:
        return self.host.folder / "diary"

    @property
    def gate(self) -> Path:
        return self.host.folder / "gate"

    def worker(self, name: str, *arguments: str) -> Process:
        """Start a worker and wait until it is ready."""
        process = self.host.worker("-Q", self.queue, "-n", f"{name}@{self.queue}", *arguments)
        wait_until(
            lambda: " ready." in process.output(),
            seconds=60,
            what=f"worker {name}: {process.output()}",
        )
        return process

    def said(self, event: str) -> int:
        """Return how often the workers have logged *event*."""
        return sum(process.output().count(event) for process in self.host.processes)

    def wait_until_said(self, event: str, times: int) -> None:
        wait_until(
            lambda: self.said(event) >= times,
            seconds=60,
            what=f"{event} {times} times; it was said {self.said(event)} times",
        )

    def send(self, calls: list[dict[str, Any]]) -> None:
        """Send tasks: each a dict with ``task``, ``args`` and options of ``apply_async``."""
        for call in calls:
            options = {name: value for name, value in call.items() if name != "task"}
            self.app.send_task(call["task"], queue=self.queue, **options)

    def clean_up(self) -> None:
        """Take away what is left on the broker."""
        with self.app.connection_for_write() as connection:
            connection.default_channel.queue_delete(self.queue)
        prefix = self.app.conf.broker_transport_options.get("global_keyprefix")
        if prefix:
            client = redis.Redis.from_url(self.app.conf.broker_url)
            for key in client.scan_iter(f"{prefix}*"):
                client.delete(key)
            client.close()

    def lines(self) -> list[list[str]]:
        """Return the diary: what happened, to which run, in which process."""
        return (
            [line.split() for line in self.diary.read_text().splitlines()]
            if (self.diary.exists())
            else []
        )

    def count(self, what: str) -> Counter[str]:
        """Return how often each run has started or ended."""
        return Counter(line[1] for line in self.lines() if line[0] == what)

    def wait_for_starts(self, number: int) -> None:
        wait_until(
            lambda: sum(self.count("start").values()) >= number,
            seconds=60,
            what=f"{number} starts: {self.lines()}",
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        import psycopg  # there only where PostgreSQL is

        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def runs(self) -> dict[str, tuple[str, int]]:
        """Return state and crashes of each run."""
        found = self.rows("SELECT id, state, crashes FROM recurring_jobs_run")
        return {run_id: (state, crashes) for run_id, state, crashes in found}

    def letters(self) -> dict[str, str]:
        """Return the exception of each dead letter."""
        return dict(self.rows("SELECT task_id, exception FROM recurring_jobs_deadletter"))

    def wait_for_end(self, ids: set[str], *, seconds: float = 90) -> dict[str, tuple[str, int]]:
        """Wait until each run of *ids* is in a final state; return what ``runs`` does."""
        final = {"succeeded", "failed", "lost", "skipped"}

        def is_over() -> bool:
            runs = self.runs()
            return all(runs.get(run_id, ("", 0))[0] in final for run_id in ids)

        try:
            wait_until(is_over, seconds=seconds, what="every run to end")
        except AssertionError as error:
            logs = "\n".join(process.output()[-4000:] for process in self.host.processes)
            message = f"{error}; runs: {self.runs()}, diary: {self.lines()}\n{logs}"
            raise AssertionError(message) from error
        return self.runs()


@contextmanager
def scene(
    folder: Path, *, broker: str, database_url: str, transport: dict[str, Any] | None = None
) -> Iterator[Scene]:
    """Set a scene on *broker* and a migrated database, and clean up behind it."""
    host = Host.on(
        folder, database_url=database_url, broker_url=os.environ[f"{broker.upper()}_URL"]
    )
    options = dict(transport or {})
    if broker == "redis":
        options["global_keyprefix"] = f"faults-{uuid4().hex[:8]}:"
    host.env |= {
        "HOST_HEARTBEAT": str(HEARTBEAT),
        "HOST_TRANSPORT_OPTIONS": json.dumps(options),
    }
    app = Celery("sender", broker=host.env["CELERY_BROKER_URL"], set_as_current=False)
    app.conf.broker_transport_options = options
    set_up = Scene(host, database_url, app)
    try:
        yield set_up
    finally:
        set_up.gate.touch()
        host.stop_all()
        set_up.clean_up()
        app.close()


def kill_pids(pids: set[int], number: int = signal.SIGKILL) -> None:
    """Send a signal to processes that may be gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

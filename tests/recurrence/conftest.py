from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.host.models import Todo
from tests.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: A Monday at noon; the to-dos below are due at nine.
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def make_todo(db: None) -> Callable[..., Todo]:
    """Make a template: each day at nine in UTC, unless told otherwise."""

    def make(**values: Any) -> Todo:
        daily = {
            "title": "Water the plants",
            "due_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
            "recurrence_rule": "FREQ=DAILY",
            "recurrence_timezone": "UTC",
        }
        return Todo.objects.create(**{**daily, **values})

    return make


@pytest.fixture
def days() -> Callable[[Todo], list[str]]:
    """The nominal times of a template's rows, without the time of day."""
    return lambda template: sorted(row.recurrence_id[:8] for row in template.occurrences.all())


@pytest.fixture(
    params=[
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
        "sqlite",
    ]
)
def each_database(
    request: pytest.FixtureRequest, tmp_path: Path, fresh_database: Callable[[str], str]
) -> str:
    """The URL of an empty database: of PostgreSQL, of MariaDB, of SQLite."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'rows.sqlite3'}"
    return fresh_database(SERVICES[request.param].address())


class Actor:
    """A process that does what it is told; see tests/recurrence/actor.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"The process ended with {self.process.wait(10)}."
        return json.loads(line)

    def ask(self, *words: object) -> Any:
        self.tell(*words)
        return self.answer()


@pytest.fixture
def start_actors(tmp_path: Path) -> Iterator[Callable[[str, int], list[Actor]]]:
    """Start processes on the database of a URL, in which the tables are made first."""
    with ExitStack() as running:

        def start(url: str, number: int) -> list[Actor]:
            environment = {**os.environ, "DATABASE_URL": url, "HOST_DIR": str(tmp_path)}
            actors = []
            for _ in range(number):
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.recurrence.actor"],
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                running.callback(_end, process)
                actors.append(Actor(process))
            actors[0].ask("migrate")
            return actors

        yield start


def _end(process: subprocess.Popen[str]) -> None:
    with process:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()

"""A Celery app in memory for the command, and the host project on a broker of its own."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from celery import Celery, shared_task
from celery._state import get_current_app
from django.core.management import call_command

from tests.live.processes import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@shared_task(name="desk.add", triggerable=True)
def add(left: int, right: int = 0) -> int:
    """Succeed."""
    return left + right


@shared_task(name="desk.fails", triggerable=True)
def fails() -> None:
    """Fail."""
    message = "hunter2"
    raise ValueError(message)


@shared_task(name="desk.internal")
def internal() -> None:
    """Not to be triggered."""


@pytest.fixture
def app() -> Iterator[Celery]:
    """The current Celery app for one test: broker and results in memory."""
    before = get_current_app()
    made = Celery("desk", broker="memory://", backend="cache+memory://")
    made.conf.task_default_queue = f"desk-{uuid4().hex}"
    made.finalize()
    yield made
    made.close()
    before.set_current()
    before.set_default()


@pytest.fixture
def run(app: Celery) -> Callable[..., str]:
    """Run ``recurring_jobs`` with what is typed after it and return its standard output."""

    def run(*typed: str) -> str:
        output = StringIO()
        call_command("recurring_jobs", *typed, stdout=output, stderr=StringIO())
        return output.getvalue()

    return run


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """The host project on a new SQLite file and a broker of files."""
    host = Host.on(tmp_path)
    host.manage("migrate", "--verbosity=0")
    yield host
    host.stop_all()

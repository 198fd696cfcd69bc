"""
Fixtures for pytest, with pytest-django.

Opt in, in the ``conftest.py`` next to your ``pytest.ini`` or ``pyproject.toml``:
``pytest_plugins = ["recurring_jobs.testing.pytest_plugin"]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurring_jobs.testing import Clock, Worker


@pytest.fixture
def jobs_clock() -> Iterator[Clock]:
    """A clock that stands still at the present instant until the test moves it."""
    from recurring_jobs.testing import Clock

    with Clock() as clock:
        yield clock


@pytest.fixture
def jobs_worker(jobs_clock: Clock) -> Iterator[Worker]:  # noqa: ARG001  goes by what is entered
    """A worker and a beat in this process, by the clock of ``jobs_clock``; no broker."""
    from recurring_jobs.testing import Worker

    with Worker() as worker:
        yield worker

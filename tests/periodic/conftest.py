"""A Celery app of its own for each test that declares periodic tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from celery import Celery

from recurring_jobs.periodic import registry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def celery_app() -> Iterator[Celery]:
    """
    An app with the tasks ``app.clean`` and ``app.report``, and no declaration from elsewhere.
    """
    app = Celery("sample", set_as_current=False, broker="memory://")
    for name in ("app.clean", "app.report"):
        app.task(_nothing, name=name, shared=False)
    with registry.no_declarations():
        yield app
    app.close()


def _nothing(*args: object, **kwargs: object) -> None:
    """Take any arguments and do nothing."""

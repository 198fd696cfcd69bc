"""Tasks made on the spot, and single attempts at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from celery import Celery
from celery.exceptions import Retry

from recurring_jobs import BaseTaskWithRetry

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def app() -> Celery:
    """A Celery app of its own, whose tasks no other test sees."""
    app = Celery("made", broker="memory://", backend="cache+memory://", set_as_current=False)
    # The broker in memory is one for all tests.
    app.conf.task_default_queue = f"made-{uuid4().hex}"
    app.finalize()
    return app


@pytest.fixture
def failing(app: Celery) -> Callable[..., Any]:
    """Make a task that raises *exc* at each attempt, counted in its list ``attempts``."""

    def make(exc: BaseException | None = None, *, base: Any = BaseTaskWithRetry, **options: Any):
        attempts: list[int] = []

        def body(self: Any) -> None:
            attempts.append(self.request.retries)
            raise exc or ConnectionError("away")

        options.setdefault("name", f"made.{uuid4().hex}")
        task = app.task(bind=True, base=base, shared=False, **options)(body)
        task.attempts = attempts
        return task

    return make


def attempt(task: Any, *args: Any, retries: int = 0, **request: Any) -> Retry:
    """Make one attempt at *task* as a worker would, and return the retry it asks for."""
    known = {"id": "attempt", "retries": retries, "called_directly": False, "is_eager": True}
    task.push_request(**{**known, "args": args, "kwargs": {}, **request})
    try:
        with pytest.raises(Retry) as caught:
            task.run(*args)
    finally:
        task.pop_request()
    return caught.value

"""Lets a worker's parent process know which request it reports as failed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celery.worker.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator


class KnownRequest(Request):
    """
    A request that its task can look at while its end is reported.

    A hard time limit and a lost worker are reported by the parent process, where the task
    does not run. Celery up to 5.6 hides the request from those who listen, later ones do
    so in part; then queue, attempt and headers would not be known.
    """

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001  Celery's signature
        """Report a time limit."""
        with self._shown():
            super().on_timeout(soft, timeout)

    def on_failure(self, *args: Any, **kwargs: Any) -> Any:
        """Report a failure."""
        with self._shown():
            return super().on_failure(*args, **kwargs)

    @contextmanager
    def _shown(self) -> Iterator[None]:
        self.task.request_stack.push(self._context)  # type: ignore[attr-defined]  # not in the stubs
        try:
            yield
        finally:
            self.task.request_stack.pop()

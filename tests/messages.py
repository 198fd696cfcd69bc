"""The messages that went to the broker in memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celery import current_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def taking(*queues: str) -> Iterator[Callable[[], list[Any]]]:
    """Give a function that takes all messages that wait in *queues*; none does at first."""

    def take() -> list[Any]:
        messages = []
        for name in queues:
            waiting = broker.SimpleQueue(name)
            while (message := waiting.queue.get()) is not None:
                message.ack()
                messages.append(message)
            waiting.close()
        return messages

    with current_app.connection_for_write() as broker:
        take()
        yield take

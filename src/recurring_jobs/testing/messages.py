"""Messages of a Celery app that stay in the process, and what a worker makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from celery.worker import state as worker_state
from django.utils import timezone
from kombu import Connection, Producer
from kombu.serialization import dumps, loads, prepare_accept_content
from kombu.utils.imports import symbol_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

#: What a run says of the worker that it ran on.
HOSTNAME = "in-process"


@dataclass(frozen=True)
class Message:
    """One message as it would lie with a broker, with the face that Celery's requests expect."""

    headers: dict[str, Any]
    body: Any
    content_type: str
    content_encoding: str
    delivery_info: dict[str, Any]
    properties: dict[str, Any]
    accept: Collection[str] | None

    @property
    def task(self) -> str:
        """Name of the task that it is for."""
        return str(self.headers["task"])

    @property
    def task_id(self) -> str:
        return str(self.headers["id"])

    @property
    def payload(self) -> Any:
        """Arguments and the rest of the body, read as a worker reads them."""
        return loads(self.body, self.content_type, self.content_encoding, accept=self.accept)

    @property
    def due_at(self) -> datetime:
        """When it may begin: its ``eta``, else now."""
        eta = self.headers.get("eta")
        if not eta:
            return timezone.now()
        at = datetime.fromisoformat(eta)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


class Mailbox(Producer):
    """A producer that hands each message to *take*, serialised as it would be sent."""

    def __init__(self, app: Any, take: Callable[[Message], None]) -> None:
        super().__init__(Connection("memory://"), auto_declare=False)
        self._accept = prepare_accept_content(app.conf.accept_content)
        self._take = take

    def publish(  # type: ignore[override]  # kombu's has a parameter for each property
        self,
        body: Any,
        routing_key: str | None = None,
        *,
        exchange: Any = "",
        headers: dict[str, Any] | None = None,
        serializer: str | None = None,
        **properties: Any,
    ) -> None:
        """Take the message of a task; what is none is an event for monitors, which nobody reads."""
        if not headers or "task" not in headers:
            return
        content_type, encoding, data = dumps(body, serializer=serializer)
        names = ("correlation_id", "reply_to", "priority")
        where = {"exchange": getattr(exchange, "name", exchange), "routing_key": routing_key}
        self._take(
            Message(
                headers=dict(headers),
                body=data,
                content_type=content_type,
                content_encoding=encoding,
                delivery_info={**where, "redelivered": False},
                properties={name: properties.get(name) for name in names},
                accept=self._accept,
            )
        )


def request_of(message: Message, task: Any, app: Any) -> Any:
    """Return the request that a worker would make of *message*, of the class of its *task*."""
    base = symbol_by_name(task.Request)
    by_clock = type(base.__name__, (_ByClock, base), {})
    return by_clock(message, app=app, task=task, hostname=HOSTNAME)


class _ByClock:
    """Lets a request expire by the clock of the test."""

    id: str
    expires: datetime | None

    def maybe_expire(self) -> bool:
        if self.expires is None or timezone.now() <= self.expires:
            return False
        worker_state.revoked.add(self.id)
        return True

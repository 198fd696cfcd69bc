"""How long a process waits for a broker that says nothing, and what it gets of one away."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

import kombu.exceptions
from celery import signals
from celery._state import get_current_app
from celery.app.defaults import DEFAULTS
from kombu.exceptions import OperationalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from celery import Celery

#: What is raised when the broker is away or does not take a message.
BROKER_ERRORS: Final[tuple[type[Exception], ...]] = (
    OperationalError,
    OSError,
    # What kombu 5.7 makes of either, where messages went together.
    getattr(kombu.exceptions, "BatchPublishError", OperationalError),
)
#: Seconds that a broker has for one answer.
ANSWER_WITHIN: Final = 2.0
#: How often a message is tried again before whoever sends it is told. With each try a new
#: link is made, so that all of them together take less than 15 seconds.
SENT_AGAIN: Final = 2
#: Seconds between two signs of life that a worker wants from an idle broker.
SIGN_EVERY: Final = 5
#: Seconds of silence after which the system asks the other end, then between two questions,
#: and how many of them.
_KEEPALIVE: Final = (5, 3, 3)

#: The transports that speak to Redis, or to what speaks as it does.
REDIS: Final = frozenset({"redis", "rediss", "sentinel", "valkey", "valkeys"})
_AMQP: Final = frozenset({"amqp", "amqps", "pyamqp"})


def transport_options(transport: str) -> dict[str, Any]:
    """
    Return the options with which *transport* (as in a URL) notices a broker gone silent.

    Without any, Redis is waited for without end, and what RabbitMQ was sent is lost
    without a word. Other transports have none.
    """
    if transport in REDIS:
        return {
            "socket_timeout": ANSWER_WITHIN,
            "socket_connect_timeout": ANSWER_WITHIN,
            "socket_keepalive": True,
            "socket_keepalive_options": _tcp_options(),
            "health_check_interval": SIGN_EVERY,
        }
    if transport in _AMQP:
        return {
            "read_timeout": ANSWER_WITHIN,
            "write_timeout": ANSWER_WITHIN,
            "confirm_publish": True,
            "socket_settings": _tcp_options(),
        }
    return {}


def transport_of(url: object) -> str:
    """
    Return the transport that a broker URL, or the first of several, begins with.

    >>> transport_of(["redis://cache:6379/0", "amqp://"])
    'redis'
    """
    first = url[0] if isinstance(url, (list, tuple)) and url else url
    return str(first or "").split("://", maxsplit=1)[0].partition("+")[0]


def connect() -> None:
    """Give the project's Celery app these options where its settings say nothing else."""
    app: Any = get_current_app()
    if app.configured:
        be_patient(app)
    else:
        app.on_after_configure.connect(_on_configured, weak=False)
    signals.celeryd_init.connect(_on_worker, weak=False, dispatch_uid="recurring_jobs.patience")


def be_patient(app: Celery) -> None:
    """Add the options to the settings of *app*; each that is there already stays."""
    given: Mapping[str, Any] = app.conf.broker_transport_options or {}
    ours = transport_options(transport_of(app.conf.broker_url))
    if not ours:
        return
    app.conf.broker_transport_options = {**ours, **given}
    usual = DEFAULTS["task_publish_retry_policy"]
    if app.conf.task_publish_retry_policy == usual:
        app.conf.task_publish_retry_policy = {**usual, "max_retries": SENT_AGAIN}


def _on_configured(sender: Celery, **_: Any) -> None:
    be_patient(sender)


def _on_worker(conf: Any, options: Mapping[str, Any], **_: Any) -> None:
    transport = transport_of(conf.broker_url)
    if transport in REDIS:
        # kombu takes a message on one link and notes it on another: were the second one dead
        # and not tried again, the message would be lost.
        given = conf.broker_transport_options or {}
        conf.broker_transport_options = {"retry_on_timeout": True, **given}
        _try_subscriptions_once()
    # A worker waits for messages without end, so it needs signs of life in between. One
    # whose tasks hold up its own would be taken for dead by RabbitMQ.
    is_chosen = conf.broker_heartbeat != DEFAULTS["broker_heartbeat"]
    pool = str(options.get("pool_cls") or conf.worker_pool)
    if transport in _AMQP and not is_chosen and "solo" not in pool:
        conf.broker_heartbeat = SIGN_EVERY


class _TriesSubscriptionsOnce:
    """
    A channel of kombu's whose links that wait for messages are not tried a second time.

    redis-py would make such a link anew itself, of which kombu's loop knows nothing, and then
    wait for a message on it without end: a worker would hang once its Redis was started anew.
    Without that kombu learns that the link has died, and makes all of them anew.
    """

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  kombu's
        told: dict[str, Any] = super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]
        return {**told, "retry_on_timeout": False} if asynchronous else told


def _try_subscriptions_once() -> None:
    from kombu.transport import redis  # there only where Redis is

    for transport in (redis.Transport, redis.SentinelTransport):
        if not issubclass(transport.Channel, _TriesSubscriptionsOnce):
            transport.Channel = type("Channel", (_TriesSubscriptionsOnce, transport.Channel), {})


def _tcp_options() -> dict[int, int]:
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")  # macOS has not all of them
    known = zip(names, _KEEPALIVE, strict=True)
    return {getattr(socket, name): value for name, value in known if hasattr(socket, name)}

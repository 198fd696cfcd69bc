"""What is set for a broker that says nothing, and what a project's own settings change."""

from __future__ import annotations

import pytest
from celery import Celery, signals
from celery._state import get_current_app

from recurring_jobs import patience


def make_app(url: str, **settings: object) -> Celery:
    app = Celery("patient", set_as_current=False)
    app.conf.update(broker_url=url, **settings)
    return app


def test_redis_is_given_two_seconds():
    """Answers, connections and an idle link have their limits, and the system asks, too."""
    app = make_app("redis://cache/0")

    patience.be_patient(app)

    options = app.conf.broker_transport_options
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (2.0, 2.0)
    assert options["socket_keepalive"] is True
    assert options["health_check_interval"] == 5
    assert app.conf.task_publish_retry_policy["max_retries"] == 2


def test_rabbitmq_confirms_each_message():
    """What RabbitMQ is sent it confirms, within two seconds."""
    app = make_app("amqp://rabbit//")

    patience.be_patient(app)

    options = app.conf.broker_transport_options
    assert (options["read_timeout"], options["write_timeout"]) == (2.0, 2.0)
    assert options["confirm_publish"] is True


def test_what_a_project_has_set_stays():
    """Each key on its own: a visibility timeout does not take the others away."""
    policy = {"max_retries": 9}
    app = make_app(
        "redis://cache/0",
        broker_transport_options={"visibility_timeout": 7200, "socket_timeout": 30},
        task_publish_retry_policy=policy,
    )

    patience.be_patient(app)

    options = app.conf.broker_transport_options
    assert (options["visibility_timeout"], options["socket_timeout"]) == (7200, 30)
    assert options["socket_connect_timeout"] == 2.0
    assert app.conf.task_publish_retry_policy == policy


def test_other_transports_are_left_alone():
    """Files and memory have no links."""
    app = make_app("memory://")

    patience.be_patient(app)

    assert app.conf.broker_transport_options == {}
    assert app.conf.task_publish_retry_policy["max_retries"] == 3


def test_app_that_is_configured_later_is_reached():
    """An app reads its settings at first use; they are completed then."""
    before = get_current_app()
    app = Celery("later", broker="redis://cache/0")
    try:
        patience.connect()
        assert app.conf.broker_transport_options["socket_timeout"] == 2.0
    finally:
        app.close()
        before.set_current()
        before.set_default()


@pytest.mark.parametrize(
    ("url", "pool", "given", "expected"),
    [
        ("amqp://", "prefork", 120, 5),
        ("amqp://", "celery.concurrency.solo:TaskPool", 120, 120),
        ("amqp://", "prefork", 60, 60),
        ("redis://", "prefork", 120, 120),
    ],
    ids=["usual", "solo", "chosen", "Redis"],
)
def test_worker_wants_signs_of_life_of_rabbitmq(url, pool, given, expected):
    """Unless its tasks would hold up its own, or the project says how often."""
    app = make_app(url, broker_heartbeat=given)

    signals.celeryd_init.send(sender="w", instance=None, conf=app.conf, options={"pool_cls": pool})

    assert app.conf.broker_heartbeat == expected


@pytest.mark.parametrize(
    ("url", "given", "expected"),
    [
        ("redis://", {}, True),
        ("redis://", {"retry_on_timeout": False}, False),
        ("amqp://", {}, None),
    ],
    ids=["usual", "chosen", "RabbitMQ"],
)
def test_worker_notes_at_second_try_what_it_took_from_redis(url, given, expected):
    """A message that is taken on a link that works is noted on one that may have died."""
    app = make_app(url, broker_transport_options=given)

    signals.celeryd_init.send(sender="w", instance=None, conf=app.conf, options={})

    assert app.conf.broker_transport_options.get("retry_on_timeout") is expected


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("redis://:secret@cache:6379/0", "redis"),
        (["amqp://a", "amqp://b"], "amqp"),
        ("sentinel://a;sentinel://b", "sentinel"),
        ("redis+socket:///run/redis.sock", "redis"),
        ("", ""),
        (None, ""),
    ],
)
def test_transport_of_a_url(url, transport):
    """The first of several decides."""
    assert patience.transport_of(url) == transport

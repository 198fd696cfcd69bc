"""A broker that says nothing: on the links there are, or altogether."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.live.processes import Host, Process, wait_until
from tests.live.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.timeout(150)]

#: Within so many seconds whoever sends knows that a broker has gone silent.
NOTICED = 15
#: Within so many a worker has a new link. RabbitMQ's is missed after two signs of life, and
#: looked for at every half of one: 12.5 to 15 seconds, then it is closed and made anew.
REPLACED = 20
_BROKERS = [
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
]
_SEND = """
import time
from tests.host.celery import app
app.send_task("host.add", [1, 2], queue="{queue}", task_id="first")
print("sent", flush=True)
input()
began = time.monotonic()
try:
    app.send_task("host.add", [1, 2], queue="{queue}", task_id="second")
except Exception as error:
    print("refused", type(error).__name__, flush=True)
else:
    print("taken", "by-the-broker", flush=True)
print(time.monotonic() - began, "seconds", flush=True)
"""


@dataclass
class Stage:
    """A worker and a sender that reach the broker by a proxy; both have done one thing."""

    proxy: Proxy
    worker: Process
    sender: Process

    def send(self) -> tuple[str, float]:
        """Have the sender send once more; return what became of it, and the seconds it took."""
        self.sender.say("go")
        wait_until(lambda: "seconds" in self.sender.output(), seconds=70, what="the sender")
        outcome, _, seconds, _ = self.sender.output().split()[1:]
        return outcome, float(seconds)

    def has_done(self, run: str) -> bool:
        """
        Return whether the worker has done *run*: ``first`` or ``second``.

        It may do the first one twice: what it says of it may be lost with the link.
        """
        return f"[{run}] succeeded in" in self.worker.output()


@pytest.fixture
def stage(tmp_path, request):
    """Set the stage on the broker that the test names."""
    with _stage(tmp_path, request.getfixturevalue(f"{request.param}_url")) as set_up:
        yield set_up


@contextmanager
def _stage(folder, url) -> Iterator[Stage]:
    proxy, queue = Proxy(url), f"silent-{uuid4().hex[:8]}"
    direct = Host.on(folder, broker_url=url)
    host = replace(direct, processes=[], env=direct.env | {"CELERY_BROKER_URL": proxy.url})
    direct.manage("migrate", "-v", "0")
    try:
        worker = host.worker("-Q", queue)
        wait_until(lambda: " ready." in worker.output(), seconds=40, what="the worker")
        set_up = Stage(proxy, worker, host.talk(_SEND.format(queue=queue)))
        wait_until(lambda: set_up.has_done("first"), seconds=40, what="the first run")
        yield set_up
    finally:
        proxy.open()
        host.stop_all()
        direct.drop_queue(queue)
        proxy.end()


@pytest.mark.parametrize("stage", _BROKERS, indirect=True)
def test_links_that_died_without_a_word_are_replaced(stage):
    """
    The links there are carry nothing any more, as behind a firewall that has forgotten them,
    and nobody is told: within 15 seconds a message goes out, within 20 it is at work.
    """
    stage.proxy.freeze()
    began = time.monotonic()

    outcome, seconds = stage.send()
    wait_until(lambda: stage.has_done("second"), seconds=60, what="the second run")

    assert (outcome, seconds < NOTICED) == ("taken", True), seconds
    assert time.monotonic() - began < REPLACED + seconds


@pytest.mark.parametrize("stage", _BROKERS, indirect=True)
def test_silence_is_noticed(stage):
    """
    With the broker silent altogether a message is refused within 15 seconds; when the broker
    speaks again, worker and sender go on.
    """
    stage.proxy.silence()

    outcome, seconds = stage.send()
    stage.proxy.open()

    assert (outcome, seconds < NOTICED) == ("refused", True), seconds
    assert not re.search("Traceback", stage.sender.output())
    wait_until(lambda: stage.worker.is_alive, seconds=1, what="the worker")

"""A Redis that ends and starts anew, seen by a worker that has nobody to wake it."""

from __future__ import annotations

import os
import signal
from uuid import uuid4

import pytest

from tests.live.own_servers import RedisServer, running
from tests.live.processes import Host, wait_until

pytestmark = [pytest.mark.live, pytest.mark.redis, pytest.mark.timeout(120)]

SEND = """
from tests.host.celery import app
app.send_task("host.add", [1, 2], queue="{queue}", task_id="{run}")
"""
#: Neither other workers nor signs of life: nothing comes but messages.
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")


def test_a_worker_goes_on_after_a_quick_restart(tmp_path):
    """
    Redis is back before the worker has looked: it makes its links anew all the same.
    """
    queue = f"restart-{uuid4().hex[:8]}"
    with running(RedisServer) as server:
        host = Host.on(tmp_path, broker_url=server.url)
        host.manage("migrate", "-v", "0")
        try:
            worker = host.worker("-Q", queue, *ALONE)
            wait_until(lambda: " ready." in worker.output(), seconds=40, what="the worker")
            host.python(SEND.format(queue=queue, run="first"))
            wait_until(
                lambda: "[first] succeeded in" in worker.output(), seconds=20, what="a first run"
            )

            os.kill(worker.popen.pid, signal.SIGSTOP)
            server.crash_and_recover()
            os.kill(worker.popen.pid, signal.SIGCONT)
            host.python(SEND.format(queue=queue, run="second"))

            wait_until(
                lambda: "[second] succeeded in" in worker.output(),
                seconds=40,
                what=f"a run after the restart: {worker.output()[-3000:]}",
            )
        finally:
            host.stop_all()

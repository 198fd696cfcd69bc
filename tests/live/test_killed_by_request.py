"""A run that is killed over HTTP: its process dies, the worker goes on, and it ends once."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from tests.live.processes import Host, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(240), pytest.mark.postgres]

TOKEN = f"token-of-this-test-{uuid4().hex}"
REDIS = pytest.param("redis_url", marks=pytest.mark.redis, id="redis")
RABBITMQ = pytest.param("rabbitmq_url", marks=pytest.mark.rabbitmq, id="rabbitmq")
COUNTED = """
import json
from recurring_jobs.models import DeadLetter, Tally
ended = Tally.objects.filter(name="runs").values_list("subject", "detail", "value")
print(json.dumps([sorted(map(list, ended)), DeadLetter.objects.count()]))
"""


class Site:
    """The host project, served on a port of this machine."""

    def __init__(self, host: Host) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{taken.getsockname()[1]}"
        host.start("tests.host.manage", "runserver", "--noreload", self._address)
        wait_until(self._answers, seconds=60, what="the web server")

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and body of what is answered; with *body* it is a POST."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://{self._address}/jobs/{path}", data, headers)
        try:
            with urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    def _answers(self) -> bool:
        try:
            return self.ask("alive")[0] == 200
        except OSError:
            return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("broker", [REDIS, RABBITMQ])
def test_run_is_killed_over_http(tmp_path, migrated_database, request, broker):
    """
    POST runs/<id>/cancel with kill: the child of the pool dies in the middle of the run, which
    ends as failed, once, with no dead letter; its message does not come back, and the same
    worker goes on with the next run.
    """
    host = Host.on(
        tmp_path, database_url=migrated_database, broker_url=request.getfixturevalue(broker)
    )
    host.env["HOST_HEARTBEAT"] = "1"
    host.env["HOST_TOKEN"] = hashlib.sha256(TOKEN.encode()).hexdigest()
    queue, diary = f"killed-{uuid4().hex}", tmp_path / "diary"
    send = f"""
from tests.host import tasks
options = {{"queue": "{queue}"}}
tasks.lingers.apply_async(("{diary}", "{tmp_path}/never"), task_id="long", **options)
tasks.lingers.apply_async(("{diary}-2", "{tmp_path}/never"), task_id="beside", **options)
"""
    after = f"tasks.add_tracked.apply_async((1, 2), task_id='after', queue='{queue}')"
    try:
        site, worker = Site(host), host.worker("-Q", queue)
        host.python(send)
        wait_until(diary.exists, seconds=60, what="the run")
        run_pid = int(host.python(_pid_of("long")).split()[-1])

        status, told = site.ask("runs/long/cancel", {"kill": True})
        wait_until(lambda: site.ask("runs/long")[1]["finished_at"], seconds=30, what="its end")
        wait_until(lambda: not is_alive(run_pid), seconds=10, what="the child to die")
        host.python(f"from tests.host import tasks\n{after}")
        wait_until(
            lambda: site.ask("runs/after")[1].get("state") == "succeeded",
            seconds=30,
            what="the next run",
        )
        # Longer than a run may be silent, and a message takes to come back.
        before = site.ask("runs/long")[1]
        wait_until(lambda: _counted(host)[0], seconds=20, what="a heartbeat")
        host.python("import time; time.sleep(5)")

        assert (status, told["id"], bool(told["cancel_requested_at"])) == (200, "long", True)
        assert (before["state"], before["attempt"], before["crashes"]) == ("failed", 1, 0)
        assert site.ask("runs/long")[1] == before
        assert site.ask("runs/beside")[1]["state"] == "running"
        assert worker.is_alive
        assert diary.read_text().count("\n") == 1
        assert _counted(host) == [
            [["host.add_tracked", "succeeded", 1], ["host.lingers", "failed", 1]],
            0,
        ]
        again, problem = site.ask("runs/long/cancel", {"kill": True})
        assert (again, problem["type"].rpartition(":")[2]) == (409, "not-possible")
        site.ask("runs/beside/cancel", {"kill": True})
    finally:
        host.stop_all()


def _pid_of(run_id: str) -> str:
    return f"from recurring_jobs.models import Run; print(Run.objects.get(pk='{run_id}').pid)"


def _counted(host: Host) -> list[Any]:
    found: list[Any] = json.loads(host.python(COUNTED).splitlines()[-1])
    return found

"""The compose file: its form, what it opens, and its commands by hand on real services."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
import yaml

from tests.deploy.tools import DEPLOY
from tests.live.processes import Process, wait_until

EXAMPLE = DEPLOY.parent
PATH = DEPLOY / "compose.yaml"
TEXT = PATH.read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
#: CELERY_TASK_TIME_LIMIT of the example.
LONGEST_TASK = 30 * 60


def test_its_form_is_that_of_the_specification():
    """A reader of the Compose Specification takes it."""
    compose_spec = pytest.importorskip("compose_spec")

    merged = yaml.safe_dump({**yaml.safe_load(TEXT), "services": SERVICES})
    read = compose_spec.PyCompose.from_yaml(merged)

    read.validate()
    assert set(read.service_names()) == set(SERVICES)


def test_nothing_starts_without_its_password():
    """Each password is asked for by name, and none stands in the file."""
    asked = set(re.findall(r"\$\{(\w+):\?", TEXT))
    names = {line.split("=")[0] for line in (DEPLOY / "compose.env").read_text().splitlines()[1:]}

    assert (
        asked == names == {"SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_BASIC_AUTH"}
    )
    assert not re.findall(r"\$\{\w+(:-\w|\})", TEXT)


def test_only_the_web_server_can_be_reached_and_from_here():
    """Database, broker and Flower publish no port."""
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}

    assert published == {"web": ["127.0.0.1:8000:8000"]}
    assert all("network_mode" not in each for each in SERVICES.values())


def test_two_workers_and_two_beats():
    """Any number of beats may run, so two do."""
    replicas = {
        name: each["deploy"]["replicas"] for name, each in SERVICES.items() if "deploy" in each
    }

    assert replicas == {"worker": 2, "beat": 2}


def test_a_worker_may_finish_its_longest_task():
    """It is killed later than the task would be."""
    minutes = int(SERVICES["worker"]["stop_grace_period"].removesuffix("m"))
    settings = (EXAMPLE / "conf/settings.py").read_text()

    assert "CELERY_TASK_TIME_LIMIT = 30 * 60" in settings
    assert minutes * 60 > LONGEST_TASK


def test_images_have_a_version():
    """No image is the latest, and each that runs for long says how it is."""
    for name, service in SERVICES.items():
        image = service["image"]
        assert re.search(r":\d+\.\d+", image) or image == "recurring-jobs-example"
        assert "healthcheck" in service or name in {"setup", "flower"}


# By hand


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Stack:
    """The services of the file, each started with its own command and environment."""

    def __init__(self, folder: Any, database_url: str, broker_url: str) -> None:
        self.folder = folder
        self.port = _free_port()
        self.flower_port = _free_port()
        self.values = {"SECRET_KEY": "x" * 50, "FLOWER_BASIC_AUTH": "ann:secret"}
        self.urls = {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url}
        self.started: list[Process] = []

    def start(self, service: str, *more: str, **environment: str) -> Process:
        """Start one process of *service*."""
        said = SERVICES[service]
        command = [
            part.replace("0.0.0.0:8000", f"127.0.0.1:{self.port}").replace("0.0.0.0", "127.0.0.1")
            for part in said["command"]
        ]
        log = self.folder / f"{len(self.started)}-{service}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [*command, *more],
                cwd=EXAMPLE,
                env=self._environment(service) | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(Process(popen, log))
        return self.started[-1]

    def is_healthy(self, service: str) -> bool:
        """Return whether the health check of *service* says so."""
        how, *command = SERVICES[service]["healthcheck"]["test"]
        if how == "CMD-SHELL":
            command = ["sh", "-c", command[0].replace("$$", "$")]
        done = subprocess.run(
            [part.replace("localhost:8000", f"127.0.0.1:{self.port}") for part in command],
            cwd=EXAMPLE,
            # In a container that is the name of the host.
            env=self._environment(service) | {"HOSTNAME": socket.gethostname()},
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode == 0

    def _environment(self, service: str) -> dict[str, str]:
        inherited = {
            n: v for n, v in os.environ.items() if not n.startswith(("FLOWER_", "CELERY_"))
        }
        said = SERVICES[service]["environment"]
        given = {name: self._filled(str(value)) for name, value in said.items()}
        env = inherited | given | self.urls
        env |= {"DJANGO_SETTINGS_MODULE": "conf.settings", "EXAMPLE_VAR_DIR": str(self.folder)}
        env["PATH"] = f"{os.path.dirname(sys.executable)}:{env['PATH']}"  # noqa: PTH120  text
        return env

    def get(self, path: str, port: int | None = None) -> int:
        """Return the status that an address answers with, 0 where nobody does."""
        url = f"http://127.0.0.1:{port or self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def _filled(self, value: str) -> str:
        return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda name: self.values.get(name[1], "x"), value)


@pytest.fixture
def stack(tmp_path, fresh_database, postgres_url, redis_url):
    pytest.importorskip("gunicorn")
    made = Stack(tmp_path, fresh_database(postgres_url), redis_url)
    yield made
    for process in made.started:
        process.send(15)
    for process in made.started:
        process.stop(seconds=20)


@pytest.mark.live
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.timeout(240)
def test_its_processes_run(stack):
    """
    Set up, then web, two workers, two beats and Flower: all is well, a schedule fires, Flower
    asks who one is, and everything ends when it is asked to.
    """
    setup = stack.start("setup")
    assert setup.popen.wait(90) == 0, setup.output()
    web = stack.start("web")
    # On one machine two may not have one name.
    workers = [stack.start("worker"), stack.start("worker", "--hostname", "w2@%h")]
    beats = [stack.start("beat") for _ in range(2)]
    flower = stack.start("flower", "--port", str(stack.flower_port))

    wait_until(lambda: stack.get("/jobs/alive") == 200, seconds=60, what="the web server")
    wait_until(lambda: stack.get("/jobs/health") == 200, seconds=60, what="all to be well")
    wait_until(
        lambda: all(" ready." in each.output() for each in workers), seconds=60, what="workers"
    )
    wait_until(lambda: stack.get("/", stack.flower_port) == 401, seconds=60, what="Flower")
    for process in [*beats, flower, web]:
        assert process.is_alive
    checked = ("web", "worker", "beat")
    assert [name for name in checked if not stack.is_healthy(name)] == []
    ends = [process.stop(seconds=30) for process in [*beats, *workers, web]]

    assert ends == [0] * 5
    assert [name for name in checked if stack.is_healthy(name)] == []


@pytest.mark.live
@pytest.mark.postgres
@pytest.mark.redis
def test_flower_does_not_start_without_credentials(stack):
    """Not even where somebody forgot the variable."""
    flower = stack.start("flower", FLOWER_BASIC_AUTH="")

    assert flower.popen.wait(60) == 2
    assert "does not start open" in flower.output()

"""how-to/api-recipes.md: the recipes, run as they are written, against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from celery.contrib.testing.worker import start_worker
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import path
from django.utils import timezone

from recurring_jobs.models import DeadLetter, Run
from tests.api.conftest import GOOD_TOKEN, app, post, sha256  # noqa: F401  a fixture
from tests.docs.examples import DOCS

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (DOCS / "how-to" / "api-recipes.md").read_text()
ALLOWED = ["trigger", "status", "view_arguments", "requeue_dead_letter"]


def blocks(language: str, heading: str) -> list[str]:
    """Return the blocks of *language* below *heading*; an empty one is what comes first."""
    head, *others = re.split(r"^## ", PAGE, flags=re.M)
    texts = {"": head} | dict(other.split("\n", 1) for other in others)
    return re.findall(rf"^```{language}\n(.*?)^```$", texts[heading], re.M | re.S)


@pytest.fixture
def shell(transactional_db, app, settings, live_server, tmp_path):  # noqa: F811
    """Run a recipe of the page in bash, with a token for the server of this test."""
    if not (shutil.which("curl") and shutil.which("bash")):
        pytest.skip("The recipes are for bash and curl.")
    app.set_default()  # the threads of the server have no app of their own
    settings.RECURRING_JOBS = {
        "API_TOKENS": {"ops": {"sha256": sha256(GOOD_TOKEN), "allow": ALLOWED}}
    }
    (preamble,) = blocks("bash", "")
    preamble = preamble.replace("http://localhost:8000", live_server.url)

    def run(heading: str, *, seconds: float = 60) -> str:
        (recipe,) = blocks("bash", heading)
        return bash(preamble + recipe, tmp_path, seconds)

    return run


def bash(script: str, folder: Path, seconds: float) -> str:
    """Return what *script* prints; one that has no end is ended after *seconds*."""
    with subprocess.Popen(
        ["timeout", str(seconds), "bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "TOKEN": GOOD_TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        output, _ = process.communicate(timeout=seconds + 30)
    return output


def test_task_is_started_and_waited_for(shell, app):  # noqa: F811
    """
    The recipe ends when the run does, and prints it with its result.
    """
    queue = app.conf.task_routes["shop.recompute"]["queue"]

    with start_worker(app, pool="solo", perform_ping_check=False, queues=[queue]):
        told = json.loads(shell("Start a task and wait for its end"))

    assert (told["state"], told["result"]["days"]) == ("succeeded", 7)


def test_what_waits_is_watched(shell):
    """
    The loop prints how many runs wait, until it is ended.
    """
    for name in ("one", "two"):
        Run.objects.create(id=name, task="shop.recompute")
    Run.objects.create(id="three", task="shop.recompute", state="running")

    lines = shell("Watch what waits", seconds=5).splitlines()

    assert len(lines) >= 2
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d 2 waiting", line) for line in lines), lines


def test_last_night_is_sent_again(shell, tmp_path):
    """
    All letters of one exception since yesterday are sent again, a hundred at a time.
    """
    now = timezone.now()
    DeadLetter.objects.bulk_create(
        DeadLetter(
            task="shop.recompute",
            task_id=str(each),
            kwargs={"days": 7},
            exception_type=kind,
            failed_at=at,
        )
        for each, (kind, at) in enumerate(
            [("ConnectionError", now)] * 101
            + [("KeyError", now), ("ConnectionError", now - timedelta(days=3))]
        )
    )

    assert shell("Send again what failed last night") == ""

    assert DeadLetter.objects.filter(state="requeued").count() == 101
    assert DeadLetter.objects.filter(state="open").count() == 2
    assert len((tmp_path / "sent.log").read_text().split("is_more")) == 3


# Other frameworks


def names_of(code: str) -> dict[str, Any]:
    """Return what a block of the page defines."""
    names: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(code, "api-recipes.md", "exec", dont_inherit=True), names)
    return names


@pytest.mark.django_db
def test_rest_framework_decides_who_is_let_in(app, settings, monkeypatch):  # noqa: F811
    """
    Whoever the project's REST API knows has the permissions that they have.
    """
    pytest.importorskip("rest_framework")
    module = ModuleType("recipe_jobs")
    vars(module).update(names_of(blocks("python", "With Django REST framework")[0]))
    monkeypatch.setitem(sys.modules, "recipe_jobs", module)
    settings.RECURRING_JOBS = {"API_AUTHORIZE": "recipe_jobs.authorize"}
    User.objects.create_user("ann", password="pw")
    User.objects.create_superuser("boss", password="pw")
    path_ = "/jobs/tasks/shop.recompute/trigger"

    answers = [
        post(Client(), path_, {"args": [7]}, headers=headers).status_code
        for headers in ({}, basic("ann", "no"), basic("ann", "pw"), basic("boss", "pw"))
    ]

    assert answers == [401, 401, 403, 202]


def basic(name: str, password: str) -> dict[str, str]:
    """Return the header of HTTP's own log-in."""
    from base64 import b64encode

    return {"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.django_db
def test_rest_framework_view_starts_a_task(app):  # noqa: F811
    """
    A view of the project's own answers with the run.
    """
    pytest.importorskip("rest_framework")
    recompute = names_of(blocks("python", "With Django REST framework")[2])["recompute"]
    request = RequestFactory().post("/", {"days": 7}, content_type="application/json")

    answer = recompute(request)

    assert (answer.status_code, answer.data["state"]) == (202, "queued")
    assert Run.objects.get().args == [7]


@pytest.mark.django_db
def test_ninja_view_starts_a_task(app, settings):  # noqa: F811
    """
    So does one of Django Ninja.
    """
    pytest.importorskip("ninja")
    api = names_of(blocks("python", "With Django Ninja")[0])["api"]
    urls = ModuleType("recipe_urls")
    urls.urlpatterns = [path("api/", api.urls)]
    settings.ROOT_URLCONF = urls

    answer = post(Client(), "/api/recompute", {"days": 7})

    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert post(Client(), "/api/recompute", {"days": "x"}).status_code == 422
    assert Run.objects.get().args == [7]

"""Each check of ``check --deploy``: what sets it off, and what to type."""

from __future__ import annotations

import importlib
import os
import warnings as warnings_module
from types import ModuleType
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.decorators import login_required
from django.urls import include, path
from django_celery_results.views import task_status

from tests.test_checks import found


@pytest.fixture
def limited(monkeypatch):
    """Every task of the host project has a time limit of a minute."""
    current_app.loader.import_default_modules()
    for name, task in current_app.tasks.items():
        if not name.startswith("celery."):
            monkeypatch.setattr(task, "time_limit", 60, raising=False)


@pytest.fixture
def no_flower(monkeypatch):
    for name in os.environ:
        if name.startswith("FLOWER_"):
            monkeypatch.delenv(name)


def warnings() -> dict[str, str]:
    return {number: message.msg for number, message in found(deploy=True).items()}


def test_a_right_deployment_is_told_nothing(settings, limited, no_flower):
    """A broker that is a server, limits, results that expire: nothing is found."""
    settings.CELERY_BROKER_URL = "redis://cache/0"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 7200}

    assert warnings() == {}


def test_nothing_is_asked_of_a_project_in_development(settings):
    """Without --deploy none of these is found."""
    settings.CELERY_BROKER_URL = "redis://cache/0"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 1, "socket_timeout": None}

    assert set(found()) == set()


@pytest.mark.parametrize(
    ("url", "options", "is_found"),
    [
        ("redis://cache/0", {"visibility_timeout": 59}, True),
        ("rediss://cache/0", {"visibility_timeout": 59}, True),
        ("valkey://cache/0", {"visibility_timeout": 59}, True),
        ("redis://cache/0", {"visibility_timeout": 60}, False),
        ("redis://cache/0", {}, False),
        ("amqp://rabbit", {"visibility_timeout": 59}, False),
    ],
)
def test_messages_that_come_back_too_early(settings, limited, url, options, is_found):
    """W010: Redis would give a task that is at work to a second worker."""
    settings.CELERY_BROKER_URL = url
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = options

    message = found(deploy=True).get("W010")

    assert bool(message) == is_found
    if message:
        assert message.msg.startswith("Redis gives a message to another worker after 59 seconds,")
        assert message.hint.endswith("{'visibility_timeout': 120}")


def test_visibility_of_an_hour_is_the_default(settings, limited, monkeypatch):
    """W010: where nothing is set, Redis waits for an hour."""
    settings.CELERY_BROKER_URL = "redis://cache/0"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {}
    monkeypatch.setattr(current_app.tasks["host.add"], "time_limit", 3601)

    assert "may take longer: host.add." in warnings()["W010"]


def test_tasks_without_limit(limited, monkeypatch):
    """W011: a task that hangs would hold its place for ever; three are named."""
    for name in ("host.add", "host.alone", "host.kills", "host.waits"):
        monkeypatch.setattr(current_app.tasks[name], "time_limit", None)

    assert "host.add, host.alone, host.kills and 1 more without" in warnings()["W011"]


@pytest.mark.parametrize("expires", [None, 0])
def test_results_that_stay_for_ever(settings, limited, expires):
    """W012: the back end only grows."""
    settings.CELERY_RESULT_EXPIRES = expires

    assert warnings()["W012"].startswith("Results never expire")


@pytest.mark.parametrize(
    ("variables", "is_found"),
    [
        ({}, False),
        ({"FLOWER_PORT": "5555"}, True),
        ({"FLOWER_PORT": "5555", "FLOWER_BASIC_AUTH": ""}, True),
        ({"FLOWER_PORT": "5555", "FLOWER_BASIC_AUTH": "ann:secret"}, False),
        ({"FLOWER_BASIC_AUTH": "ann:secret", "FLOWER_UNAUTHENTICATED_API": "true"}, True),
        ({"FLOWER_BASIC_AUTH": "ann:secret", "FLOWER_UNAUTHENTICATED_API": "false"}, False),
        ({"FLOWER_SERVICE_HOST": "10.0.0.7", "FLOWER_PORT": "tcp://10.0.0.7:5555"}, False),
    ],
    ids=["none", "no word", "empty", "a word", "open API", "closed API", "of Kubernetes"],
)
def test_flower_that_is_open(limited, no_flower, monkeypatch, variables, is_found):
    """W013: the environment has Flower listen to anybody; no value is shown."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    told = warnings()

    assert ("W013" in told) == is_found
    assert "secret" not in str(told)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"socket_timeout": None}, "socket_timeout of"),
        ({"socket_timeout": 0, "socket_connect_timeout": 0}, "socket_timeout, socket_connect"),
        ({"socket_timeout": 20}, ""),
    ],
)
def test_broker_that_is_waited_for_without_end(settings, limited, options, named):
    """W014: a setting takes away what the app would set."""
    settings.CELERY_BROKER_URL = "redis://cache/0"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = options

    assert warnings().get("W014", "").startswith(named)
    assert ("W014" in warnings()) == bool(named)


@pytest.fixture
def mount(settings):
    """Have these patterns be the project's URLs."""

    def become(*patterns: Any) -> None:
        urls = ModuleType("made_urls")
        urls.urlpatterns = list(patterns)
        settings.ROOT_URLCONF = urls

    with warnings_module.catch_warnings():
        warnings_module.simplefilter("ignore")  # of that package, about its own URLs
        importlib.import_module("django_celery_results.urls")
        yield become


@pytest.mark.parametrize("below", ["", "celery/"])
def test_results_for_everybody(mount, below):
    """W016: the pages that tell what a task returned are mounted, wherever that is."""
    mount(path(below, include([path("results/", include("django_celery_results.urls"))])))

    told = warnings()["W016"]

    assert "without a login (celery-group_status, celery-is_group_successful," in told
    assert "GET runs/<id>" in found(deploy=True)["W016"].hint


def test_results_for_those_who_logged_in(mount, settings):
    """A page behind a login, or a project where all of them are, is not told of."""
    mount(path("<task_id>", login_required(task_status)))
    wrapped = warnings()
    mount(path("results/", include("django_celery_results.urls")))
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]

    assert "W016" not in wrapped | warnings()


def test_project_without_pages(settings):
    """A project that serves none has none that is open."""
    settings.ROOT_URLCONF = None

    assert "W016" not in warnings()

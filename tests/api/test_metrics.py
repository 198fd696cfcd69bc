"""The figures for Prometheus: who may have them, and in which form."""

from __future__ import annotations

import sys

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.api.conftest import CALLERS, sha256

TOKEN = "metrics-token-0123456789-0123456"
ANSWERS = {
    "anonymous": 401,
    "plain user": 403,
    "viewer": 403,
    "operator": 403,
    "superuser": 200,
    "token": 403,
    "powerless token": 403,
    "wrong token": 401,
    "empty token": 401,
    "other scheme": 401,
}


@pytest.fixture
def prometheus(db, settings) -> Client:
    """A client that may have the figures and nothing else."""
    settings.RECURRING_JOBS = {"API_TOKENS": {"p": {"sha256": sha256(TOKEN), "allow": ["metrics"]}}}
    return Client(headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize("name", CALLERS)
def test_metrics_are_for_callers_with_the_right(caller, name):
    """A right to runs is none to figures."""
    assert caller(name).get("/jobs/metrics").status_code == ANSWERS[name]


def test_token_of_its_own(prometheus):
    """A token that allows metrics opens them, and nothing else."""
    answer = prometheus.get("/jobs/metrics")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "recurring_jobs_up 1.0" in answer.content.decode().splitlines()
    assert "no-store" in answer.headers["Cache-Control"]
    assert prometheus.get("/jobs/schedules").status_code == 403


def test_permission_of_its_own(db):
    """A user needs view_metrics."""
    user = User.objects.create(username="ann")
    user.user_permissions.add(Permission.objects.get(codename="view_metrics"))
    client = Client()
    client.force_login(user)

    assert client.get("/jobs/metrics").status_code == 200


def test_open_metrics_where_it_is_accepted(prometheus):
    """Prometheus says which form it takes."""
    answer = prometheus.get("/jobs/metrics", headers={"Accept": "application/openmetrics-text"})

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")


def test_token_that_is_limited_to_tasks_gets_none(prometheus, settings):
    """The figures are of all tasks, so they are not for who may see some."""
    settings.RECURRING_JOBS["API_TOKENS"]["p"]["tasks"] = ["pricing.*"]

    assert prometheus.get("/jobs/metrics").status_code == 403


def test_other_methods_are_refused(prometheus):
    """Figures are read."""
    assert prometheus.post("/jobs/metrics").status_code == 405


def test_without_the_extra_it_says_what_to_install(prometheus, monkeypatch):
    """A project that has no prometheus_client is told so, and its API works."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "recurring_jobs.metrics", raising=False)

    answer = prometheus.get("/jobs/metrics")

    assert answer.status_code == 501
    assert 'pip install "django-recurring-jobs[prometheus]"' in answer.json()["detail"]

"""How often a caller may ask."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from recurring_jobs.models import Run
from tests.api.conftest import post

TRIGGER = "/jobs/tasks/shop.recompute/trigger"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """No request was counted before."""
    cache.clear()


def test_caller_that_asks_too_often_is_told_to_wait(app, caller, settings, time_machine):
    """
    After so many requests of a minute the next is a 429, which does nothing; a minute later
    it is let in, and others are all the while.
    """
    settings.RECURRING_JOBS = {"API_RATE": 3}
    first, other = caller("superuser"), caller("superuser")
    time_machine.move_to("2026-03-02T09:00:20Z", tick=False)

    answers = [post(first, TRIGGER, {"args": [7]}) for _ in range(200)]

    assert [answer.status_code for answer in answers] == [202] * 3 + [429] * 197
    assert Run.objects.count() == 3
    assert answers[-1].headers["Retry-After"] == "40"
    assert answers[-1].json() == {
        "type": "urn:problem-type:recurring-jobs:too-many-requests",
        "title": "Too many requests",
        "status": 429,
        "detail": "This is more than 3 requests a minute. Try again in 40 seconds.",
    }
    assert post(other, TRIGGER, {"args": [7]}).status_code == 202
    time_machine.move_to("2026-03-02T09:01:00Z", tick=False)
    assert post(first, TRIGGER, {"args": [7]}).status_code == 202


def test_task_has_a_rate_of_its_own(app, caller, settings, time_machine):
    """
    What is dear may be triggered less often than all else is asked: by each caller, and
    what was done already, by its key, is told again.
    """
    settings.RECURRING_JOBS = {"API_TASK_RATES": {"shop.recompute": 2}}
    first, other = caller("superuser"), caller("superuser")
    time_machine.move_to("2026-03-02T09:00:20Z", tick=False)
    keyed = {"Idempotency-Key": "a"}

    answers = [
        post(first, TRIGGER, {"args": [7]}, headers=headers)
        for headers in (keyed, keyed, {}, {}, keyed)
    ]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 202]
    assert Run.objects.count() == 2
    assert answers[3].headers["Retry-After"] == "40"
    assert answers[3].json()["detail"] == (
        "This is more than 2 runs of shop.recompute a minute. Try again in 40 seconds."
    )
    assert first.get("/jobs/runs").status_code == 200
    assert post(other, TRIGGER, {"args": [7]}).status_code == 202
    assert post(first, "/jobs/tasks/shop.fails/trigger", {}).status_code == 202
    time_machine.move_to("2026-03-02T09:01:00Z", tick=False)
    assert post(first, TRIGGER, {"args": [7]}).status_code == 202


def test_no_rate_is_no_bound(app, superuser, settings):
    """
    With 0 nothing is counted.
    """
    settings.RECURRING_JOBS = {"API_RATE": 0}

    assert {superuser.get("/jobs/runs").status_code for _ in range(20)} == {200}


def test_cache_that_keeps_nothing_counts_nothing(app, superuser, settings):
    """
    With Django's dummy cache the API works, without a bound.
    """
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    settings.RECURRING_JOBS = {"API_RATE": 1}

    assert {superuser.get("/jobs/runs").status_code for _ in range(3)} == {200}


def test_probes_are_not_counted(client, settings, db):
    """
    Health and liveness are asked by machines that share an address, and are open.
    """
    settings.RECURRING_JOBS = {"API_RATE": 1}

    assert {client.get("/jobs/alive").status_code for _ in range(3)} == {200}

"""The status of a run: what is told, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from recurring_jobs.models import Run

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def viewer(caller):
    """A client that may see runs."""
    return caller("viewer")


def test_run_tells_where_it_is(app, viewer):
    """
    A run tells task, state, attempt, times and progress.
    """
    Run.objects.create(
        id="one",
        task="shop.recompute",
        state="running",
        attempt=2,
        created_at=AT,
        started_at=AT,
        heartbeat_at=AT,
        crashes=1,
        progress_done=3,
        progress_total=10,
        progress_note="third shop",
    )

    response = viewer.get("/jobs/runs/one")

    assert (response.status_code, response.json()) == (
        200,
        {
            "id": "one",
            "task": "shop.recompute",
            "state": "running",
            "attempt": 2,
            "queued_at": "2026-03-02T09:00:00+00:00",
            "started_at": "2026-03-02T09:00:00+00:00",
            "finished_at": None,
            "heartbeat_at": "2026-03-02T09:00:00+00:00",
            "crashes": 1,
            "progress": {"done": 3, "total": 10, "note": "third shop"},
            "exception": None,
            "schedule": None,
            "cancel_requested_at": None,
        },
    )
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("ValueError: hunter2 was refused", "ValueError"),
        ("shop.errors.Away: a: b", "shop.errors.Away"),
        ("Revoked.", "Revoked"),
        ("", None),
    ],
)
def test_exception_is_told_by_class(app, viewer, stored, told):
    """
    Of an exception its class is told; the text may hold what a viewer must not see.
    """
    Run.objects.create(id="one", task="shop.fails", state="failed", exception=stored)

    assert viewer.get("/jobs/runs/one").json()["exception"] == told


@pytest.mark.parametrize(
    ("state", "stored_as", "has_result"),
    [
        ("succeeded", "SUCCESS", True),
        ("running", "SUCCESS", False),
        ("succeeded", "FAILURE", False),
        ("succeeded", "STARTED", False),
    ],
    ids=["success", "result before the state", "stored failure", "result that is not there yet"],
)
def test_result_is_told_of_a_success(app, superuser, state, stored_as, has_result):
    """
    The result is told when both the run and the result back end call it a success.
    """
    run = Run.objects.create(id=uuid4().hex, task="shop.recompute", state=state)
    result = ValueError("hunter2") if stored_as == "FAILURE" else {"days": 7}
    app.backend.store_result(run.pk, result, stored_as)

    told = superuser.get(f"/jobs/runs/{run.pk}").json()

    assert told.get("result", "none") == ({"days": 7} if has_result else "none")


def test_result_and_arguments_are_for_who_may_see_them(app, viewer, superuser):
    """
    Whoever may see runs sees neither what one was given nor what it returned, for that.
    """
    Run.objects.create(id="one", task="shop.recompute", state="succeeded", kwargs={"days": 7})
    app.backend.store_result("one", {"days": 7}, "SUCCESS")

    told, told_all = (client.get("/jobs/runs/one").json() for client in (viewer, superuser))

    assert not {"args", "kwargs", "result"} & set(told)
    assert (told_all["args"], told_all["kwargs"]) == ([], {"days": 7})
    assert told_all["result"] == {"days": 7}


def test_no_result_is_told_without_a_back_end(app, superuser):
    """
    Without a result back end a success is told without a result.
    """
    app.conf.result_backend = None
    Run.objects.create(id="one", task="shop.recompute", state="succeeded")

    told = superuser.get("/jobs/runs/one").json()

    assert (told["state"], "result" in told) == ("succeeded", False)


def test_result_back_end_that_is_away_costs_only_the_result(app, superuser):
    """
    With the result back end away the state is told all the same.
    """
    app.conf.result_backend = "redis://127.0.0.1:1/0"
    app.conf.redis_socket_connect_timeout = 1
    app.conf.result_backend_always_retry = False
    Run.objects.create(id="one", task="shop.recompute", state="succeeded")

    told = superuser.get("/jobs/runs/one").json()

    assert (told["state"], "result" in told) == ("succeeded", False)


@pytest.mark.parametrize(
    "run_id",
    ["unknown", "x" * 65, "x" * 100_000, "%00", "ü"],
    ids=["unknown", "long", "very long", "nul", "unicode"],
)
def test_unknown_run_is_not_found(app, viewer, run_id):
    """
    An id without a run, or that no run can have, is a 404 in words.
    """
    response = viewer.get(f"/jobs/runs/{run_id}")

    assert (response.status_code, response.json()) == (
        404,
        {
            "type": "urn:problem-type:recurring-jobs:unknown-run",
            "title": "Unknown run",
            "status": 404,
            "detail": "There is no run of this id.",
        },
    )

"""Who gets in: every caller against every address and method."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recurring_jobs.models import Run
from tests.api.conftest import CALLERS, GOOD_TOKEN, PRICING_TOKEN, post, sha256

TRIGGER = "/jobs/tasks/shop.recompute/trigger"
STATUS = "/jobs/runs/known"
OTHER_METHODS = ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

TRIGGER_ANSWERS = {
    "anonymous": 401,
    "plain user": 403,
    "viewer": 403,
    "operator": 202,
    "superuser": 202,
    "token": 202,
    "powerless token": 403,
    "wrong token": 401,
    "empty token": 401,
    "other scheme": 401,
}
STATUS_ANSWERS = {**TRIGGER_ANSWERS, "viewer": 200, "operator": 403, "superuser": 200, "token": 200}


@pytest.fixture
def known_run(db: None) -> Run:
    """A run of a shop task."""
    return Run.objects.create(id="known", task="shop.recompute")


@pytest.mark.parametrize("name", CALLERS)
def test_trigger_is_for_callers_with_the_right(app, caller, name):
    """
    Only an operator, a superuser or a token that allows it triggers; others leave no run.
    """
    client = caller(name)

    response = post(client, TRIGGER, {"args": [7]})

    assert response.status_code == TRIGGER_ANSWERS[name]
    assert Run.objects.count() == (response.status_code == 202)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", CALLERS)
def test_status_is_for_callers_with_the_right(app, caller, known_run, name, method):
    """
    Only a viewer, a superuser or a token that allows it sees a run.
    """
    client = caller(name)

    assert client.generic(method, STATUS).status_code == STATUS_ANSWERS[name]


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize(
    ("path", "methods", "allowed"),
    [
        (TRIGGER, ["GET", "HEAD", *OTHER_METHODS], "POST"),
        (STATUS, ["POST", *OTHER_METHODS], "GET, HEAD"),
    ],
    ids=["trigger", "status"],
)
def test_other_methods_are_refused(app, caller, known_run, name, path, methods, allowed):
    """
    Whoever asks, another method answers 405, says which to use, and changes nothing.
    """
    client = caller(name)

    for method in methods:
        response = client.generic(method, path)

        assert (response.status_code, response.headers["Allow"]) == (405, allowed)
    assert list(Run.objects.all()) == [known_run]


def test_nobody_is_told_how_to_get_in(caller):
    """
    A 401 names the way in, in the header and in the problem.
    """
    response = post(caller("anonymous"), TRIGGER)

    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:problem-type:recurring-jobs:not-authenticated",
        "title": "Not authenticated",
        "status": 401,
        "detail": "Log in, or send a token in the header Authorization: Bearer <token>.",
    }


def test_missing_permission_is_named(caller):
    """
    A 403 names the permission that the user would need.
    """
    response = post(caller("plain user"), TRIGGER)

    assert response.json() == {
        "type": "urn:problem-type:recurring-jobs:not-allowed",
        "title": "Not allowed",
        "status": 403,
        "detail": "This needs the permission recurring_jobs.trigger_run.",
    }


def test_refusal_says_nothing_of_what_exists(caller, known_run):
    """
    Callers without the right get the same answer for what exists and what does not.
    """
    for name in ("anonymous", "plain user", "powerless token", "wrong token"):
        client = caller(name)

        for real, unreal in [(TRIGGER, "/jobs/tasks/no.such/trigger")]:
            assert post(client, real).content == post(client, unreal).content
        assert client.get(STATUS).content == client.get("/jobs/runs/unknown").content


# Sessions and CSRF


@pytest.fixture
def browser(db: None) -> Client:
    """The browser of a logged-in superuser, with CSRF checks as in production."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create(username="boss", is_superuser=True))
    return client


def test_session_without_csrf_token_is_refused(app, browser):
    """
    A session alone triggers nothing, since any page can make a browser send its cookies.
    """
    response = post(browser, TRIGGER, {"args": [7]})

    assert response.status_code == 403
    assert response.json()["type"] == "urn:problem-type:recurring-jobs:csrf-failed"
    assert not Run.objects.exists()


def test_session_with_csrf_token_triggers(app, browser):
    """
    With the CSRF cookie and the same token in the header a session triggers.
    """
    token = "a" * 32
    browser.cookies["csrftoken"] = token

    response = post(browser, TRIGGER, {"args": [7]}, headers={"X-CSRFToken": token})

    assert response.status_code == 202


def test_wrong_token_beside_a_session_is_refused(app, browser):
    """
    A wrong token does not fall back to the session that came with it.
    """
    response = post(
        browser, TRIGGER, {"args": [7]}, headers={"Authorization": "Bearer " + "x" * 30}
    )

    assert response.status_code == 401


# Tokens


@pytest.mark.usefixtures("tokens")
def test_token_may_be_limited_to_tasks(app, db):
    """
    A token with ``tasks`` triggers those only, whether others exist or not, and sees
    only their runs.
    """
    client = Client(headers={"Authorization": f"Bearer {PRICING_TOKEN}"})
    Run.objects.create(id="theirs", task="shop.recompute")
    Run.objects.create(id="ours", task="pricing.refresh")

    answers = {
        path: (post(client, path) if "trigger" in path else client.get(path)).status_code
        for path in [
            "/jobs/tasks/pricing.refresh/trigger",
            "/jobs/tasks/shop.fails/trigger",
            "/jobs/tasks/shop.unknown/trigger",
            "/jobs/runs/ours",
            "/jobs/runs/theirs",
        ]
    }

    assert list(answers.values()) == [202, 403, 403, 200, 404]


@pytest.mark.parametrize(
    "clients",
    [
        {"ci": {"sha256": sha256("short"), "allow": ["trigger"]}},
        {"ci": {"sha256": "", "allow": ["trigger"]}},
        {"ci": {"sha256": None, "allow": ["trigger"]}},
        {"ci": {"sha256": "é" * 64, "allow": ["trigger"]}},
        {"ci": {"allow": ["trigger"]}},
        {"ci": "short"},
        {},
    ],
    ids=["short", "empty", "none", "not ascii", "missing", "not a dict", "no client"],
)
@pytest.mark.parametrize("token", ["short", "", "None", "é" * 30])
def test_unusable_token_opens_nothing(app, db, settings, clients, token):
    """
    A token that is too short never lets anybody in, nor does a digest that is none.
    """
    settings.RECURRING_JOBS = {"API_TOKENS": clients}
    client = Client(headers={"Authorization": f"Bearer {token}"})

    assert post(client, TRIGGER, {"args": [7]}).status_code == 401


def test_digest_is_no_token(app, db, settings):
    """
    Who reads the settings cannot get in with what stands there.
    """
    digest = sha256(GOOD_TOKEN)
    settings.RECURRING_JOBS = {"API_TOKENS": {"ci": {"sha256": digest, "allow": ["trigger"]}}}
    client = Client(headers={"Authorization": f"Bearer {digest}"})

    assert post(client, TRIGGER, {"args": [7]}).status_code == 401


def test_text_that_holds_the_action_is_no_right(app, db, settings):
    """
    ``allow`` must be a list: the word in a text opens nothing.
    """
    settings.RECURRING_JOBS = {
        "API_TOKENS": {"ci": {"sha256": sha256(GOOD_TOKEN), "allow": "trigger"}}
    }
    client = Client(headers={"Authorization": f"Bearer {GOOD_TOKEN}"})

    assert post(client, TRIGGER, {"args": [7]}).status_code == 403


# The host's own rule


def allows_recompute(request: Any, action: str, task: str) -> bool:
    """Let in whoever sends the right key, to one task."""
    return request.headers.get("X-Key") == "open" and (action, task) == (
        "trigger",
        "shop.recompute",
    )


async def allows_all_one_day(request: Any, action: str, task: str) -> bool:
    """A rule that nobody awaits."""
    return True


def allows_all(request: Any, action: str, task: str) -> bool:
    """Let everybody in."""
    return True


@pytest.fixture
def host_rule(settings) -> None:
    """The project decides by a callable of its own."""
    settings.RECURRING_JOBS = {"API_AUTHORIZE": f"{__name__}.allows_recompute"}


@pytest.mark.usefixtures("host_rule")
def test_host_rule_decides_by_request_action_and_task(app, db):
    """
    With API_AUTHORIZE set, its answer lets in, and it is asked with action and task.
    """
    client = Client(headers={"X-Key": "open"})
    Run.objects.create(id="known", task="shop.recompute")

    assert post(client, TRIGGER, {"args": [7]}).status_code == 202
    assert post(client, "/jobs/tasks/shop.fails/trigger").status_code == 401
    assert client.get(STATUS).status_code == 401


@pytest.mark.usefixtures("host_rule")
def test_host_rule_decides_instead_of_permissions(app, db):
    """
    With API_AUTHORIZE set, a superuser whom it refuses is refused.
    """
    client = Client()
    client.force_login(User.objects.create(username="boss", is_superuser=True))

    response = post(client, TRIGGER, {"args": [7]})

    assert (response.status_code, response.json()["detail"]) == (
        403,
        "The project does not allow this.",
    )


def test_host_rule_must_say_true(app, db, settings, recwarn):
    """
    An async rule, whose coroutine is true in itself, opens nothing.
    """
    settings.RECURRING_JOBS = {"API_AUTHORIZE": f"{__name__}.allows_all_one_day"}

    assert post(Client(), TRIGGER, {"args": [7]}).status_code == 401


def test_host_rule_does_not_lift_csrf(app, browser, settings):
    """
    Where the project's rule lets a session in, the session still needs its CSRF token.
    """
    settings.RECURRING_JOBS = {"API_AUTHORIZE": f"{__name__}.allows_all"}

    assert post(browser, TRIGGER, {"args": [7]}).status_code == 403
    assert post(Client(), TRIGGER, {"args": [7]}).status_code == 202

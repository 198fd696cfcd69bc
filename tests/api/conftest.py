"""A Celery app on a broker in memory, tasks to trigger, and all kinds of callers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from celery import Celery, shared_task
from celery._state import get_current_app
from django.contrib.auth.models import Permission, User
from django.test import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django import Settings

GOOD_TOKEN = "good-token-0123456789-0123456789"
POWERLESS_TOKEN = "powerless-token-0123456789-01234"
PRICING_TOKEN = "pricing-token-0123456789-0123456"
WRONG_TOKEN = "wrong-token-0123456789-012345678"


def sha256(token: str) -> str:
    """Return what the settings keep of *token*."""
    return hashlib.sha256(token.encode()).hexdigest()


@shared_task(name="shop.recompute", triggerable=True)
def recompute(
    days: int, *, label: str | None = None, ids: list[int] | None = None
) -> dict[str, Any]:
    """Succeed with what it was given."""
    return {"days": days, "label": label, "ids": ids}


@shared_task(name="shop.fails", triggerable=True)
def fails() -> None:
    """Fail with a secret in the message."""
    message = "hunter2"
    raise ValueError(message)


@shared_task(name="shop.internal")
def internal() -> None:
    """Not to be triggered from outside."""


@shared_task(name="pricing.refresh", bind=True, triggerable=True)
def refresh(self) -> str:
    """Succeed with what JSON has no word for."""
    return self.request.id


@pytest.fixture
def app() -> Iterator[Celery]:
    """The current Celery app for one test: broker and results in memory."""
    before = get_current_app()
    made = Celery("shop", broker="memory://", backend="cache+memory://")
    # Queues in memory outlive their app, so each app has a queue of its own.
    made.conf.task_default_queue = uuid4().hex
    made.conf.task_routes = {"shop.recompute": {"queue": f"discounts-{uuid4().hex}"}}
    made.finalize()
    yield made
    made.close()
    before.set_current()
    before.set_default()


@pytest.fixture
def tokens(settings: Settings) -> None:
    """Three clients with tokens: one may all, one nothing, one pricing only."""
    settings.RECURRING_JOBS = {
        "API_TOKENS": {
            "ci": {"sha256": sha256(GOOD_TOKEN), "allow": ["trigger", "status"]},
            "idle": {"sha256": sha256(POWERLESS_TOKEN), "allow": []},
            "prices": {
                "sha256": sha256(PRICING_TOKEN),
                "allow": ["trigger", "status"],
                "tasks": ["pricing.*"],
            },
        }
    }


@pytest.fixture
def caller(db: None, tokens: None) -> Callable[[str], Client]:
    """Return the client of a caller by its name in ``CALLERS``."""
    return lambda name: CALLERS[name]()


@pytest.fixture
def superuser(caller: Callable[[str], Client]) -> Client:
    """A client that may do everything."""
    return caller("superuser")


def post(client: Client, path: str, body: Any = None, **extra: Any) -> Any:
    """Send *body*, an empty object by default, as JSON."""
    return client.post(path, {} if body is None else body, content_type="application/json", **extra)


def _user(*permissions: str, is_superuser: bool = False) -> Client:
    user = User.objects.create(username=uuid4().hex, is_superuser=is_superuser)
    wanted = Permission.objects.filter(
        content_type__app_label="recurring_jobs", codename__in=permissions
    )
    assert len(wanted) == len(permissions)
    user.user_permissions.set(wanted)
    client = Client()
    client.force_login(user)
    return client


def _bearer(token: str) -> Client:
    # A token needs no CSRF token beside it.
    return Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {token}"})


CALLERS: dict[str, Callable[[], Client]] = {
    "anonymous": Client,
    "plain user": _user,
    "viewer": lambda: _user("view_run"),
    "operator": lambda: _user("trigger_run"),
    "superuser": lambda: _user(is_superuser=True),
    "token": lambda: _bearer(GOOD_TOKEN),
    "powerless token": lambda: _bearer(POWERLESS_TOKEN),
    "wrong token": lambda: _bearer(WRONG_TOKEN),
    "empty token": lambda: _bearer(""),
    "other scheme": lambda: Client(headers={"Authorization": f"Basic {GOOD_TOKEN}"}),
}

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from celery import current_app
from django.contrib.auth.models import Permission
from django.test import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User


class Sent(list[dict[str, Any]]):
    """The messages that went out; set ``error`` to make the broker away."""

    error: Exception | None = None


@pytest.fixture(autouse=True)
def sent(monkeypatch) -> Sent:
    """What was sent to the broker while the test ran, in place of sending it."""
    messages = Sent()

    def send_task(name, args=None, kwargs=None, *, task_id, **_options):
        if messages.error:
            raise messages.error
        messages.append({"task": name, "id": task_id, "args": args, "kwargs": kwargs})

    monkeypatch.setattr(current_app._get_current_object(), "send_task", send_task)
    return messages


@pytest.fixture
def person(django_user_model) -> Callable[..., User]:
    """Make a member of staff who has the permissions given as ``app_label.codename``."""

    def make(*permissions: str, username: str = "robin", **fields: object) -> User:
        user = django_user_model.objects.create_user(username, is_staff=True, **fields)
        for permission in permissions:
            app_label, codename = permission.split(".")
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label=app_label, codename=codename)
            )
        return user

    return make


@pytest.fixture
def browser_of(person) -> Callable[..., Client]:
    """Log a member of staff with these permissions in and return the browser."""

    def log_in(*permissions: str, **fields: object) -> Client:
        client = Client()
        client.force_login(person(*permissions, **fields))
        return client

    return log_in


@pytest.fixture
def boss(browser_of) -> Client:
    """The browser of a superuser."""
    return browser_of(username="boss", is_superuser=True)

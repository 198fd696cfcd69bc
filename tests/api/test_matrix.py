"""Every address of urls.py, by every method, for every kind of caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from recurring_jobs.api.access import PERMISSIONS, permission_for
from recurring_jobs.api.document import addresses
from recurring_jobs.models import DeadLetter, Fire, KeptAnswer, Run, Schedule
from tests.api.conftest import GOOD_TOKEN, WRONG_TOKEN, sha256
from tests.host.models import Todo
from tests.stored import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESSES = {each.name: each for each in addresses()}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
#: Open to anybody: they say no more than yes and no, or what the package is.
OPEN = {"openapi", "alive", "health"}

pytestmark = pytest.mark.django_db


def _user(permission: str = "", *, is_superuser: bool = False) -> Client:
    person = User.objects.create(
        username="somebody", is_superuser=is_superuser, is_staff=not permission
    )
    if permission:
        app_label, codename = permission.split(".")
        person.user_permissions.add(
            Permission.objects.get(content_type__app_label=app_label, codename=codename)
        )
    client = Client()
    client.force_login(person)
    return client


def _token(token: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"}, enforce_csrf_checks=True)


#: Each caller: how it is made, and which actions it may do.
CALLERS: dict[str, tuple[Callable[[], Client], set[str]]] = {
    "anonymous": (Client, set()),
    "wrong token": (lambda: _token(WRONG_TOKEN), set()),
    "staff without rights": (_user, set()),
    "superuser": (lambda: _user(is_superuser=True), set(PERMISSIONS)),
    **{
        f"user who may {action}": (
            lambda action=action: _user(permission_for(action, "host.Todo")),
            {action},
        )
        for action in PERMISSIONS
    },
    **{
        f"token for {action}": (lambda action=action: _token(f"{GOOD_TOKEN}-{action}"), {action})
        for action in PERMISSIONS
    },
}


@pytest.fixture
def tokens(settings) -> None:
    """A client for each action, that may do that alone."""
    settings.RECURRING_JOBS = {
        "API_TOKENS": {
            action: {"sha256": sha256(f"{GOOD_TOKEN}-{action}"), "allow": [action]}
            for action in PERMISSIONS
        }
    }


@pytest.fixture
def path_of(db) -> Callable[[str], str]:
    """Return the path of an address, by its name; where it is one of a row, there is one."""
    now = timezone.now()
    crontab = CrontabSchedule.objects.create(minute="0", hour="9", timezone="UTC")
    task = PeriodicTask.objects.create(name="n", task="shop.recompute", crontab=crontab)
    schedule = Schedule.objects.create(periodic_task=task, next_fire_at=now)
    Run.objects.create(id="known", task="shop.recompute")
    letter = DeadLetter.objects.create(task="shop.recompute", task_id="gone")
    todo = Todo.objects.create(title="t", due_at=now, recurrence_rule="FREQ=DAILY")
    places = {
        "<path:name>": "shop.recompute",
        "<str:run_id>": "known",
        "<str:label>": "host.Todo",
        "<str:pk>": str(todo.pk),
    }

    def path(name: str) -> str:
        route = ADDRESSES[name].route
        row = letter if route.startswith("dead-letters") else schedule
        for place, value in {**places, "<int:pk>": str(row.pk)}.items():
            route = route.replace(place, value)
        assert "<" not in route, f"Say here what stands in the places of {route}."
        return f"/jobs/{route}"

    return path


#: All that a request could change.
STORED = (Run, DeadLetter, Fire, KeptAnswer, Schedule)


@pytest.mark.usefixtures("tokens", "app")
@pytest.mark.parametrize("name", ADDRESSES)
def test_every_address_is_closed_but_to_who_has_its_right(path_of, name):
    """
    Each address lets in who has the one right that it needs, by the methods that it has;
    all others are refused, and nothing is changed by them.
    """
    path, before = path_of(name), rows_of(STORED)

    for caller in CALLERS:
        with transaction.atomic():
            _try_all(name, path, caller, before)
            transaction.set_rollback(True)


def _try_all(name: str, path: str, caller: str, before: list[Any]) -> None:
    make, actions = CALLERS[caller]
    client, operation = make(), ADDRESSES[name].operation
    is_let_in = name in OPEN or operation.action in actions
    is_known = bool(actions) or caller == "staff without rights"

    for method in METHODS:
        if is_let_in and method in operation.methods:
            continue
        answer = client.generic(method, path, b"{}", content_type="application/json")

        if method in operation.methods:
            assert answer.status_code == (403 if is_known else 401), (caller, answer.content)
        else:
            assert (answer.status_code, answer["Allow"]) == (405, ", ".join(operation.methods))
        assert answer["Content-Type"] == "application/problem+json"
        assert "no-store" in answer["Cache-Control"]
    assert rows_of(STORED) == before, caller

    for method in operation.methods if is_let_in else ():
        answer = client.generic(method, path, b"{}", content_type="application/json")

        assert answer.status_code not in {401, 403, 404, 405, 500}, (caller, answer.content)
        assert "no-store" in answer["Cache-Control"]


def test_only_these_addresses_are_open():
    """
    A new address is closed unless it is named here.
    """
    assert {each.name for each in addresses() if not each.operation.action} == OPEN

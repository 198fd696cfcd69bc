"""The OpenAPI document: what it says, the views do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from celery.contrib.testing.app import setup_default_app
from django.core.wsgi import get_wsgi_application
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks

from recurring_jobs.api.access import PERMISSIONS
from recurring_jobs.api.document import addresses, document, problems_of
from recurring_jobs.api.problems import KINDS
from recurring_jobs.api.schemas import SCHEMAS
from recurring_jobs.api.urls import urlpatterns
from recurring_jobs.models import DeadLetter, Fire, Run, Schedule
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.api.conftest import GOOD_TOKEN, sha256
from tests.examples import examples
from tests.host.models import Todo

ADDRESSES = {each.name: each for each in addresses()}
EXAMPLES = examples(12)


def test_every_address_is_in_the_document():
    """
    Each line of urls.py is told, but for the last, which tells that there is nothing.
    """
    *named, nothing = urlpatterns

    assert nothing.name is None
    assert [each.name for each in named] == list(ADDRESSES)
    assert len(document("/jobs/")["paths"]) == len(named)


def test_every_schema_and_every_problem_is_used():
    """
    Nothing is described that no view answers, and no kind of problem is left out.
    """
    text = str(document("/jobs/"))
    told = {kind for each in ADDRESSES.values() for kind in problems_of(each.operation)}

    assert [name for name in SCHEMAS if f"'#/components/schemas/{name}'" not in text] == []
    assert set(KINDS) - told == {"unknown-address"}
    assert {each.operation.action for each in ADDRESSES.values()} - {""} == set(PERMISSIONS) - {
        "view_arguments",
        "view_tracebacks",
    }


@pytest.mark.urls("tests.api.other_urls")
def test_document_tells_where_the_api_is_mounted():
    """
    The addresses begin where the project has mounted them.
    """
    told = Client().get("/deep/down/openapi.json").json()

    assert told["servers"] == [{"url": "/deep/down"}]


def test_document_tells_how_this_project_knows_its_users(client, settings):
    """
    The cookie of the session has the name that the settings give it, and a change needs the
    token against forgery, in the header of the settings.
    """
    settings.SESSION_COOKIE_NAME = "shop_session"
    settings.CSRF_HEADER_NAME = "HTTP_X_SHOP_TOKEN"

    told = client.get("/jobs/openapi.json").json()

    schemes = told["components"]["securitySchemes"]
    assert (schemes["session"]["name"], schemes["csrf"]["name"]) == ("shop_session", "X-Shop-Token")
    read, change = told["paths"]["/runs"]["get"], told["paths"]["/dead-letters/requeue"]["post"]
    assert read["security"] == [{"token": []}, {"session": []}]
    assert change["security"] == [{"token": []}, {"session": [], "csrf": []}]
    assert told["paths"]["/health"]["get"]["security"] == []


def test_nothing_at_an_address_is_a_problem_too(client):
    """
    An address that is none gets the same kind of answer as all else.
    """
    for path in ("/jobs/", "/jobs/nothing", "/jobs/runs/a/b", "/jobs/schedules/x", "/jobs/runs/"):
        answer = client.get(path)

        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
        assert answer.json()["type"] == "urn:problem-type:recurring-jobs:unknown-address"


# Schemathesis


@pytest.fixture
def api(app, settings, transactional_db) -> Any:
    """The document as the real WSGI application serves it; one client may do all."""
    settings.RECURRING_JOBS = {
        "API_TOKENS": {"all": {"sha256": sha256(GOOD_TOKEN), "allow": list(PERMISSIONS)}},
        "API_RATE": 0,
    }
    with setup_default_app(app):
        told = Client().get("/jobs/openapi.json").json()
        schemathesis.openapi.from_dict(told).validate()
        for methods in told["paths"].values():
            for operation in methods.values():
                del operation["security"]  # The right token is sent, whatever else is not.
        loaded = schemathesis.openapi.from_dict(told)
        loaded.app = get_wsgi_application()
        yield loaded


@pytest.fixture
def rows(transactional_db) -> dict[str, list[Any]]:
    """Rows of each kind, by the name of the place in an address that says which."""
    now = timezone.now()
    crontab = CrontabSchedule.objects.create(minute="0", hour="9", timezone="Europe/Paris")
    task = PeriodicTask.objects.create(name="n", task="shop.recompute", crontab=crontab)
    schedule = Schedule.objects.create(periodic_task=task, next_fire_at=now)
    fire = Fire.objects.create(
        schedule=schedule, nominal_at=now - timedelta(days=1), task_id="fired"
    )
    Run.objects.create(id="fired", task="shop.recompute", fire=fire, progress_done=1)
    Run.objects.create(id="done", task="shop.recompute", state="succeeded", finished_at=now)
    letters = [
        DeadLetter.objects.create(task="shop.recompute", task_id=str(number), kwargs={"days": 7})
        for number in range(EXAMPLES)
    ]
    todo = Todo.objects.create(title="t", due_at=now, recurrence_rule="FREQ=DAILY")
    generate_occurrences(Todo)
    return {
        "name": ["shop.recompute", "shop.fails", "shop.internal"],
        "run_id": ["fired", "done"],
        "schedules": [schedule.pk],
        "dead-letters": [letter.pk for letter in letters],
        "label": ["host.Todo"],
        "templates": [str(todo.pk)],
    }


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
@pytest.mark.parametrize("name", ADDRESSES)
def test_views_keep_to_the_document(api, rows, name, mode):
    """
    Whatever a request says, status, content type, headers and body of the answer are among
    those that the document has; what it forbids is refused; nothing is a server's error.
    """
    address = ADDRESSES[name]
    operation = api[address.path][address.operation.method]
    is_free = not operation.query and not operation.body and "<int:" not in address.route
    if mode is GenerationMode.NEGATIVE and is_free:
        pytest.skip("Nothing can be said wrongly.")

    @given(case=operation.as_strategy(generation_mode=mode), choose=st.data())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,  # so that a change is judged by itself
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any, choose: st.DataObject) -> None:
        for place in case.path_parameters or {} if mode is GenerationMode.POSITIVE else ():
            known = rows.get(place) or rows.get(address.route.partition("/")[0], [])
            if choose.draw(st.integers(0, 3)):
                case.path_parameters[place] = choose.draw(st.sampled_from(known))
        case.call_and_validate(
            headers={"Authorization": f"Bearer {GOOD_TOKEN}"},
            excluded_checks=[
                # An array of arguments may be right for the API and wrong for the task.
                checks.positive_data_acceptance,
                # These say by their status that something is wrong, or not installed.
                *([checks.not_a_server_error] if name in {"health", "metrics"} else []),
            ],
        )

    check()

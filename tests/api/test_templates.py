"""The rows that were made from a template, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.api.conftest import GOOD_TOKEN, sha256
from tests.host.models import Course, Todo

pytestmark = pytest.mark.django_db

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def viewer_of(*codenames: str) -> Client:
    """Return the client of a user with these rights."""
    person = User.objects.create(username="ann")
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def todo() -> Todo:
    """A template with five rows."""
    made = Todo.objects.create(
        title="Water", due_at=NINE, recurrence_rule="FREQ=DAILY", recurrence_timezone="UTC"
    )
    generate_occurrences(Todo, now=NINE - timedelta(hours=1))
    return made


def address(row: object, pk: object = None) -> str:
    return f"/jobs/templates/{row._meta.label}/{pk or row.pk}/occurrences"


def test_occurrences_are_told_in_order(todo):
    """
    Each row is told with id, nominal time, zone and start; nothing of the host's own fields.
    """
    told = viewer_of("view_todo").get(address(todo)).json()

    first = todo.occurrences.order_by("due_at").first()
    assert told["next_after"] is None
    assert len(told["occurrences"]) == 5
    assert told["occurrences"][0] == {
        "id": str(first.pk),
        "nominal_time": first.recurrence_id,
        "timezone": "UTC",
        "starts_at": first.due_at.isoformat(),
    }


def test_occurrences_come_in_pages_and_from_a_time_on(todo):
    """
    Pages follow by nominal time; ``since`` leaves out what starts before.
    """
    client = viewer_of("view_todo")

    first = client.get(address(todo), {"limit": 3}).json()
    second = client.get(address(todo), {"limit": 3, "after": first["next_after"]}).json()
    late = client.get(address(todo), {"since": "2026-03-04T00:00:00Z"}).json()

    starts = [row["starts_at"] for page in (first, second) for row in page["occurrences"]]
    assert (len(starts), starts, second["next_after"]) == (5, sorted(starts), None)
    assert all(row["starts_at"] >= "2026-03-04" for row in late["occurrences"])
    assert 0 < len(late["occurrences"]) < 5


def test_occurrences_of_two_tables_are_told(db):
    """
    Where occurrences have a table of their own, it is the template that is named.
    """
    course = Course.objects.create(title="Latin", first_at=NINE, recurrence_rule="FREQ=WEEKLY")
    generate_occurrences(Course, now=NINE - timedelta(hours=1))

    told = viewer_of("view_course").get(address(course)).json()

    assert told["occurrences"]


def test_template_is_for_who_may_view_its_model(todo):
    """
    The right to view another model, or runs, is none to view this one.
    """
    client = viewer_of("view_course", "view_run")

    assert client.get(address(todo)).status_code == 403
    assert Client().get(address(todo)).status_code == 401


def shows_none(request, rows):
    """Hide every row."""
    return rows.none()


@pytest.mark.parametrize(
    "path",
    ["tests.Nothing/1", "host.Event/1", "host.Todo/999", "host.Todo/x", "x/1", "host.Todo/%00"],
)
def test_unknown_template_is_not_found(app, settings, path):
    """
    What is no template, or none that the caller may see, is a 404.
    """
    settings.RECURRING_JOBS = {
        "API_TOKENS": {"cal": {"sha256": sha256(GOOD_TOKEN), "allow": ["view_template"]}}
    }
    client = Client(headers={"Authorization": f"Bearer {GOOD_TOKEN}"})

    answer = client.get(f"/jobs/templates/{path}/occurrences")

    assert (answer.status_code, answer.json()["title"]) == (404, "Unknown template")


def test_template_that_the_host_hides_does_not_exist(todo, settings):
    """
    API_VISIBLE is asked of templates as well.
    """
    client = viewer_of("view_todo")
    settings.RECURRING_JOBS = {"API_VISIBLE": f"{__name__}.shows_none"}

    assert client.get(address(todo)).status_code == 404


def test_occurrence_is_no_template(todo):
    """
    A row that was made from a template has no occurrences of its own.
    """
    row = todo.occurrences.first()

    assert viewer_of("view_todo").get(address(todo, row.pk)).status_code == 404

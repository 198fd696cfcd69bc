"""The list of runs, and to have one end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from celery.contrib.testing.worker import start_worker
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from recurring_jobs.models import Fire, Run, Schedule, TaskLock
from tests.api.conftest import PRICING_TOKEN, post

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
RUNS = "/jobs/runs"


@pytest.fixture
def viewer(caller) -> Client:
    """A client that may see runs."""
    return caller("viewer")


@pytest.fixture
def canceller(db) -> Client:
    """A client of a user named boss who may cancel runs, and nothing else."""
    person = User.objects.create(username="boss")
    person.user_permissions.add(Permission.objects.get(codename="cancel_run"))
    client = Client()
    client.force_login(person)
    return client


def make_runs(*names: str, **values: object) -> list[Run]:
    """Store runs of these ids, a minute apart."""
    common = {"task": "shop.recompute", **values}
    return [
        Run.objects.create(id=name, created_at=AT + timedelta(minutes=number), **common)
        for number, name in enumerate(names)
    ]


def ids(client: Client, **query: object) -> list[str]:
    """Return the ids of the runs that the list tells."""
    answer = client.get(RUNS, query)
    assert answer.status_code == 200, answer.content
    return [run["id"] for run in answer.json()["runs"]]


# The list


def test_newest_run_comes_first(viewer):
    """
    The list tells of each run what its page does, and the newest first.
    """
    make_runs("first", "second")

    told = viewer.get(RUNS).json()

    assert [run["id"] for run in told["runs"]] == ["second", "first"]
    assert told["runs"][0] == viewer.get(f"{RUNS}/second").json()
    assert told["next_after"] is None


def test_runs_are_found_by_task_state_and_time(viewer):
    """
    Each filter leaves out what it does not name, and all of them hold together.
    """
    make_runs("a", "b", state="failed")
    make_runs("c", task="pricing.refresh", state="failed")

    assert ids(viewer, task="pricing.refresh") == ["c"]
    assert ids(viewer, state="failed", task="shop.recompute") == ["b", "a"]
    assert ids(viewer, state="running") == []
    assert ids(viewer, since=(AT + timedelta(minutes=1)).isoformat()) == ["b"]


def test_runs_are_found_by_the_schedule_that_fired_them(viewer):
    """
    Runs tell the id of their schedule, and are found by it.
    """
    crontab = CrontabSchedule.objects.create(minute="0", timezone="UTC")
    task = PeriodicTask.objects.create(name="n", task="shop.recompute", crontab=crontab)
    schedule = Schedule.objects.create(periodic_task=task)
    fire = Fire.objects.create(schedule=schedule, nominal_at=AT, task_id="fired")
    make_runs("fired", fire=fire)
    make_runs("triggered")

    assert ids(viewer, schedule=schedule.pk) == ["fired"]
    assert viewer.get(f"{RUNS}/fired").json()["schedule"] == schedule.pk


def test_pages_follow_each_other(viewer):
    """
    Pages tell each run once, also runs of the same moment, and what was made meanwhile
    moves none.
    """
    make_runs(*"abcde")
    Run.objects.update(created_at=AT)
    found, after = [], None

    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        page = viewer.get(RUNS, query).json()
        found += [run["id"] for run in page["runs"]]
        Run.objects.create(id=f"new{len(found)}", task="x", created_at=AT + timedelta(days=1))
        after = page["next_after"]
        if after is None:
            break

    assert found == list("edcba")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "1e9"},
        {"after": "x"},
        {"after": "W10="},
        {"after": "WyIyMDI2LTAzLTAyIiwgbnVsbF0="},
        {"after": "é"},
        {"state": "gone"},
        {"since": "yesterday"},
        {"since": "2026-03-02T09:00:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"schedule": "x"},
        {"schedule": str(2**63)},
        {"task": "x" * 256},
        {"task": "\x00"},
    ],
    ids=str,
)
def test_query_that_cannot_be_is_refused_by_name(viewer, query):
    """
    What a query may not say is named.
    """
    answer = viewer.get(RUNS, query)

    assert (answer.status_code, answer.json()["argument"]) == (400, next(iter(query)))


def test_list_takes_as_many_queries_for_many_runs_as_for_one(viewer, django_assert_num_queries):
    """
    A page of a hundred runs takes the queries that a page of one does.
    """
    make_runs("first")
    viewer.get(RUNS)  # the session is read
    with django_assert_num_queries(5) as few:
        viewer.get(RUNS)
    make_runs(*(str(number) for number in range(100)))

    with django_assert_num_queries(len(few)):
        assert len(ids(viewer)) == 100


@pytest.mark.parametrize(
    "query",
    [{}, {"task": "t"}, {"state": "failed"}, {"since": AT.isoformat()}],
    ids=["all", "task", "state", "since"],
)
def test_page_is_read_by_an_index(viewer, query, django_assert_num_queries):
    """
    However many runs there are, a page is read from an index, in its order.
    """
    if connection.vendor != "sqlite":
        pytest.skip("Only SQLite's plan is the same for a small table as for a large one.")
    make_runs("first")
    with django_assert_num_queries(5) as asked:
        viewer.get(RUNS, query)
    (sql,) = (each["sql"] for each in asked if 'FROM "recurring_jobs_run"' in each["sql"])

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = [row[3] for row in cursor.fetchall()]

    assert "USING INDEX recurring_jobs_run_" in plan[0]
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


@pytest.mark.usefixtures("tokens")
def test_token_sees_the_runs_of_its_tasks():
    """
    A token that is limited to tasks is told of their runs alone.
    """
    make_runs("shop")
    make_runs("ours", task="pricing.refresh")
    make_runs("almost", task="xpricing.refresh")
    make_runs("dotless", task="pricingxrefresh")

    assert ids(Client(headers={"Authorization": f"Bearer {PRICING_TOKEN}"})) == ["ours"]


# The rule of the host for rows


def shows_recompute(request, rows):
    """Show what belongs to one task."""
    return rows.filter(task="shop.recompute")


def test_rows_that_the_host_hides_do_not_exist(superuser, settings):
    """
    What API_VISIBLE leaves out is in no list, has no page and cannot be cancelled.
    """
    make_runs("shown")
    make_runs("hidden", task="pricing.refresh")
    settings.RECURRING_JOBS = {"API_VISIBLE": f"{__name__}.shows_recompute"}

    assert ids(superuser) == ["shown"]
    assert superuser.get(f"{RUNS}/shown").status_code == 200
    hidden, unknown = (superuser.get(f"{RUNS}/{name}") for name in ("hidden", "unknown"))
    assert (hidden.status_code, hidden.content) == (404, unknown.content)
    assert post(superuser, f"{RUNS}/hidden/cancel").status_code == 404
    assert Run.objects.get(pk="hidden").state == "queued"


# Cancelling


@pytest.mark.parametrize("state", ["queued", "retrying"])
def test_run_that_waits_ends_at_once(app, canceller, state):
    """
    A run in the queue, or between two attempts, has ended when the answer is there; what
    it locked is free.
    """
    make_runs("one", state=state)
    now = timezone.now()
    TaskLock.objects.create(id="x", task="t", owner="one", token=1, taken_at=now, lease_until=now)

    told = post(canceller, f"{RUNS}/one/cancel").json()

    assert (told["state"], told["exception"]) == ("skipped", "Cancelled by boss")
    assert told["finished_at"] == told["cancel_requested_at"] is not None
    assert TaskLock.objects.get().owner == ""


def test_run_at_work_is_asked_to_end(app, canceller):
    """
    A run that a worker has goes on until its task looks; it is on record that it was asked.
    """
    make_runs("one", state="running")

    told = post(canceller, f"{RUNS}/one/cancel").json()

    assert told["state"] == "running"
    assert told["cancel_requested_at"] is not None


@pytest.mark.parametrize("state", ["succeeded", "failed", "lost", "skipped"])
def test_run_that_has_ended_stays_as_it_is(app, canceller, state):
    """
    What has ended cannot be cancelled, and the answer says so.
    """
    make_runs("one", state=state)

    answer = post(canceller, f"{RUNS}/one/cancel")

    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        f"Run one has ended: it is {state}. Nothing was done.",
    )
    assert Run.objects.get().cancel_requested_at is None


def test_killing_needs_the_broker(app, canceller):
    """
    With the broker away nobody can be killed; that the run was asked to end stays.
    """
    app.conf.broker_url = "redis://127.0.0.1:1/0"
    make_runs("one", state="running")

    answer = post(canceller, f"{RUNS}/one/cancel", {"kill": True})

    assert (answer.status_code, answer.json()["title"]) == (503, "Broker away")
    assert Run.objects.get().cancel_requested_at is not None


@pytest.mark.django_db(transaction=True)
def test_message_of_a_cancelled_run_starts_nothing(app, superuser):
    """
    The message of a cancelled run is still in the queue; a worker takes it and does nothing.
    """
    first, second = (
        post(superuser, "/jobs/tasks/shop.recompute/trigger", {"args": [7]}).json()["status_url"]
        for _ in range(2)
    )
    queue = app.conf.task_routes["shop.recompute"]["queue"]
    post(superuser, f"{first}/cancel")

    with start_worker(app, pool="solo", perform_ping_check=False, queues=[queue]):
        app.AsyncResult(second.rpartition("/")[2]).get(timeout=20, disable_sync_subtasks=False)

    states = [superuser.get(url).json()["state"] for url in (first, second)]
    assert states == ["skipped", "succeeded"]
    assert superuser.get(first).json()["attempt"] == 0

"""Health: each part is unwell when it is, on the command line and over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import UnknownHealthPartError
from recurring_jobs.inspection import DATABASE_PARTS, health
from recurring_jobs.models import Beat, Worker
from recurring_jobs.runs.heartbeats import lease
from recurring_jobs.runs.reaper import LOOKS
from tests.admin.rows import make_fire, make_run, make_schedule
from tests.live.processes import wait_until

pytestmark = pytest.mark.django_db


def make_beat(*, age: float = 1, skew: float = 0) -> Beat:
    """Store a beat that ticked *age* seconds ago."""
    now = timezone.now()
    return Beat.objects.create(
        name="web-1:7",
        started_at=now,
        ticked_at=now - timedelta(seconds=age),
        clock_skew=timedelta(seconds=skew),
    )


def late_schedule() -> None:
    make_beat()
    make_schedule(next_fire_at=timezone.now() - timedelta(seconds=31))


def silent_beat() -> None:
    make_beat(age=31)
    make_schedule(next_fire_at=timezone.now() + timedelta(hours=1))


def wrong_clock() -> None:
    make_beat(skew=-3)


def lost_run() -> None:
    make_run("running", heartbeat_at=timezone.now() - timedelta(seconds=31))


def unsent_fire() -> None:
    schedule = make_schedule(enabled=False)
    make_fire(schedule, state="claimed", claimed_at=timezone.now() - timedelta(seconds=29))


def missing_migration() -> None:
    MigrationRecorder(connection).migration_qs.filter(app="recurring_jobs").delete()


def queue_left_lying() -> None:
    now = timezone.now()
    make_run("queued", queue="reports", created_at=now - timedelta(seconds=21))
    make_run("queued", queue="mails", created_at=now - timedelta(seconds=21))
    make_run("queued", queue="new", created_at=now - timedelta(seconds=5))
    Worker.objects.create(name="w1", queues=["mails"], started_at=now, seen_at=now)
    gone = now - timedelta(seconds=21)
    Worker.objects.create(name="w2", queues=["reports"], started_at=now, seen_at=gone)


UNWELL = {
    "schedules": (late_schedule, "1 overdue."),
    "beats": (silent_beat, "No beat has ticked for 30 seconds."),
    "clocks": (wrong_clock, "The clock of web-1:7 is -3.0 seconds off."),
    "runs": (lost_run, "1 without a sign of life, and nobody took them up."),
    "workers": (queue_left_lying, "Runs wait in reports, and no worker consumes that."),
    "fires": (unsent_fire, "1 claimed but not sent: the broker does not take them."),
    "migrations": (missing_migration, "Not applied: 0001_initial. Type: python manage.py migrate"),
}


def problems() -> dict[str, str]:
    return {part.name: part.problem for part in health(timezone.now()) if part.problem}


def test_all_is_well_where_there_is_nothing():
    """A project that has no schedule needs no beat."""
    assert problems() == {}


def test_all_is_well_where_all_works():
    """A beat that ticks, a schedule that is to fire, a run at work."""
    make_beat(age=20, skew=1)
    schedule = make_schedule(next_fire_at=timezone.now() + timedelta(hours=1))
    # Another beat takes it up after ten seconds, and has some to send it.
    make_fire(schedule, state="claimed", claimed_at=timezone.now() - timedelta(seconds=20))
    # As late as one may be that a living worker or beat is about to take up.
    make_run("running", heartbeat_at=timezone.now() - lease() - conf.heartbeat / LOOKS)

    assert problems() == {}


@pytest.mark.parametrize("part", UNWELL)
def test_each_part_is_unwell_when_it_is(part):
    """The part says what is wrong, and no other part does."""
    arrange, sentence = UNWELL[part]
    arrange()

    assert problems() == {part: sentence}


def test_every_part_of_the_database_has_a_case():
    """What is asked by default is made unwell above."""
    assert set(UNWELL) == set(DATABASE_PARTS)


@pytest.mark.parametrize("part", UNWELL)
def test_http_tells_yes_and_no_alone(part):
    """503 to anybody, with the name of the part and not a word of what is wrong with it."""
    arrange, sentence = UNWELL[part]
    arrange()

    answer = Client().get("/jobs/health")

    assert answer.status_code == 503
    assert answer.json() == {
        "is_well": False,
        "parts": {name: name != part for name in DATABASE_PARTS},
    }
    assert sentence not in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]


def test_http_asks_for_chosen_parts_only():
    """A probe of a web process need not fail because no beat runs."""
    silent_beat()

    chosen = Client().get("/jobs/health?part=runs&part=migrations")

    assert (chosen.status_code, chosen.json()["parts"]) == (200, {"runs": True, "migrations": True})


@pytest.mark.parametrize("part", ["broker", "queues", "bets", "<b>"])
def test_http_refuses_other_parts(part):
    """What would ask the broker cannot be asked by anybody."""
    answer = Client().get("/jobs/health", {"part": part})

    assert answer.status_code == 400
    assert answer.json()["argument"] == "part"


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_database_that_does_not_answer(kind):
    """It is told by class: its text may name the server and its user."""

    def fail(*arguments: object) -> None:
        message = "could not connect to server db.internal as admin"
        raise kind(message)

    with connection.execute_wrapper(fail):
        told = health(timezone.now())

    assert {part.problem for part in told} == {f"The database does not answer: {kind.__name__}."}


def test_unknown_part():
    """The error names the nearest part, and all."""
    with pytest.raises(UnknownHealthPartError, match="Did you mean 'beats'"):
        health(timezone.now(), ["beat"])


def test_command_prints_a_table(run):
    """Each part with its state; exit code 0."""
    assert run("health", "beats", "runs") == "part   state\nbeats  well\nruns   well\n"


def test_command_exits_with_one(run):
    """Where a part is unwell, its sentence stands in the answer, and the exit code is 1."""
    lost_run()

    with pytest.raises(CommandError) as caught:
        run("health", "runs", "--json")

    assert caught.value.returncode == 1


def test_command_asks_the_broker(run, app):
    """Messages that no worker takes are told with the name of their queue."""
    run("trigger", "desk.add", "--args", "[1]")

    with pytest.raises(CommandError) as caught:
        run("health", "--broker")
    queues = {part.name: part.problem for part in health(timezone.now(), ["queues"])}

    assert caught.value.returncode == 1
    assert queues == {"queues": f"1 in {app.conf.task_default_queue}, and no worker for it."}


def test_json_of_the_command(run):
    """Scripts get the sentences by part."""
    assert json.loads(run("health", "runs", "--json")) == {
        "is_well": True,
        "problems": {"runs": ""},
    }


@pytest.mark.live
@pytest.mark.timeout(120)
def test_beat_that_was_killed_is_noticed(host):
    """With a real beat all is well; some 30 seconds after kill -9 the command exits with 1."""
    host.python(
        "from tests.admin.rows import make_schedule; from django.utils import timezone;"
        "from datetime import timedelta;"
        "make_schedule(next_fire_at=timezone.now() + timedelta(days=1))"
    )
    beat = host.beat()

    def state() -> dict[str, str]:
        out = host.python(
            "import json; from django.utils import timezone;"
            "from recurring_jobs.inspection import health;"
            "print(json.dumps({p.name: p.problem for p in health(timezone.now())}))"
        )
        told: dict[str, str] = json.loads(out.splitlines()[-1])
        return told

    def is_seen() -> bool:
        return (
            host.python("from recurring_jobs.models import Beat; print(Beat.objects.count())")
            .strip()
            .endswith("1")
        )

    wait_until(is_seen, seconds=40, what="the beat to tick")
    before = state()
    beat.kill()
    wait_until(lambda: state()["beats"] != "", seconds=45, what="the beat to be missed")

    assert set(before.values()) == {""}

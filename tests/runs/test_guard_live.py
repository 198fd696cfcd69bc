"""Runs that must not overlap, on real workers that are killed and stopped."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live.processes import Host, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

#: Seconds between two heartbeats here; a lock outlives its worker for three of them.
HEARTBEAT = 1

SEND = """
from tests.host import tasks
for task_id, kwargs in {runs!r}.items():
    tasks.{task}.apply_async(({folder!r},), kwargs, task_id=task_id, queue={queue!r})
"""

STATES = """
import json
from recurring_jobs.models import Run, TaskLock
print(json.dumps({
    "runs": dict(Run.objects.values_list("id", "state")),
    "held": TaskLock.objects.held().count(),
}))
"""

DROP_QUEUES = """
from tests.host.celery import app
with app.connection_for_write() as connection:
    for queue in {queues!r}:
        connection.default_channel.queue_delete(queue)
"""


@dataclass
class Site:
    """A host with a queue of its own and the notes of its runs."""

    host: Host
    queue: str

    def worker(self, queue: str = ""):
        """Start a worker on a queue; one that is killed takes what it has fetched along."""
        return self.host.worker("-Q", queue or self.queue, "-n", f"{uuid4().hex[:6]}@%h")

    def send(self, task: str, *, to: str = "", **runs: dict) -> None:
        folder, queue = str(self.host.folder), to or self.queue
        self.host.python(SEND.format(task=task, runs=runs, folder=folder, queue=queue))

    @property
    def other_queue(self) -> str:
        return f"{self.queue}-b"

    def states(self) -> dict:
        return json.loads(self.host.python(STATES).splitlines()[-1])

    def notes(self) -> list[tuple[str, str, int]]:
        """Return what each run noted: what, its id, its token."""
        file = Path(self.host.folder) / "notes"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(what, run, int(token)) for what, run, _attempt, token in map(str.split, lines)]

    def has_noted(self, what: str, run: str) -> bool:
        return any(note[:2] == (what, run) for note in self.notes())


PLACES = [
    pytest.param("redis", "postgres", id="redis-postgres", marks=pytest.mark.redis),
    pytest.param("rabbitmq", "postgres", id="rabbitmq-postgres", marks=pytest.mark.rabbitmq),
    pytest.param(
        "redis", "mariadb", id="redis-mariadb", marks=[pytest.mark.redis, pytest.mark.mariadb]
    ),
    pytest.param("", "", id="files-sqlite"),
]


@pytest.fixture
def site(request, tmp_path, fresh_database):
    """A host on the broker and database that the test asks for."""
    broker, database = request.param
    url = fresh_database(os.environ[f"{database.upper()}_URL"]) if database else ""
    broker_url = os.environ[f"{broker.upper()}_URL"] if broker else ""
    host = Host.on(tmp_path, database_url=url, broker_url=broker_url)
    host.env["HOST_HEARTBEAT"] = str(HEARTBEAT)
    host.manage("migrate", "-v", "0")
    queue = f"alone-{uuid4().hex[:8]}"
    try:
        yield Site(host, queue)
    finally:
        host.stop_all()
        host.python(DROP_QUEUES.format(queues=[queue, f"{queue}-b"]))


def places(*ids):
    """Return a parametrize mark for those of PLACES that are named."""
    chosen = []
    for place in PLACES:
        if place.id not in ids:
            continue
        marks = list(place.marks)
        if place.values[1] == "postgres":
            marks.append(pytest.mark.postgres)
        chosen.append(pytest.param(place.values, id=place.id, marks=marks))
    return pytest.mark.parametrize("site", chosen, indirect=True)


def overlaps(notes):
    """Return the runs that began while another was at work."""
    found, inside = [], None
    for what, run, _token in notes:
        if what == "begins":
            if inside is not None:
                found.append((inside, run))
            inside = run
        elif what == "ends" and inside == run:
            inside = None
    return found


@places("redis-postgres", "rabbitmq-postgres", "redis-mariadb", "files-sqlite")
def test_runs_that_come_at_once_take_turns(site):
    """
    Of many runs sent at once, retried ones among them, none begins before another ends.

    Each has its turn, no retry is lost, and no lock is left.
    """
    runs = {f"run-{number}": {"seconds": 0.3, "failures": number % 2} for number in range(3)}
    site.worker()
    site.worker()

    site.send("in_turn", **runs)

    wait_until(
        lambda: site.states() == {"runs": dict.fromkeys(runs, "succeeded"), "held": 0},
        seconds=120,
        what=f"every run to succeed; {site.states()}",
    )
    notes = site.notes()
    assert overlaps(notes) == []
    assert sum(what == "commits" for what, _run, _token in notes) == 4
    tokens = [token for what, _run, token in notes if what == "begins"]
    assert tokens == sorted(set(tokens))


@places("redis-postgres", "rabbitmq-postgres")
def test_what_comes_while_one_is_at_work_is_skipped(site):
    """
    Of runs sent at once one is at work, and the others are on record as skipped.
    """
    runs = {f"run-{number}": {"seconds": 4} for number in range(4)}
    site.worker()

    site.send("alone", **runs)

    wait_until(
        lambda: sorted(site.states()["runs"].values()) == ["skipped"] * 3 + ["succeeded"],
        seconds=60,
        what="one run to succeed and the others to be skipped",
    )
    assert overlaps(site.notes()) == []


@places("redis-postgres", "rabbitmq-postgres")
def test_a_killed_holder_makes_room(site):
    """
    When the worker of a run is killed, the next run begins once the lease is over.
    """
    first = site.worker()
    site.send("in_turn", killed={"seconds": 600})
    wait_until(lambda: site.has_noted("begins", "killed"), seconds=60, what="the first run")
    site.worker(site.other_queue)
    site.send("in_turn", to=site.other_queue, next={"seconds": 0})
    wait_until(lambda: "next" in site.states()["runs"], seconds=60, what="the second to wait")
    assert not site.has_noted("begins", "next")

    first.kill()

    wait_until(lambda: site.has_noted("ends", "next"), seconds=60, what="the second run")
    assert site.has_noted("commits", "next")
    assert not site.has_noted("commits", "killed")


@places("redis-postgres", "rabbitmq-postgres")
def test_a_holder_that_slept_too_long_can_do_no_harm(site):
    """
    A stopped holder that goes on after its lease neither commits nor frees the next one's lock.
    """
    first = site.worker()
    site.send("in_turn", sleeper={"seconds": 2})
    wait_until(lambda: site.has_noted("begins", "sleeper"), seconds=60, what="the first run")
    first.send(signal.SIGSTOP)
    site.worker(site.other_queue)
    site.send("in_turn", to=site.other_queue, second={"seconds": 12}, third={"seconds": 0})
    wait_until(
        lambda: site.has_noted("begins", "second") or site.has_noted("begins", "third"),
        seconds=60,
        what="another run to begin",
    )

    first.send(signal.SIGCONT)

    wait_until(
        lambda: {site.states()["runs"].get(run) for run in ("second", "third")} == {"succeeded"},
        seconds=90,
        what="the two others to end",
    )
    wait_until(lambda: site.has_noted("ends", "sleeper"), seconds=60, what="the sleeper to end")
    others = [note for note in site.notes() if note[1] != "sleeper"]
    assert overlaps(others) == []
    commits = [(run, token) for what, run, token in site.notes() if what == "commits"]
    assert "sleeper" not in dict(commits)
    assert [token for _run, token in commits] == sorted(token for _run, token in commits)

"""The command recurring_jobs: what it prints, its exit codes, and real processes it runs."""

from __future__ import annotations

import io
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery
from celery._state import get_current_app
from celery.loaders.default import Loader
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone
from kombu import Queue

from recurring_jobs.inspection import ActiveRun, consumed_queues, queue_sizes
from recurring_jobs.management.processes import run_together
from recurring_jobs.management.terminal import as_json, as_table
from recurring_jobs.models import DeadLetter, Run, Worker
from tests.live.processes import Host, wait_until


def fault(run, *typed: str) -> tuple[int, str]:
    """Return exit code and sentence of a command that ends in an error."""
    with pytest.raises(CommandError) as caught:
        run(*typed)
    return caught.value.returncode, str(caught.value)


# trigger and status


@pytest.mark.django_db
def test_trigger_queues_a_run(app, run):
    """
    ``trigger`` sends one run to the queue and prints its id and state.
    """
    told = json.loads(run("trigger", "desk.add", "--args", "[1]", "--json"))

    stored = Run.objects.get()
    assert told == {"id": stored.pk, "task": "desk.add", "state": "queued"}
    assert (stored.args, stored.kwargs) == ([1], {})
    assert queue_sizes(app, [stored.queue]) == {stored.queue: 1}


@pytest.mark.django_db
def test_trigger_in_process_prints_the_result(run):
    """
    ``trigger --in-process`` executes the task here and prints what it returned.
    """
    output = run("trigger", "desk.add", "--kwargs", '{"left": 1, "right": 2}', "--in-process")

    assert output == (
        f"id      {Run.objects.get().pk}\ntask    desk.add\nstate   succeeded\nresult  3\n"
    )


@pytest.mark.django_db
def test_trigger_in_process_says_that_the_run_failed(run):
    """
    A run that fails in process is exit code 1 and names the class, not the text.
    """
    assert fault(run, "trigger", "desk.fails", "--in-process") == (
        1,
        "The run failed with ValueError.",
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            ["desk.internal"],
            "No task of this name can be triggered. "
            "A task can be when its code says triggerable=True.",
        ),
        (
            ["os.system", "--args", '["true"]'],
            "No task of this name can be triggered. "
            "A task can be when its code says triggerable=True.",
        ),
        (["desk.add"], "Argument 'left' of task 'desk.add' is missing."),
        (
            ["desk.add", "--args", '["1"]'],
            "Argument 'left' of task 'desk.add' must be int, not str.",
        ),
        (
            ["desk.add", "--args", "[1"],
            "--args is not JSON: Expecting ',' delimiter: line 1 column 3 (char 2).",
        ),
        (["desk.add", "--args", "1"], "--args must be an array, such as '[1, 2]'."),
        (
            ["desk.add", "--kwargs", "[]"],
            "--kwargs must be an object, such as '{\"days\": 7}'.",
        ),
    ],
    ids=[
        "not triggerable",
        "import path",
        "missing",
        "wrong type",
        "not JSON",
        "no array",
        "no object",
    ],
)
def test_wrong_use_is_refused(run, typed, sentence):
    """
    What cannot be triggered as typed is exit code 2 and a sentence, and leaves no run.
    """
    assert fault(run, "trigger", *typed) == (2, sentence)
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_status_of_a_run(run):
    """
    ``status`` prints what is known of a run.
    """
    Run.objects.create(id="one", task="desk.add", state="running", attempt=2)

    told = json.loads(run("status", "one", "--json"))

    assert (told["id"], told["task"], told["state"], told["attempt"]) == (
        "one",
        "desk.add",
        "running",
        2,
    )
    assert "state         running\n" in run("status", "one")


@pytest.mark.django_db
def test_runs_are_listed(run):
    """
    ``runs`` lists the newest first, of a task, a state and an age where these are asked.
    """
    now = timezone.now()
    for number, (task, state) in enumerate(
        [("desk.add", "running"), ("desk.add", "failed"), ("desk.fails", "failed")]
    ):
        at = now - timedelta(hours=number)
        Run.objects.create(
            id=f"run-{number}",
            task=task,
            state=state,
            created_at=at,
            started_at=at,
            finished_at=at + timedelta(seconds=1.5),
            exception="ValueError: hunter2" if state == "failed" else "",
        )

    def ids(*typed: str) -> list[str]:
        return [each["id"] for each in json.loads(run("runs", *typed, "--json"))]

    assert ids() == ["run-0", "run-1", "run-2"]
    assert ids("--task", "desk.add", "--state", "failed") == ["run-1"]
    assert ids("--state", "failed", "--state", "running", "--limit", "2") == ["run-0", "run-1"]
    assert ids("--hours", "0.5") == ["run-0"]
    table = run("runs", "--state", "failed").splitlines()
    assert table[0].split() == ["id", "task", "state", "attempt", "queued", "took", "exception"]
    assert table[1].split()[-3:] == ["1.5", "s", "ValueError"]
    assert "hunter2" not in "".join(table)


@pytest.mark.django_db
def test_no_runs(run):
    """
    Where there are none the table is its heads; a limit of nothing is wrong use.
    """
    assert len(run("runs").splitlines()) == 1
    assert fault(run, "runs", "--limit", "0") == (2, "--limit must be at least 1.")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "typed",
    [
        ("prune", "--runs", "-1"),
        ("prune", "--dead-letters", "nan"),
        ("runs", "--hours", "1e9"),
        ("dead-letters", "list", "--hours", "soon"),
    ],
    ids=" ".join,
)
def test_length_of_time_that_cannot_be(run, typed):
    """
    A time below zero would call every run old; it is wrong use, as is what is no number.
    """
    Run.objects.create(id="one", task="desk.add", state="succeeded")
    *_words, option, text = typed
    unit, most = ("days", "36,500") if typed[0] == "prune" else ("hours", "876,000")

    with pytest.raises(CommandError) as caught:
        run(*typed)

    expected = f"Error: argument {option}: {text!r} is not a number of {unit} from 0 to {most}."
    assert str(caught.value) == expected
    assert Run.objects.exists()


@pytest.mark.django_db
def test_requeue_with_arguments_that_do_not_fit(run):
    """
    Arguments that the task cannot take are named before anything is sent, as over HTTP.
    """
    letter = DeadLetter.objects.create(task="desk.add", task_id="one", args=[1])

    told = fault(run, "dead-letters", "requeue", "--id", "one", "--kwargs", '{"depth": 2}')

    letter.refresh_from_db()
    assert told == (2, "Argument 'depth' of task 'desk.add' is not known.")
    assert letter.state == "open"


@pytest.mark.django_db
def test_status_of_no_run(run):
    """
    ``status`` of an unknown id is exit code 1, and leads to the letter where there is one.
    """
    assert fault(run, "status", "two") == (1, "There is no run of the id 'two'.")

    DeadLetter.objects.create(task="desk.add", task_id="two")
    assert fault(run, "status", "two") == (
        1,
        "The run of the id 'two' is not kept, but there is a dead letter of it: "
        "recurring_jobs dead-letters list --id two",
    )


# purge


@pytest.fixture
def three_waiting(app) -> str:
    """A queue in which three messages wait."""
    queue = app.conf.task_default_queue
    for number in range(3):
        app.send_task("desk.add", [number], queue=queue)
    return queue


@pytest.mark.parametrize("answer", ["", "\n", "yes\n", "Purge\n"], ids=repr)
def test_purge_without_the_word_removes_nothing(app, run, three_waiting, monkeypatch, answer):
    """
    ``purge`` wants its own name typed; anything else, or nobody to type, removes nothing.
    """
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))

    assert fault(run, "purge", "--queues", three_waiting) == (
        1,
        "Nothing was removed. Where nobody can type, give --yes.",
    )
    assert queue_sizes(app, [three_waiting]) == {three_waiting: 3}


def test_purge_with_the_word_removes_all(app, run, three_waiting, monkeypatch):
    """
    ``purge`` with its name typed removes what waits and says how much that was.
    """
    monkeypatch.setattr(sys, "stdin", io.StringIO("purge\n"))

    output = run("purge", "--queues", three_waiting)

    assert output.splitlines()[-1].split() == [three_waiting, "3"]
    assert queue_sizes(app, [three_waiting]) == {three_waiting: 0}


def test_purge_yes_asks_nobody(run, three_waiting, monkeypatch):
    """
    ``purge --yes`` asks nobody; a queue that does not exist counts as empty.
    """
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    absent = uuid4().hex

    output = run("purge", "--yes", "--json", "--queues", f"{three_waiting},{absent}")

    assert json.loads(output) == {three_waiting: 3, absent: 0}


# queues


@pytest.mark.django_db
def test_queues_tell_what_waits(run, three_waiting):
    """
    ``queues`` tells the messages that wait, those at work, and the workers of each queue.
    """
    typed = ("queues", "--queues", three_waiting)

    assert json.loads(run(*typed, "--json")) == [
        {"queue": three_waiting, "waiting": 3, "at_work": 0, "workers": 0, "silent": 0}
    ]
    assert run(*typed).splitlines()[1].split() == [three_waiting, "3", "0", "0", "0"]


@pytest.mark.django_db
def test_worker_that_does_not_answer_may_be_at_work(run, app):
    """
    A worker that lives, and is too busy to answer in time, may have something at work: its
    queue is not called empty.
    """
    now, queue = timezone.now(), app.conf.task_default_queue
    Worker.objects.create(name="w1", queues=[queue], started_at=now, seen_at=now)

    assert json.loads(run("queues", "--json")) == [
        {"queue": queue, "waiting": 0, "at_work": 0, "workers": 1, "silent": 1}
    ]
    assert fault(run, "queues", "--until-empty", "0")[0] == 1


@pytest.mark.django_db
def test_queue_that_does_not_get_empty(run, three_waiting):
    """
    ``queues --until-empty`` is exit code 1 where messages wait when its time is over.
    """
    assert fault(run, "queues", "--queues", three_waiting, "--until-empty", "0") == (
        1,
        "Not empty after 0 seconds.",
    )


@pytest.mark.django_db
def test_empty_queue_is_not_waited_for(run):
    """
    ``queues --until-empty`` is done at once where there is nothing.
    """
    assert run("queues", "--queues", uuid4().hex, "--until-empty", "60").count("0") >= 3


@pytest.mark.rabbitmq
def test_absent_queue_on_rabbitmq_counts_as_empty(app, run, rabbitmq_url):
    """
    RabbitMQ closes the channel of whoever asks for a queue it does not have; the queues
    after it are counted and purged all the same.
    """
    app.conf.broker_url = rabbitmq_url
    present = app.conf.task_default_queue
    app.send_task("desk.add", [1], queue=present)

    try:
        sizes = queue_sizes(app, [uuid4().hex, present])
        purged = json.loads(run("purge", "--yes", "--json", "--queues", f"absent,{present}"))
    finally:
        with app.connection_for_write() as connection:
            connection.channel().queue_delete(present)

    assert list(sizes.values()) == [0, 1]
    assert purged == {"absent": 0, present: 1}


# Where it cannot be


@pytest.mark.parametrize(
    "typed",
    [["active"], ["scheduled"], ["registered"], ["stats"], ["queues"], ["purge", "--yes"]],
    ids=lambda typed: typed[0],
)
def test_broker_away_is_a_sentence(app, run, typed):
    """
    With the broker away the answer is exit code 3 and a sentence without its password.
    """
    app.conf.broker_url = "redis://:hunter2@127.0.0.1:1/0"

    code, sentence = fault(run, *typed)

    assert code == 3
    assert sentence.startswith("The broker redis://:**@127.0.0.1:1/0 cannot be reached (")
    assert sentence.endswith("). Start it, or correct CELERY_BROKER_URL.")


@pytest.mark.django_db
def test_broker_away_leaves_no_run(app, run):
    """
    A trigger that the broker did not take is exit code 3 and leaves no run.
    """
    app.conf.broker_url = "redis://:hunter2@127.0.0.1:1/0"

    assert fault(run, "trigger", "desk.add", "--args", "[1]")[0] == 3
    assert not Run.objects.exists()


_DATABASE = [
    ["runs"],
    ["status", "x"],
    ["trigger", "desk.add", "--args", "[1]"],
    ["dead-letters", "list"],
    ["dead-letters", "requeue", "--all"],
    ["dead-letters", "discard", "--all"],
    ["prune"],
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("typed", _DATABASE, ids=lambda typed: " ".join(typed[:2]))
def test_database_away_is_a_sentence(run, typed):
    """
    With the database away the answer is exit code 3 and one line.
    """

    def refuse(*_: object) -> None:
        message = "connection to server failed:\n\tIs the server running?\n"
        raise OperationalError(message)

    with connection.execute_wrapper(refuse):
        told = fault(run, *typed)

    assert told == (
        3,
        "The database 'default' does not answer as it should (connection to server failed: "
        "Is the server running?). Start it, correct DATABASES, or apply its migrations.",
    )


@pytest.mark.live
def test_before_migrate_each_says_what_to_type(tmp_path):
    """
    On an empty database each command is exit code 2 and one line that names ``migrate``, and
    a beat says so and waits; after ``migrate`` it fires.
    """
    host = Host.on(tmp_path)
    beat = host.beat("--max-interval", "1")
    try:
        ours = ("recurring_jobs", "runs"), ("recurring_jobs", "dead-letters", "requeue", "--all")
        for typed in (*ours, ("setup_periodic_tasks",)):
            done = host.run(*typed)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.strip().splitlines()[-1].endswith("migrate")
            assert "Traceback" not in done.stderr
        wait_until(
            lambda: "beat.not_migrated: run migrate" in beat.output(),
            seconds=30,
            what="the beat to say it",
        )
        assert "Traceback" not in beat.output()
        host.manage("migrate", "-v", "0")
        counted = "from recurring_jobs.models import Beat; print('beats', Beat.objects.count())"
        wait_until(lambda: "beats 1" in host.python(counted), seconds=30, what="a tick")
        assert beat.is_alive
    finally:
        host.stop_all()


@pytest.mark.parametrize("question", ["active", "scheduled", "registered", "stats"])
def test_no_worker_is_said(run, question):
    """
    A question that no worker answers is exit code 1.
    """
    assert fault(run, question, "--timeout", "0.1") == (
        1,
        "No worker answered within 0.1 seconds.",
    )


def test_empty_celery_app_is_refused():
    """
    Without the project's Celery app the command says what to write, and where.
    """
    before = get_current_app()
    empty = Celery("default", loader=Loader, fixups=[])

    try:
        with pytest.raises(CommandError) as caught:
            call_command("recurring_jobs", "active")
    finally:
        empty.close()
        before.set_current()

    assert (caught.value.returncode, str(caught.value)) == (
        2,
        "The project's Celery app is not loaded. "
        "Write into tests/__init__.py: from tests.celery import app as celery_app",
    )


@pytest.mark.parametrize(
    "given",
    [[], ["--basic-auth", "no-colon"], ["--basic-auth", "ann:"]],
    ids=["none", "no colon", "no password"],
)
def test_flower_does_not_start_open(run, monkeypatch, given):
    """
    ``flower`` without a user and password is refused before it listens.
    """
    pytest.importorskip("flower")
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)

    assert fault(run, "flower", *given) == (
        2,
        "Flower can stop your workers, so it does not start open. Give --basic-auth "
        "user:password, or set FLOWER_BASIC_AUTH=user:password.",
    )


# Queues


def test_all_declared_queues_are_consumed(app, settings):
    """
    Workers consume the default queue, then those of settings, routes and declarations.
    """
    app.conf.task_queues = [Queue("configured")]
    app.conf.task_routes = (
        {"desk.*": {"queue": "routed"}, "desk.add": "short"},
        [("pricing.*", {"queue": Queue("paired")})],
        "desk.routers.function",
    )
    settings.RECURRING_JOBS = {
        "SCHEDULE": {
            "nightly": {"task": "desk.internal", "trigger": 60, "queue": "declared"},
            "wrong": {"task": "no.such.task", "trigger": 60, "queue": "wrong"},
        }
    }

    assert consumed_queues(app) == [
        app.conf.task_default_queue,
        "configured",
        "declared",
        "paired",
        "routed",
        "short",
    ]


# What a terminal shows


def test_table_columns_are_as_wide_as_they_must_be():
    """
    Columns line up, nothing is a dash, and a control character cannot reach the terminal.
    """
    assert as_table(("task", "id"), [("clean\x1b[2J", None), ("x", 12)]) == (
        "task       id\nclean?[2J  -\nx          12"
    )


def test_json_of_what_was_asked():
    """
    Dataclasses inside lists and dicts are JSON objects.
    """
    active = ActiveRun("w1", "desk.add", "one", "celery", datetime(2026, 3, 2, 9, tzinfo=UTC))

    assert json.loads(as_json({"w1": [active]})) == {
        "w1": [
            {
                "worker": "w1",
                "task": "desk.add",
                "id": "one",
                "queue": "celery",
                "started_at": "2026-03-02T09:00:00Z",
            }
        ]
    }


# Processes together


def python(code: str) -> list[str]:
    """Return the command line that runs *code*."""
    return [sys.executable, "-c", code]


def ends_with(code: int, *, when: Path) -> list[str]:
    """Return the command line of a process that ends with *code* when a file exists."""
    return python(
        "import pathlib, sys, time\n"
        f"while not pathlib.Path({str(when)!r}).exists(): time.sleep(0.05)\n"
        f"sys.exit({code})"
    )


def test_one_that_dies_stops_the_other_and_its_code_counts(tmp_path):
    """
    When one process ends the other is asked to, each line carries its name, and the exit
    code is that of the first.
    """
    ready = tmp_path / "ready"
    polite = (
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('asked')))\n"
        "print('here', file=sys.stderr, flush=True)\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(60)"
    )
    lines: list[str] = []

    code = run_together({"a": ends_with(7, when=ready), "long": python(polite)}, write=lines.append)

    assert (code, lines) == (7, ["long | here\n", "long | asked\n"])


def test_one_killed_counts_as_a_shell_says():
    """
    A process that a signal ended counts as 128 and the signal.
    """
    code = "import os; print('x'); os.kill(os.getpid(), 9)"

    assert run_together({"a": python(code)}, write=lambda line: None) == 137


def test_one_that_does_not_listen_is_killed(tmp_path):
    """
    A process that ignores the request to end is killed when patience ends.
    """
    ready = tmp_path / "ready"
    deaf = (
        "import pathlib, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(60)\n"
        "print('never')"
    )
    lines: list[str] = []

    code = run_together(
        {"a": ends_with(3, when=ready), "b": python(deaf)}, write=lines.append, patience=0.5
    )

    assert (code, lines) == (3, [])


def test_child_of_one_that_was_killed_does_not_stay(tmp_path):
    """
    When a process is killed, the children that it leaves behind are killed too.
    """
    written = tmp_path / "pid"
    killed = (
        "import os, pathlib, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(written)!r}).write_text(str(child.pid))\n"
        "os.kill(os.getpid(), 9)"
    )

    run_together({"a": python(killed)}, write=lambda line: None)

    child = Path("/proc") / written.read_text()
    wait_until(lambda: not _is_running(child), seconds=5, what="the child to be gone")


def _is_running(process: Path) -> bool:
    try:
        return " Z " not in (process / "stat").read_text()
    except OSError:
        return False


# With real workers


@pytest.mark.live
def test_workers_answer_questions(host, tmp_path):
    """
    A real worker is asked what it executes, holds, knows and is; arguments stay out.
    """
    host.env["CELERY_BROKER_URL"] = ""
    worker = host.worker("-I", "tests.management.slow_tasks")
    go = tmp_path / "go"
    host.python(
        "from tests.management.slow_tasks import waits_for\n"
        f"waits_for.apply_async(['{go}'], task_id='now')\n"
        f"waits_for.apply_async(['{go}'], task_id='later', countdown=600)\n"
    )
    wait_until(
        lambda: worker.output().count("received") >= 2, seconds=30, what="the worker to take both"
    )

    answers = {
        question: json.loads(host.manage("recurring_jobs", question, "--json", "--timeout", "3"))
        for question in ("active", "scheduled", "registered", "stats")
    }
    table = host.manage("recurring_jobs", "active", "--timeout", "3")
    go.touch()

    ((name, active),) = answers["active"].items()
    assert [(each["task"], each["id"], each["queue"]) for each in active] == [
        ("slow.waits_for", "now", "celery")
    ]
    assert active[0]["started_at"]
    assert [(each["id"], bool(each["eta"])) for each in answers["scheduled"][name]] == [
        ("later", True)
    ]
    assert "slow.waits_for" in answers["registered"][name]
    (stats,) = answers["stats"]
    assert (stats["worker"], stats["concurrency"]) == (name, 2)
    assert table.split("\n")[0].split() == ["worker", "task", "id", "queue", "since"]
    assert str(go) not in table + json.dumps(answers)


@pytest.mark.live
def test_dev_runs_both_until_ctrl_c(host):
    """
    ``dev`` starts worker and beat in one terminal, executes what is sent, and ends both
    cleanly at Ctrl-C with exit code 0.
    """
    dev = host.start("tests.host.manage", "recurring_jobs", "dev", "--concurrency", "1")
    wait_until(
        lambda: " ready." in dev.output() and "beat: Starting" in dev.output(),
        seconds=40,
        what="worker and beat to be ready",
    )

    sent = host.manage(
        "recurring_jobs", "trigger", "host.add_tracked", "--args", "[1, 2]", "--json"
    )
    run_id = json.loads(sent)["id"]
    wait_until(lambda: f"[{run_id}] succeeded" in dev.output(), seconds=30, what="the run to end")
    status = json.loads(host.manage("recurring_jobs", "status", run_id, "--json"))
    dev.popen.send_signal(signal.SIGINT)
    code = dev.popen.wait(40)

    assert (status["state"], status["result"]) == ("succeeded", 3)
    assert code == 0
    lines = dev.output().splitlines()
    assert {line.partition("|")[0].strip() for line in lines if "|" in line} >= {"worker", "beat"}
    assert any("Warm shutdown" in line for line in lines)
    assert "Traceback" not in dev.output()

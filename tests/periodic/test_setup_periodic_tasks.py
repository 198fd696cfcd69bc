from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from celery import Celery, current_app
from celery._state import get_current_app
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection
from django.test import override_settings
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from recurring_jobs import Cron, Every
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import registry
from recurring_jobs.periodic.drift import keep_mine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db

REPORT = {"task": "sample.report", "trigger": Cron("0 9 * * *", timezone="UTC")}
CLEAN = {"task": "sample.report", "trigger": Every(hours=3), "queue": "slow"}


def report():
    pass


@pytest.fixture(autouse=True)
def sample_task():
    """A task of the host's own app, and no declaration from elsewhere."""

    current_app.task(report, name="sample.report", shared=False)
    with registry.no_declarations():
        yield
    current_app.tasks.pop("sample.report")


class Result(str):
    """What the command wrote to stdout, with what it wrote to stderr and its exit code."""

    code: int
    errors: str


def run(declared: dict, *flags: str) -> Result:
    out, err = StringIO(), StringIO()
    code = 0
    with override_settings(RECURRING_JOBS={"SCHEDULE": declared}):
        try:
            call_command("setup_periodic_tasks", *flags, stdout=out, stderr=err)
        except SystemExit as end:
            code = end.code
    result = Result(out.getvalue())
    result.code, result.errors = code, err.getvalue()
    return result


def test_plan_is_printed_as_a_diff():
    """
    One line per schedule with old and new values, drift below it, and a count at the end.
    """
    run({"report": REPORT, "clean": CLEAN, "same": CLEAN})
    PeriodicTask.objects.filter(name="report").update(enabled=False)

    result = run({"report": {**REPORT, "queue": "mail"}, "new": CLEAN, "same": CLEAN}, "--dry-run")

    assert result.splitlines() == [
        "- clean: disabled, its declaration has gone",
        "+ new: sample.report, every 3 hours",
        '~ report: queue null -> "mail"',
        "  ! enabled stays false, changed by hand (declared: true)",
        "= same",
        "1 to create, 1 to update, 1 to disable, 1 unchanged, 1 in drift.",
    ]
    assert result.code == 0
    assert PeriodicTask.objects.get(name="report").queue is None


def test_run_says_what_was_done():
    """
    The real run prints the same lines and counts what it did.
    """
    assert run({"report": REPORT}).splitlines() == [
        "+ report: sample.report, 0 9 * * * UTC",
        "1 created, 0 unchanged.",
    ]
    assert run({"report": REPORT}).splitlines() == ["= report", "1 unchanged."]


@pytest.mark.parametrize(
    ("declared", "edit", "code"),
    [
        pytest.param({"report": REPORT}, {}, 0, id="nothing differs"),
        pytest.param({"report": CLEAN}, {}, 1, id="code changed"),
        pytest.param({"report": REPORT}, {"enabled": False}, 1, id="operator changed"),
        pytest.param({"report": REPORT, "new": CLEAN}, {}, 1, id="declaration added"),
    ],
)
def test_check_exits_1_when_something_differs(declared, edit, code):
    """
    --check tells a CI job by its exit code, and writes nothing.
    """
    run({"report": REPORT})
    PeriodicTask.objects.update(**{"description": "", **edit})
    before = list(PeriodicTask.objects.values())

    assert run(declared, "--check").code == code
    assert list(PeriodicTask.objects.values()) == before


def test_conflict_is_told_and_exits_1():
    """
    The others are applied; the conflict is on stderr, and the exit code says so.
    """
    run({"report": REPORT})
    crontab = PeriodicTask.objects.get().crontab
    PeriodicTask.objects.create(name="mine", task="sample.report", crontab=crontab)

    result = run({"report": REPORT, "mine": REPORT, "new": REPORT})

    assert result.code == 1
    assert result.errors == (
        "'mine', declared in RECURRING_JOBS['SCHEDULE'], has the name of a row that was not made"
        " from code. It is left alone; --adopt takes it over.\n"
    )
    assert result.splitlines()[-1] == "1 created, 1 unchanged, 1 in conflict."


def test_wrong_declarations_exit_2_with_all_sentences():
    """
    Everything that is wrong is told at once, and the code is that of a wrong declaration.
    """
    wrong = {"one": {**REPORT, "task": "sample.reprot"}, "two": {**REPORT, "misfire": "x"}}

    with pytest.raises(CommandError) as refused:
        run(wrong)

    assert refused.value.returncode == 2
    assert str(refused.value).splitlines() == [
        "Periodic task 'one', declared in RECURRING_JOBS['SCHEDULE']: the task 'sample.reprot'"
        " is not registered. Did you mean 'sample.report'?",
        "Periodic task 'two', declared in RECURRING_JOBS['SCHEDULE']: misfire is 'x'."
        " Use one of latest, earliest, all, skip.",
    ]


def test_what_the_system_checks_refuse_exits_2():
    """
    Typed at a prompt, the checks come first; a wrong declaration is no difference there either.
    """
    with (
        override_settings(RECURRING_JOBS={"SCHEDULE": {"one": {**REPORT, "misfire": "x"}}}),
        pytest.raises(SystemCheckError, match="E009") as refused,
    ):
        call_command("setup_periodic_tasks", "--check", skip_checks=False)

    assert refused.value.returncode == 2


def test_nothing_declared_exits_2():
    """
    A process that loaded no declaration is told so instead of switching everything off.
    """
    run({"report": REPORT})

    with pytest.raises(CommandError, match="No periodic task is declared") as refused:
        run({}, "--prune")

    assert refused.value.returncode == 2


def test_database_away_exits_3():
    """
    A deploy that comes before the database is told so in a sentence, and may try again.
    """

    def refuse(*_: object) -> None:
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse), pytest.raises(CommandError) as refused:
        run({"report": REPORT})

    assert refused.value.returncode == 3
    assert str(refused.value).startswith("The database 'default' does not answer as it should")


def test_json_is_the_whole_plan():
    """
    --json prints one document that a script can read.
    """
    run({"report": REPORT})
    PeriodicTask.objects.update(queue="mine")

    document = json.loads(run({"report": {**REPORT, "priority": 3}}, "--json", "--dry-run"))

    assert document == {
        "applied": False,
        "changes": [
            {
                "name": "report",
                "kind": "update",
                "fields": [{"field": "priority", "old": None, "new": 3}],
            }
        ],
        "drift": [
            {
                "name": "report",
                "field": "queue",
                "stored": "mine",
                "declared": None,
                "is_kept": False,
            }
        ],
        "conflicts": [],
        "ended": [],
        "leftovers": [],
        "counts": {
            "create": 0,
            "update": 1,
            "adopt": 0,
            "revive": 0,
            "withdraw": 0,
            "prune": 0,
            "keep": 0,
            "drift": 1,
            "conflict": 0,
        },
    }


def test_kept_drift_is_shown_and_does_not_fail_the_check():
    """
    What a person decided to keep is printed with another sign, and CI stays green.
    """
    run({"report": REPORT})
    PeriodicTask.objects.update(queue="mine")
    assert run({"report": REPORT}, "--check").code == 1
    keep_mine(Schedule.objects.get())

    result = run({"report": REPORT}, "--check")

    assert result.splitlines() == [
        "= report",
        '  = queue stays "mine", kept by a person (declared: null)',
        "1 unchanged.",
    ]
    assert result.code == 0


def test_only_the_named_are_planned():
    """
    --only takes one or more names; one that nobody knows is refused.
    """
    declared = {"report": REPORT, "clean": CLEAN, "other": CLEAN}

    assert run(declared, "--only", "report", "clean").splitlines()[-1] == "2 created, 0 unchanged."
    with pytest.raises(CommandError, match=r"'claen' is declared.*Did you mean 'clean'") as refused:
        run(declared, "--only", "claen")
    assert refused.value.returncode == 2


def test_what_others_left_is_told_on_stderr():
    """
    Doubled rows never make the command fail; they are told, and --json has them too.
    """
    for _ in range(2):
        CrontabSchedule.objects.create(minute="0", hour="9", timezone="UTC")

    result = run({"report": REPORT})

    assert result.code == 0
    assert result.errors.startswith("2 rows of the table crontab say '0 9 * * * UTC'.")
    [leftover] = json.loads(run({"report": REPORT}, "--json"))["leftovers"]
    assert leftover == result.errors.strip()


@pytest.fixture(
    params=[
        pytest.param("amqp://127.0.0.1:1//", id="nobody runs it"),
        pytest.param("mongodb://me:hunter2@127.0.0.1:1/", id="without its driver"),
    ]
)
def broker_away(request) -> Iterator[None]:
    """A current app whose broker cannot be reached."""
    before = get_current_app()
    away = Celery("away", broker=request.param)
    yield
    away.close()
    before.set_current()
    before.set_default()


def test_broker_that_was_asked_for_and_is_away_exits_3(broker_away):
    """
    With --broker nothing is written before the broker was reached.
    """
    with pytest.raises(CommandError, match="cannot be reached") as refused:
        run({"report": REPORT}, "--broker")

    assert refused.value.returncode == 3
    assert "hunter2" not in str(refused.value)
    assert not PeriodicTask.objects.exists()


def test_broker_that_is_there_changes_nothing():
    """
    With --broker and a broker, the run is as without.
    """
    assert run({"report": REPORT}, "--broker").splitlines()[-1] == "1 created, 0 unchanged."

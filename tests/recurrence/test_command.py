from __future__ import annotations

import json
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError

from recurring_jobs.management.commands import generate_occurrences
from tests.host.models import Todo

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("generate_occurrences", *arguments, stdout=out)
    return out.getvalue()


def test_one_line_for_each_model_and_a_number(make_todo):
    """The command says what became of each model, and ends with how many rows were made."""
    make_todo()
    make_todo(recurrence_timezone="Mars/Olympus")

    out = StringIO()
    with pytest.raises(CommandError) as ended:
        call_command("generate_occurrences", stdout=out)

    assert (str(ended.value), ended.value.returncode) == (
        "Templates set aside: 1. recurrence_set_aside says why.",
        1,
    )
    assert out.getvalue().splitlines() == [
        "host.Todo: 5 made, 0 changed, 0 removed, 1 set aside (templates: 2)",
        "host.Shift: 0 made, 0 changed, 0 removed, 0 set aside (templates: 0)",
        "host.Errand: 0 made, 0 changed, 0 removed, 0 set aside (templates: 0)",
        "host.Holiday: 0 made, 0 changed, 0 removed, 0 set aside (templates: 0)",
        "host.Course: 0 made, 0 changed, 0 removed, 0 set aside (templates: 0)",
        "host.Subscription: 0 made, 0 changed, 0 removed, 0 set aside (templates: 0)",
        "Occurrences made: 5",
    ]


def test_dry_run_says_what_would_be(make_todo):
    """A dry run prints the same lines, and makes nothing."""
    make_todo()

    assert run("--model", "host.Todo", "--dry-run").splitlines() == [
        "host.Todo: 5 made, 0 changed, 0 removed, 0 set aside (templates: 1)",
        "Occurrences that would be made: 5",
    ]
    assert not Todo.objects.occurrences().exists()


def test_limit_counts_over_all_models(make_todo):
    """No more templates are looked at than the limit."""
    for _ in range(3):
        make_todo()

    assert run("--limit", "2").splitlines()[-1] == "Occurrences made: 10"


def test_json_holds_the_reports(make_todo):
    """With --json the reports come as one document."""
    make_todo()
    counts = {"templates": 1, "created": 5, "set_aside": 0, "updated": 0, "removed": 0}

    assert json.loads(run("--model", "host.todo", "--json")) == {
        "models": {"host.Todo": counts},
        "total": counts,
        "dry_run": False,
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--model", "host.Tudo"],
            "'host.Tudo' is not a recurring model. Did you mean 'host.Todo'? "
            "Recurring models are: host.Course, host.Errand, host.Holiday, host.Shift, "
            "host.Subscription, host.Todo.",
        ),
        (["--limit", "0"], "--limit 0: give a number of templates from 1."),
        (
            ["--database", "defualt"],
            "--database 'defualt' is not in DATABASES. Did you mean 'default'?",
        ),
        (
            ["--until", "Friday"],
            "--until 'Friday': give a day or a moment, such as 2027-12-31.",
        ),
        (["--until", "2020-01-01"], "--until '2020-01-01' is past. Give a later day or moment."),
    ],
    ids=["model", "limit", "database", "no time", "past"],
)
def test_wrong_argument_is_named(arguments, sentence):
    """A wrong argument is refused with a sentence that names it."""
    with pytest.raises(CommandError) as error:
        run(*arguments)

    assert (str(error.value), error.value.returncode) == (sentence, 2)


def test_a_database_that_is_away_is_told(monkeypatch):
    """Nobody who runs it from cron gets a traceback because the database is restarting."""

    def refuse(*_args, **_options):
        raise OperationalError("connection refused")

    monkeypatch.setattr(generate_occurrences, "generate_occurrences", refuse)

    with pytest.raises(CommandError) as error:
        run("--model", "host.Todo", "--database", "default")

    assert (str(error.value), error.value.returncode) == (
        "The database 'default' does not answer as it should (connection refused). "
        "Start it, correct DATABASES, or apply its migrations.",
        3,
    )


@pytest.mark.parametrize("last", ["2026-03-31", "2026-03-31T09:00", "2026-03-31T10:00+01:00"])
def test_rows_up_to_a_day_or_moment(make_todo, now, days, last):
    """With --until each template has its rows up to then, due or not, beside those ahead."""
    settled, new = make_todo(), None
    with time_machine.travel(now, tick=False):
        run()
        new = make_todo(recurrence_rule="FREQ=MONTHLY")
        lines = run("--model", "host.Todo", "--until", last).splitlines()

    assert lines[-1] == f"Occurrences made: {29 - 5 + 5}"
    assert days(settled) == [f"202603{day:02}" for day in range(3, 32)]
    assert len(days(new)) == 5


def test_rows_up_to_a_day_are_not_made_twice(make_todo, now):
    """A second command of the same end finds nothing to make."""
    make_todo()
    with time_machine.travel(now, tick=False):
        run("--until", "2026-03-31")

        again = run("--until", "2026-03-31").splitlines()

    assert again[-1] == "Occurrences made: 0"


def test_deleted_row_does_not_come_back_for_a_later_end(make_todo, now, days):
    """What a person deleted stays deleted, also when rows are made further ahead."""
    template = make_todo()
    with time_machine.travel(now, tick=False):
        run()
        template.occurrences.filter(recurrence_id="20260304T090000").delete()
        run("--until", "2026-03-10")

    assert days(template) == [f"202603{day:02}" for day in (3, 5, 6, 7, 8, 9, 10)]


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(StringIO, False), (Terminal, True)])
def test_progress_is_shown_at_a_terminal_only(make_todo, stream, shown):
    """Batches are counted on stderr where someone looks; a log has none of it."""
    make_todo()
    out, err = StringIO(), stream()

    call_command("generate_occurrences", "--json", stdout=out, stderr=err)

    assert ("host.Todo: 1 templates, 5 rows" in err.getvalue()) is shown
    assert json.loads(out.getvalue())["total"]["created"] == 5

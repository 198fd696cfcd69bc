from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

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

    assert run().splitlines() == [
        "host.Todo: 5 made, 0 changed, 0 removed, 1 set aside (2 templates were due)",
        "host.Shift: 0 made, 0 changed, 0 removed, 0 set aside (0 templates were due)",
        "host.Errand: 0 made, 0 changed, 0 removed, 0 set aside (0 templates were due)",
        "host.Holiday: 0 made, 0 changed, 0 removed, 0 set aside (0 templates were due)",
        "host.Course: 0 made, 0 changed, 0 removed, 0 set aside (0 templates were due)",
        "host.Subscription: 0 made, 0 changed, 0 removed, 0 set aside (0 templates were due)",
        "Occurrences made: 5",
    ]


def test_dry_run_says_what_would_be(make_todo):
    """A dry run prints the same lines, and makes nothing."""
    make_todo()

    assert run("--model", "host.Todo", "--dry-run").splitlines() == [
        "host.Todo: 5 made, 0 changed, 0 removed, 0 set aside (1 templates were due)",
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
    ],
    ids=["model", "limit", "database"],
)
def test_wrong_argument_is_named(arguments, sentence):
    """A wrong argument is refused with a sentence that names it."""
    with pytest.raises(CommandError) as error:
        run(*arguments)

    assert str(error.value) == sentence

"""The pages of reference name what the code has: all of it, and nothing else."""

from __future__ import annotations

import re
from inspect import getmembers, isclass

import pytest
from django.apps import apps
from django.core.management import load_command_class
from django.dispatch import Signal

import recurring_jobs
from recurring_jobs import checks, exceptions, models, signals, testing
from recurring_jobs.api.urls import urlpatterns
from recurring_jobs.recurrence.model_checks import check_recurring_model
from tests.docs.examples import DOCS, ROOT

#: What the page on Python leaves to the pages on models, or to subclasses.
ELSEWHERE = {model.__name__ for model in apps.get_app_config("recurring_jobs").get_models()} | {
    "regenerate",
    *(name for name in models.__all__ if name.endswith("Manager")),
}


def page(name: str) -> str:
    """Return the text of a page of reference."""
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


def verbs(parser, name=""):
    """Yield the name of each command of *parser*, its own included."""
    yield name.strip()
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for verb, below in action.choices.items():
                yield from (each for each in verbs(below, f"{name} {verb}"))


def test_every_command_has_its_help():
    """Each command and each of its verbs stands there as --help prints it."""
    told = set(re.findall(r"^```{command-reference} (.+)$", page("commands.md"), re.M))
    known = {"setup_periodic_tasks", "generate_occurrences"}
    parser = load_command_class("recurring_jobs", "recurring_jobs").create_parser("manage.py", "x")
    known |= {f"recurring_jobs {verb}".strip() for verb in verbs(parser)}

    groups = {each for each in known if any(other.startswith(f"{each} ") for other in known)}
    assert told - groups == known - groups


def test_every_command_tells_its_exit_codes():
    """What a script can rely on stands on the page."""
    assert "exit" in page("commands.md").lower()


def test_every_check_has_its_sentence():
    """Each id that the code gives is in the table of its page."""
    tables = f"{checks.__doc__}\n{check_recurring_model.__doc__}"
    source = (ROOT / "src/recurring_jobs").rglob("*.py")
    code = "\n".join(each.read_text(encoding="utf-8") for each in source)

    given = set(re.findall(r"""["'.]([EW]\d{3})["']""", code)) | {"E001", "E002"}  # by number
    assert set(re.findall(r"\b([EW]\d{3}) ", tables)) == given


def test_every_address_of_the_api_is_told():
    """Each address has a line, or a page of its own."""
    told = {
        re.sub(r"<[^>]*>", "<>", each) for each in re.findall(r"`\w+ ([^`]+)`", page("http.md"))
    }
    known = {re.sub(r"<[^>]*>", "<>", str(each.pattern)) for each in urlpatterns if each.name}

    assert told | {"metrics"} >= known
    assert "`GET metrics`" in page("metrics.md")


def test_every_permission_is_told():
    """Each permission that is not Django's own has a line."""
    own = {
        code
        for model in apps.get_app_config("recurring_jobs").get_models()
        for code, _ in model._meta.permissions
    }

    assert set(re.findall(r"^\| `(\w+)` \|", page("permissions.md"), re.M)) == own


def test_every_signal_is_told():
    """Each signal has its entry."""
    known = {name for name, value in getmembers(signals) if isinstance(value, Signal)}

    assert set(re.findall(r"autodata:: recurring_jobs.signals.(\w+)", page("signals.md"))) == known


def test_every_error_has_a_docstring():
    """The page on errors is made of them."""
    assert "automodule:: recurring_jobs.exceptions" in page("errors.md")
    errors = [each for _, each in getmembers(exceptions, isclass) if issubclass(each, Exception)]
    assert [each for each in errors if not vars(each).get("__doc__")] == []


@pytest.mark.parametrize(
    "module", [recurring_jobs, models, testing], ids=lambda each: each.__name__
)
def test_every_public_name_is_told(module):
    """What a project imports stands on the page on Python, the errors on theirs."""
    told = set(re.findall(r"^\.\. auto\w+:: \S*?(\w+)$", page("python.md"), re.M))
    errors = {name for name, _ in getmembers(exceptions, isclass)}

    assert set(module.__all__) - told - errors - ELSEWHERE == set()


def test_every_table_says_what_its_fields_mean():
    """The page on models is made of what the models say."""
    assert "{models-reference}" in page("models.md")
    tables = list(apps.get_app_config("recurring_jobs").get_models())
    assert [model.__name__ for model in tables if model.__doc__.startswith(model.__name__)] == []

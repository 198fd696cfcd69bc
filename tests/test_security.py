"""What the page on security promises and no other test holds."""

from __future__ import annotations

import ast
import importlib
import json
import logging
import pkgutil
import re
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django_celery_results.models import TaskResult

import recurring_jobs
from recurring_jobs import BaseTaskWithRetry
from recurring_jobs.models import Run
from tests.api.conftest import app, caller, post, superuser, tokens  # noqa: F401  fixtures

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "recurring_jobs"
PAGE = ROOT / "docs" / "explanation" / "security.md"


# The page itself


def test_page_has_every_row_and_each_test_it_names_exists():
    """
    The table goes from S1 to S28, and what it names as a test is one.
    """
    rows = re.findall(r"^\| (S\d+) \|.*\| ([^|]+) \|$", PAGE.read_text(), re.M)

    assert [name for name, _tests in rows] == [f"S{number}" for number in range(1, 29)]
    for name, tests in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
        assert named, name
        for path, function in named:
            defined = {
                node.name
                for node in ast.walk(ast.parse((ROOT / path).read_text()))
                if isinstance(node, ast.FunctionDef)
            }
            assert function in defined, f"{name}: {path}::{function}"


# What the source does not do


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Yield the name of each module of the package and its tree."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield str(path.relative_to(SOURCE)), ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    """Return the modules that are imported, at the top or anywhere."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def called(tree: ast.Module) -> set[str]:
    """Return the names that are called, without what stands before the last dot."""
    functions = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {getattr(each, "attr", getattr(each, "id", "")) for each in functions}


FORBIDDEN = {
    "code from data": {"pickle", "marshal", "shelve", "dill", "yaml", "cloudpickle"},
    "calls to the outside": {
        *("http.client", "urllib.request", "requests", "httpx", "aiohttp"),
        *("smtplib", "ftplib", "xmlrpc.client"),
    },
    "tables for spreadsheets": {"csv", "openpyxl", "xlsxwriter"},
}


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_package_does_not_import(kind):
    """
    No module of the package takes code from data, calls out, or writes spreadsheets.
    """
    found = {name: imported(tree) & FORBIDDEN[kind] for name, tree in sources()}

    assert {name: names for name, names in found.items() if names} == {}


def test_nothing_is_evaluated_and_no_shell_is_started():
    """
    No eval, exec or compile, no os.system, no shell=True, nothing marked safe for HTML.
    """
    bad = {"eval", "exec", "system", "popen", "mark_safe", "SafeString", "RawSQL", "raw", "extra"}
    shells = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "shell"
    }

    found = {name: called(tree) & bad for name, tree in sources()}

    assert {name: names for name, names in found.items() if names} == {}
    assert shells == set()
    assert [
        str(path) for path in SOURCE.rglob("*.html") if re.search(r"\|\s*safe\b", path.read_text())
    ] == []


#: Modules that write SQL by hand: each was read, and puts values in as parameters.
WITH_SQL = {
    "migrations/0001_initial.py",
    "periodic/change_feed.py",
    "periodic/claiming.py",
    "periodic/clock.py",
    "periodic/locking.py",
    "periodic/sync.py",
    "recurrence/batch.py",
    "recurrence/insertion.py",
    "tallies.py",
}


def test_sql_by_hand_stands_only_where_it_was_read():
    """
    Whoever writes a statement by hand puts the module on the list, and has it read.
    """
    found = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and re.match(r"(\w*cursor\.execute(many)?|\w*\.?RunSQL)$", ast.unparse(node.func))
    }

    assert found <= WITH_SQL


def test_no_expression_takes_long_for_any_text():
    """
    Each regular expression of the package answers in time for texts that make bad ones hang.
    """
    texts = [each * 3_000 for each in ("a", " ", "1", "-", ";=", "A,", "*/", "\n", "::", "aA_")]
    texts += [text + "!" for text in texts]
    slow = []

    for name, pattern in patterns():
        for text in texts:
            began = time.perf_counter()
            pattern.search(text)
            pattern.fullmatch(text)
            if time.perf_counter() - began > 0.1:
                slow.append((name, pattern.pattern, text[:10]))

    assert slow == []


def patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return the expressions that the modules of the package hold."""
    found: list[tuple[str, re.Pattern[str]]] = []
    for info in pkgutil.walk_packages(recurring_jobs.__path__, "recurring_jobs."):
        if ".migrations." in info.name or ".commands." in info.name:
            continue
        module = importlib.import_module(info.name)
        values = [each for each in vars(module).values() if isinstance(each, re.Pattern)]
        found += [(info.name, each) for each in values if isinstance(each.pattern, str)]
    assert len(found) > 10
    return found


def test_lower_bounds_are_past_known_faults():
    """
    Each dependency has a lower bound, at or past the release that mended its known faults.
    """
    mended = {
        "celery": (5, 2, 2),  # CVE-2021-23727: a result that names a class runs it
        "django": (5, 2),
        "django-celery-beat": (2, 9),
        "django-celery-results": (2, 6),  # CVE-2020-17495: arguments were kept in clear
        "python-dateutil": (2, 9),
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds = dict(each.split(">=") for each in project["dependencies"])

    assert set(bounds) == set(mended)
    for name, least in mended.items():
        numbers = tuple(int(part) for part in bounds[name].split(".")[:3] if part.isdecimal())
        assert numbers >= least, name


# Results and secrets, over HTTP


@pytest.mark.django_db
def test_forged_result_runs_nothing(app, superuser, settings, tmp_path):  # noqa: F811
    """
    A row that a stranger wrote into the table of results is not believed: the state is that
    of the run, and what it names as an exception is not called.
    """
    marker = tmp_path / "marker"
    forged = {"exc_type": "system", "exc_module": "os", "exc_message": [f"touch {marker}"]}
    app.conf.result_backend = "django-db"
    for state in ("succeeded", "running"):
        Run.objects.create(id=state, task="shop.recompute", state=state)
        TaskResult.objects.create(
            task_id=state,
            status="FAILURE",
            result=json.dumps(forged),
            content_type="application/json",
            content_encoding="utf-8",
        )

        told = superuser.get(f"/jobs/runs/{state}")

        assert (told.status_code, told.json()["state"]) == (200, state)
        assert "result" not in told.json()
    assert not marker.exists()


@pytest.mark.django_db(transaction=True)
def test_secret_is_in_no_row_answer_or_log(app, superuser, caplog):  # noqa: F811
    """
    A secret argument of a trigger is in the message to the worker and nowhere else: in no
    row of the database, in no answer and in no line of the log.
    """
    caplog.set_level(logging.DEBUG)

    @app.task(
        name="shop.logs_in",
        base=BaseTaskWithRetry,
        autoretry_for=(),
        triggerable=True,
        shared=False,
    )
    def logs_in(user: str, password: str) -> None:
        message = f"{user} was refused"
        raise ValueError(message)

    answers = [
        post(
            superuser,
            "/jobs/tasks/shop.logs_in/trigger",
            {"kwargs": {"user": "ann", "password": "hunter2"}, "mode": mode},
            headers={"Idempotency-Key": mode},
        )
        for mode in ("queued", "in_process")
    ]
    answers += [superuser.get(f"/jobs/{path}") for path in ("runs", "dead-letters")]
    answers += [superuser.get(f"/jobs/runs/{run.pk}") for run in Run.objects.all()]

    assert [answer.status_code for answer in answers] == [202, 200, 200, 200, 200, 200]
    assert [answer.content for answer in answers if b"hunter2" in answer.content] == []
    assert "hunter2" not in dump()
    told = [(each.name, each.msg) for each in caplog.records if "hunter2" in str(vars(each))]
    assert told == []


def dump() -> str:
    """Return all rows of all tables, as text."""
    told = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            told += [str(row) for row in cursor.fetchall()]
    return "\n".join(told)


@pytest.mark.django_db
def test_changes_and_refusals_are_in_the_log(app, superuser, caplog):  # noqa: F811
    """
    Each change over HTTP leaves one line that says who, what and from where, and so does
    each refusal; no line holds a token.
    """
    caplog.set_level(logging.INFO, logger="recurring_jobs.api")
    path = "/jobs/tasks/shop.recompute/trigger"

    post(superuser, path, {"args": [7]})
    post(Client(headers={"Authorization": "Bearer " + "s3cret" * 5}), path, {"args": [7]})
    superuser.get("/jobs/runs")

    changed, refused = (
        record for record in caplog.records if record.name.startswith("recurring_jobs.api")
    )
    assert (changed.msg, refused.msg) == (
        "recurring_jobs.api.changed",
        "recurring_jobs.api.refused",
    )
    assert changed.caller.startswith("user:")
    assert (changed.action, changed.path, changed.address) == ("trigger", path, "127.0.0.1")
    assert (refused.problem, refused.address) == ("not-authenticated", "127.0.0.1")
    assert "s3cret" not in str([vars(record) for record in caplog.records])


@pytest.mark.django_db
def test_open_addresses_cost_little(django_assert_max_num_queries):
    """
    What anybody may ask takes a bounded number of queries; liveness takes none.
    """
    client: Any = Client()

    with django_assert_max_num_queries(0):
        assert client.get("/jobs/alive").status_code == 200
        assert client.get("/jobs/openapi.json").status_code == 200
    with django_assert_max_num_queries(20):
        client.get("/jobs/health")
    with django_assert_max_num_queries(0):
        assert client.get("/jobs/runs").status_code == 401

"""The code on the pages about runs does what the pages say."""

from __future__ import annotations

import re
import shlex
import threading
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from recurring_jobs.exceptions import GiveUp
from recurring_jobs.models import DeadLetter, Run, TaskLock
from recurring_jobs.periodic.registry import collect_declarations, no_declarations
from recurring_jobs.runs import locks
from recurring_jobs.runs.overlap import overlap_key
from tests.docs.examples import DOCS
from tests.runs.conftest import attempt

pytestmark = pytest.mark.django_db

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def blocks(page: str) -> list[str]:
    """Return the Python of *page*, block by block."""
    return _BLOCK.findall((DOCS / "how-to" / page).read_text(encoding="utf-8"))


@lru_cache
def names_of(page: str, count: int, module: str = "page") -> dict[str, Any]:
    """Return what the first *count* blocks of *page* define, executed once in order."""
    names: dict[str, Any] = {"__name__": module}
    for block in blocks(page)[:count]:
        exec(compile(block, page, "exec"), names)
    return names


class Service(BaseHTTPRequestHandler):
    """Answers as the list ``answers`` of its server says, then with an empty object."""

    def do_GET(self):
        answers = self.server.answers
        code, headers = answers.pop(0) if answers else (200, {})
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def service():
    """A service on this machine that answers as it is told."""
    server = HTTPServer(("127.0.0.1", 0), Service)
    server.answers = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class TestRetryAfter:
    """how-to/retry-after.md."""

    @pytest.fixture
    def fetch(self):
        return names_of("retry-after.md", 1)["fetch_rates"]

    def test_a_wait_in_seconds_is_kept_to(self, service, fetch):
        """
        With Retry-After in seconds the run waits just so long, whatever the backoff is.
        """
        service.answers = [(429, {"Retry-After": "1234"})]

        assert attempt(fetch, service.url).when == 1234

    def test_a_date_is_kept_to(self, service, fetch):
        """
        With a date it waits until then.
        """
        at = datetime.now(UTC) + timedelta(seconds=100)
        service.answers = [(503, {"Retry-After": at.strftime("%a, %d %b %Y %H:%M:%S GMT")})]

        assert 80 < attempt(fetch, service.url).when <= 100

    def test_a_broken_service_is_tried_again(self, service, fetch):
        """
        A 500 is retried with backoff, then the answer counts.
        """
        service.answers = [(500, {}), (429, {"Retry-After": "0"})]

        assert fetch.apply((service.url,)).result == {}

    def test_what_is_not_there_is_a_dead_letter(self, service, fetch):
        """
        A 404 ends the run at once.
        """
        service.answers = [(404, {})]

        result = fetch.apply((service.url,))

        assert isinstance(result.result, GiveUp)
        assert DeadLetter.objects.get().exception == f"{service.url} answered 404."


@pytest.mark.django_db(transaction=True)
def test_a_payment_is_made_once():
    """
    how-to/idempotent.md: a run that happens twice pays once, and an id is there at once.
    """
    names = names_of("idempotent.md", 2, "tests.host.models")
    payment, pay = names["Payment"], names["pay"]
    with connection.schema_editor() as editor:
        editor.create_model(payment)
    try:
        assert pay.apply((7, "19.90"), task_id="run-1").result == "paid"
        Run.objects.all().delete()  # as if the first had died before it could tell
        assert pay.apply((7, "19.90"), task_id="run-1").result == "had been paid"

        keys: list[str] = []
        names["card_service"] = SimpleNamespace(
            charge=lambda amount, idempotency_key: keys.append(idempotency_key)
        )
        exec(blocks("idempotent.md")[2], names)
        names["charge"].apply((7, 1), task_id="run-2")
        assert keys == ["run-2"]

        pay.app.conf.task_always_eager = True
        exec(blocks("idempotent.md")[3], names)
        assert payment.objects.filter(run_id=names["task_id"]).exists()
    finally:
        pay.app.conf.task_always_eager = False
        with connection.schema_editor() as editor:
            editor.delete_model(payment)


class TestLastNight:
    """how-to/last-night.md."""

    def test_the_code_sends_what_it_says(self, capsys):
        """
        Groups are counted, those of one exception sent, one sent with other arguments.
        """
        for number, exception in enumerate(["ConnectionError", "ConnectionError", "KeyError"]):
            DeadLetter.objects.create(
                task="host.add", task_id=f"letter-{number}", exception_type=exception
            )
        DeadLetter.objects.create(
            task="host.add", task_id="older", failed_at=timezone.now() - timedelta(hours=20)
        )

        exec(blocks("last-night.md")[0], {"__name__": "page"})

        assert capsys.readouterr().out == (
            "2 host.add ConnectionError\n1 host.add KeyError\n2 sent, 0 refused\n"
        )
        assert DeadLetter.objects.open().get().task_id == "older"
        assert Run.objects.get(retried_from="letter-2").kwargs == {"order_id": 7}

    def test_the_commands_are_there(self, capsys):
        """
        Each command of the page can be typed.
        """
        text = (DOCS / "how-to" / "last-night.md").read_text(encoding="utf-8")
        typed = re.findall(r"^\$ python manage.py (.*)$", text, re.M)

        DeadLetter.objects.create(task="shop.charge", task_id="4f0c…", exception_type="KeyError")

        for line in typed:
            call_command(*shlex.split(line))

        assert len(typed) == 5
        assert Run.objects.get(retried_from="4f0c…").kwargs == {"order_id": 7}

    def test_prune_can_be_declared(self):
        """
        The declaration of the page is taken.
        """
        with no_declarations():
            exec(blocks("last-night.md")[1], {"__name__": "page"})

            declared, problems = collect_declarations()
            assert problems == []
            assert "prune" in [each.name for each in declared]


class TestNeverTwice:
    """how-to/never-twice.md."""

    @pytest.fixture
    def names(self):
        return names_of("never-twice.md", 3)

    def test_a_second_run_of_an_account_is_skipped(self, names):
        """
        Runs of one account exclude each other, those of two do not.
        """
        sync = names["sync_account"]
        locks.take(overlap_key(sync, (7,), {}), owner="other", worker="w")

        assert sync.apply((8,)).result == "account 8 is in sync"
        sync.apply((7,), task_id="second")

        run = Run.objects.get(pk="second")
        assert (run.state, run.exception) == ("skipped", "Run other is still at work.")

    def test_a_function_makes_the_key(self, names):
        """
        Files of one folder exclude each other.
        """
        import_file = names["import_file"]

        keys = {overlap_key(import_file, (path,), {"x": 1}) for path in ("a/1", "a/2", "b/1")}

        assert len(keys) == 2

    def test_what_is_written_is_under_the_lock(self, names):
        """
        The transaction of the page is committed by a holder.
        """
        assert names["close_books"].apply().result == 133
        assert TaskLock.objects.get().owner == ""


def test_logs_are_set_up_as_the_page_says(capsys):
    """
    how-to/logs.md: the setting makes a formatter of ours.
    """
    import logging.config

    names: dict[str, Any] = {}
    exec(blocks("logs.md")[0], names)
    config = names["LOGGING"]

    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        logging.config.dictConfig(config)
        logging.getLogger("shop").warning("shop.sold", extra={"price": 3})
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers

    line = capsys.readouterr().err
    assert '"event": "shop.sold", "price": 3' in line


@pytest.mark.parametrize("module", ["structlog", "sentry_sdk"])
def test_recipes_run_where_their_package_is(module):
    """
    The recipes for other packages are run where these are installed, and compile everywhere.
    """
    block = next(each for each in blocks("logs.md") if f"import {module}" in each)
    code = compile(block, "logs.md", "exec")

    pytest.importorskip(module)
    exec(code, {"LOGGING": {"formatters": {}}})

"""``generate_occurrences --processes``: several generators behind one command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEMPLATES = 2_500
#: One of the processes is killed after its first batch; a fork inherits what is patched here.
KILLED = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command
from recurring_jobs.recurrence import occurrences
from tests.recurrence.actor import NOW
whole = occurrences.generate_occurrences
def generate_occurrences(*args, on_batch, now, **kwargs):
    def tell(report):
        on_batch(report)
        if not os.path.exists(sys.argv[1] + ".taken"):
            os.close(os.open(sys.argv[1] + ".taken", os.O_CREAT))
            os.kill(os.getpid(), signal.SIGKILL)
    return whole(*args, on_batch=tell, now=NOW, **kwargs)
occurrences.generate_occurrences = generate_occurrences
import multiprocessing
multiprocessing.set_start_method("fork", force=True)
call_command("generate_occurrences", model=["host.Todo"], processes=2)
"""

#: How processes start where the system does not fork.
SPAWNED = """
import multiprocessing
import django
from django.core.management import call_command
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    django.setup()
    call_command("generate_occurrences", model=["host.Todo"], processes=2)
"""


@pytest.fixture
def python(each_database: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python with the host project on the database."""
    environment = {
        **os.environ,
        "DATABASE_URL": each_database,
        "HOST_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tests.host.settings",
    }

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return python


GENERATE = ("-m", "django", "generate_occurrences", "--model", "host.Todo")


def test_processes_make_each_row_once(each_database, start_actors, python):
    """Two processes fill a table together, and the report is of the whole."""
    (actor,) = start_actors(each_database, 1)
    actor.ask("seed", TEMPLATES)

    ended = python(*GENERATE, "--processes", "2", "--json")

    assert (ended.returncode, ended.stderr) == (0, "")
    total = json.loads(ended.stdout)["total"]
    assert (total["templates"], total["created"]) == (TEMPLATES, 5 * TEMPLATES)
    assert actor.ask("tally")["rows"] == 5 * TEMPLATES


def test_processes_that_are_not_forked(tmp_path, start_actors, monkeypatch):
    """A process that starts from nothing sets Django up first."""
    url = f"sqlite:///{tmp_path / 'rows.sqlite3'}"
    (actor,) = start_actors(url, 1)
    actor.ask("seed", 10)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("HOST_DIR", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.host.settings")

    subprocess.run([sys.executable, "-c", SPAWNED], timeout=60, check=True)

    assert actor.ask("tally")["rows"] == 50


def test_killed_process_is_reported_and_the_next_pass_does_the_rest(
    each_database, start_actors, python, tmp_path
):
    """The other process goes on; the command says what happened, and nothing is lost or doubled."""
    (actor,) = start_actors(each_database, 1)
    actor.ask("seed", TEMPLATES)

    ended = python("-c", KILLED, str(tmp_path / "first"))

    assert ended.returncode == 1
    assert (
        "CommandError: host.Todo: 1 of 2 processes failed (signal 9). "
        "What they had committed stays; the next pass does the rest."
    ) in ended.stderr
    actor.ask("generate")  # at the same moment, or the next hour would make rows of its own
    assert actor.ask("tally")["rows"] == 5 * TEMPLATES


@pytest.mark.parametrize("other", ["limit", "until", "dry_run"])
def test_what_does_not_go_together_is_said(other):
    """Processes share what is due; nothing else can be shared out among them."""
    with pytest.raises(CommandError, match=r"--processes and --.* do not go together") as refused:
        call_command("generate_occurrences", processes=2, **{other: "2027-01-01"})

    assert refused.value.returncode == 2


def test_no_process_is_refused():
    with pytest.raises(CommandError, match="--processes 0: give a number of processes from 1"):
        call_command("generate_occurrences", processes=0)

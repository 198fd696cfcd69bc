"""The recipes of the pages on deploying and on commands, on real processes, as written."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from tests.live.processes import ROOT, Host, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]


def typed(page: str, words: str) -> str:
    """Return the one line of *page* that has *words* in it, without its prompt."""
    text = (ROOT / "docs/how-to" / page).read_text()
    (line,) = re.findall(rf"^\$ (.*{re.escape(words)}.*)$", text, re.M)
    return str(line)


def arguments(command: str) -> list[str]:
    """Return what a line gives to manage.py."""
    words = shlex.split(command)
    return words[words.index("manage.py") + 1 :]


@pytest.fixture
def host(tmp_path):
    host = Host.on(tmp_path)
    host.manage("migrate", "-v", "0")
    yield host
    host.stop_all()


def send(host: Host, number: int) -> None:
    """Have so many runs that end when the file "go" is there."""
    host.python(
        "from tests.host.tasks import lingers\n"
        f"for each in range({number}):\n"
        f"    lingers.delay('{host.folder}/diary-%d' % each, '{host.folder}/go')"
    )


def test_drain_before_a_deploy(host):
    """
    The beat stops; while three runs are at work and one waits the workers stay; when all have
    ended the line goes on to stop the workers, and nothing is left.
    """
    stop_beats = typed("deploy.md", "recurring-jobs-beat@*")
    drain, _, stop_workers = typed("deploy.md", "--until-empty").partition(" && ")
    beat, worker = host.beat(), host.worker("-c", "3")
    send(host, 4)
    wait_until(lambda: len(list(host.folder.glob("diary-*"))) >= 3, seconds=60, what="three runs")

    assert stop_beats.startswith("systemctl stop")
    assert beat.stop() == 0
    impatient = [part.replace("600", "1") for part in arguments(drain)]
    early = host.run(*impatient)
    (host.folder / "go").touch()
    done = host.run(*arguments(drain), seconds=90)

    assert early.returncode == 1
    assert early.stderr.strip().endswith("Not empty after 1 seconds.")
    assert done.returncode == 0, done.stderr
    assert stop_workers.startswith("systemctl stop")
    assert worker.stop() == 0
    assert worker.output().count("succeeded in") == 4


def test_watch_a_queue(host):
    """What is repeated every five seconds tells what waits, what is at work, and for whom."""
    line = typed("commands.md", "watch --interval")
    host.worker("-c", "1")
    send(host, 2)
    wait_until(lambda: list(host.folder.glob("diary-*")), seconds=60, what="a run")

    table = host.manage(*arguments(line)).splitlines()
    (told,) = json.loads(host.manage(*arguments(line), "--json"))
    (host.folder / "go").touch()

    assert line.startswith("watch --interval 5 ")
    assert table[0].split() == ["queue", "waiting", "at", "work", "workers", "silent"]
    assert (told["queue"], told["workers"]) == ("celery", 1)
    assert told["waiting"] + told["at_work"] == 2 or told["silent"] == 1

"""The quick start of the README, done as written in an empty project with the built wheel."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zipfile import ZipFile

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

README = Path(__file__).parent.parent.parent / "README.md"
PATIENCE = 60.0


class Block(NamedTuple):
    """One block of code of the README."""

    language: str
    text: str


def quick_start() -> list[Block]:
    """Return the blocks of code of the section "Quick start", in order."""
    section = README.read_text().split("\n## Quick start\n")[1].split("\n## ")[0]
    return [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.M | re.S)]


class Project:
    """An empty Django project in a folder of its own, with the wheel to import from."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder / "mysite"
        self.folder.mkdir()
        with ZipFile(wheel) as archive:
            archive.extractall(folder / "site")
        self.environment = {
            "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "site"),
            "PYTHONUNBUFFERED": "1",
        }
        self.sh("django-admin startproject mysite . && python manage.py startapp todo")

    def append(self, block: Block) -> None:
        """Add a block to the file that its first line names."""
        name = block.text.splitlines()[0].removeprefix("# ")
        path = self.folder / name
        assert path.parent.is_dir(), name
        before = path.read_text() if path.exists() and path.parent.name == "mysite" else ""
        path.write_text(f"{before}\n{block.text}")

    def sh(self, script: str) -> str:
        """Run a shell script and return what it printed; fail the test when it fails."""
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout

    @contextmanager
    def running(self, script: str) -> Iterator[Path]:
        """Run a shell script in the background, and end it as Ctrl-C does; lend its log."""
        log = self.folder.parent / "log.txt"
        with log.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-euc", f"exec {script}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield log
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)

    def finished_runs(self) -> int:
        """Return how many results of tasks were stored."""
        with sqlite3.connect(self.folder / "db.sqlite3", timeout=10) as database:
            query = "SELECT count(*) FROM django_celery_results_taskresult WHERE status = 'SUCCESS'"
            (count,) = database.execute(query).fetchone()
        database.close()
        return int(count)


@pytest.fixture
def project(tmp_path, wheel):
    """The empty project that the quick start begins with."""
    return Project(tmp_path, wheel)


@pytest.mark.live
@pytest.mark.timeout(300)
def test_quick_start_does_what_it_says(project):
    """
    Whoever copies the README's blocks in order has a worker that says hello and five rows.
    """
    blocks = quick_start()
    install, run, repeat = (block.text for block in blocks if block.language == "bash")
    assert install == "python -m pip install django-recurring-jobs\n"
    for block in blocks:
        if block.language == "python":
            project.append(block)

    *commands, last = run.splitlines()
    synced = project.sh("\n".join(commands))
    with project.running(last) as log:
        deadline = time.monotonic() + PATIENCE
        while project.finished_runs() == 0 and time.monotonic() < deadline:
            time.sleep(0.5)
        said_hello = project.finished_runs()

    assert "todo.tasks.say_hello" in synced
    assert said_hello >= 1, log.read_text()
    assert project.sh(repeat).splitlines()[-1] == "Occurrences made: 5"
    assert project.sh("python manage.py generate_occurrences").splitlines()[-1] == (
        "Occurrences made: 0"
    )


def test_readme_is_short():
    """
    The README can be read in a few minutes.
    """
    assert len(README.read_text().splitlines()) < 150

"""The house stands, and each contract that holds it is seen to refuse a breach."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYPROJECT = ROOT / "pyproject.toml"

# A module of the package, a line to add to it, and the contract that refuses it.
BREACHES = {
    "a stray module stands on no floor": (
        "utils.py",
        "",
        "floors",
    ),
    "one room imports another": (
        "recurrence/fields.py",
        "from recurring_jobs.runs import states",
        "floors",
    ),
    "the ground imports the landing": (
        "conf.py",
        "from recurring_jobs import models",
        "floors",
    ),
    "a room imports the roof": (
        "periodic/plan.py",
        "from recurring_jobs import checks",
        "floors",
    ),
    "the rules know Django": (
        "rules/__init__.py",
        "import django.utils.timezone",
        "purity",
    ),
    "the backoff knows Celery": (
        "runs/backoff.py",
        "import celery",
        "purity",
    ),
    "the plan learns of Django through a neighbour": (
        "periodic/plan.py",
        "from recurring_jobs.periodic import beat_tables",
        "purity",
    ),
    "the task class loads a model": (
        "runs/task.py",
        "from recurring_jobs.runs import models",
        "face",
    ),
    "the decorator loads a model": (
        "periodic/registry.py",
        "from recurring_jobs.periodic import models",
        "face",
    ),
    "a second door to django-celery-beat": (
        "runs/recorder.py",
        "from django_celery_beat.models import PeriodicTask",
        "door",
    ),
}


def contract_names() -> dict[str, str]:
    """Return the name of each contract by its id."""
    contracts = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
    return {contract["name"]: contract["id"] for contract in contracts}


def broken_contracts(folder: Path) -> set[str]:
    """
    Return the ids of the contracts that the package in *folder*/src breaks.
    """
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    verdicts = dict(
        re.findall(r"^(.+) (KEPT|BROKEN)(?: \(.*\))?$", done.stdout, flags=re.MULTILINE)
    )
    assert set(verdicts) == set(contract_names()), done.stdout + done.stderr
    return {contract_names()[name] for name, verdict in verdicts.items() if verdict == "BROKEN"}


@pytest.fixture
def copy_of_the_house(tmp_path: Path) -> Path:
    """A folder with the package and its contracts, to be broken at will."""
    shutil.copytree(
        ROOT / "src" / "recurring_jobs",
        tmp_path / "src" / "recurring_jobs",
        ignore=shutil.ignore_patterns("__pycache__", "locale", "static", "templates"),
    )
    shutil.copy(PYPROJECT, tmp_path)
    return tmp_path


def test_house_stands(copy_of_the_house):
    """
    The package as it is keeps every contract.
    """
    assert broken_contracts(copy_of_the_house) == set()


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    BREACHES.values(),
    ids=[name.replace(" ", "-") for name in BREACHES],
)
def test_breach_is_refused(copy_of_the_house, module, line, contract):
    """
    A module or an import that the plan of the house forbids breaks the contract that says so.
    """
    path = copy_of_the_house / "src" / "recurring_jobs" / module
    assert bool(line) == path.exists()

    with path.open("a") as file:
        file.write(f"\n{line}\n")

    assert contract in broken_contracts(copy_of_the_house)

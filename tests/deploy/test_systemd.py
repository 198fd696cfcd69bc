"""The units of systemd: systemd takes them, and they leave a worker its time."""

from __future__ import annotations

import configparser
import getpass
import re
import sys

import pytest

from tests.deploy.tools import DEPLOY, run_tool

UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


def section(unit) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names as they are
    parser.read(unit)
    return dict(parser["Service"])


def test_systemd_takes_them(tmp_path):
    """systemd-analyze finds no fault in the units, with the paths of this machine."""
    for unit in UNITS:
        text = unit.read_text().replace("/srv/example/venv/bin/python", sys.executable)
        text = text.replace("=example\n", f"={getpass.getuser()}\n")
        (tmp_path / unit.name.replace("@.", "@1.")).write_text(text)
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name.replace("@.", "@1.")) for unit in UNITS]

    run_tool("SYSTEMD_ANALYZE", "systemd-analyze", "verify", "--man=no", *names)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_it_is_in_the_foreground_and_comes_back(unit):
    """Celery does not fork, the first signal is for its parent alone, and it is started again."""
    said = section(unit)

    assert (said["Type"], said["KillMode"], said["Restart"]) == ("exec", "mixed", "always")
    assert "manage.py recurring_jobs" in said["ExecStart"]


def test_they_end_in_order():
    """
    Beats are stopped before workers, and who stops the target waits for all: what comes after
    another is stopped before it.
    """
    after = {unit.name: re.findall(r"^After=(.*)$", unit.read_text(), re.M) for unit in SERVICES}
    beat = " ".join(after["recurring-jobs-beat@.service"]).split()
    worker = " ".join(after["recurring-jobs-worker@.service"]).split()

    assert "recurring-jobs.target" in worker
    assert {"recurring-jobs.target", *(f"recurring-jobs-worker@{n}.service" for n in (1, 2))} <= {
        *beat
    }


def test_a_worker_may_finish_its_longest_task():
    """CELERY_TASK_TIME_LIMIT is 30 minutes, and a worker has longer."""
    said = section(DEPLOY / "systemd" / "recurring-jobs-worker@.service")

    assert int(said["TimeoutStopSec"].removesuffix("min")) > 30

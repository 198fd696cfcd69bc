"""The units of systemd: systemd takes them, and they leave a worker its time."""

from __future__ import annotations

import configparser
import fnmatch
import getpass
import re
import sys

import pytest

from tests.deploy.tools import DEPLOY, run_tool

UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
ENVIRONMENT = (DEPLOY / "systemd.env").read_text()
SETTINGS = DEPLOY.parent / "conf" / "settings.py"


def section(unit) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names as they are
    parser.read(unit)
    return dict(parser["Service"])


def test_systemd_takes_them(tmp_path):
    """systemd-analyze finds no fault in the units, with the paths of this machine."""
    for unit in UNITS:
        text = unit.read_text().replace("/srv/example/venv/bin/python", sys.executable)
        text = text.replace("/srv/example/venv/bin/gunicorn", sys.executable)
        text = text.replace("=example\n", f"={getpass.getuser()}\n")
        (tmp_path / unit.name.replace("@.", "@1.")).write_text(text)
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name.replace("@.", "@1.")) for unit in UNITS]

    run_tool("SYSTEMD_ANALYZE", "systemd-analyze", "verify", "--man=no", *names)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_it_is_in_the_foreground_and_comes_back(unit):
    """Nothing forks away, the first signal is for the parent alone, and it is started again."""
    said = section(unit)
    program, kind = ("/gunicorn ", "notify") if "web" in unit.name else (" recurring_jobs ", "exec")

    assert (said["Type"], said["KillMode"], said["Restart"]) == (kind, "mixed", "always")
    assert program in said["ExecStart"]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_it_writes_where_the_settings_say(unit):
    """The one folder that a unit opens is the one that the environment names."""
    named = re.search(r"^EXAMPLE_VAR_DIR=(.*)$", ENVIRONMENT, re.M)

    assert named
    assert section(unit)["ReadWritePaths"] == named[1]


def test_environment_has_what_the_settings_ask_for():
    """Each variable that the settings read has its line in the file that is to be filled in."""
    asked = set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', SETTINGS.read_text()))

    assert asked == set(re.findall(r"^(\w+)=", ENVIRONMENT, re.M))


def test_page_stops_and_starts_units_that_there_are():
    """Each unit that the page on deploying names to systemctl is among the files."""
    page = (DEPLOY.parents[1] / "docs/how-to/deploy.md").read_text()
    named = re.findall(r"systemctl (?:enable --now|stop|restart) '?(recurring-jobs[^\s'`]*)", page)
    files = [unit.name for unit in UNITS]

    assert len(named) >= 4
    assert [name for name in named if not fnmatch.filter(files, name)] == []


def test_they_end_in_order():
    """
    Beats are stopped before workers, and who stops the target waits for all: what comes after
    another is stopped before it.
    """
    after = {unit.name: re.findall(r"^After=(.*)$", unit.read_text(), re.M) for unit in SERVICES}
    beat = " ".join(after["recurring-jobs-beat@.service"]).split()

    assert all("recurring-jobs.target" in " ".join(others) for others in after.values())
    assert {"recurring-jobs.target", *(f"recurring-jobs-worker@{n}.service" for n in (1, 2))} <= {
        *beat
    }


def test_a_worker_may_finish_its_longest_task():
    """CELERY_TASK_TIME_LIMIT is 30 minutes, and a worker has longer."""
    said = section(DEPLOY / "systemd" / "recurring-jobs-worker@.service")

    assert int(said["TimeoutStopSec"].removesuffix("min")) > 30

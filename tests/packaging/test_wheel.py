"""What is in the wheel, what it says of itself, and that it imports with nothing else there."""

from __future__ import annotations

import subprocess
import sys
import venv
from email import message_from_string
from email.policy import default as email_policy
from pathlib import Path
from zipfile import ZipFile

import pytest

import recurring_jobs

SOURCE = Path(__file__).parent.parent.parent / "src"

# Importing the package and its declarations needs the standard library alone.
FACE = """
import sys
import recurring_jobs
from recurring_jobs import At, Cron, Every, GiveUp, RecurringJobsError, RetryLater, RRule, Solar
from recurring_jobs import development_broker
foreign = {"celery", "django", "dateutil"} & set(sys.modules)
assert not foreign, foreign
print(recurring_jobs.__version__)
"""


@pytest.fixture(scope="module")
def metadata(wheel):
    """The METADATA file of the wheel, parsed."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode(), policy=email_policy)


def test_wheel_holds_the_package_and_nothing_else(wheel):
    """
    Every file of the package is in the wheel, and no test, example or benchmark is.
    """
    expected = {
        str(path.relative_to(SOURCE))
        for path in (SOURCE / "recurring_jobs").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert packed == expected


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("recurring_jobs/py.typed", id="mark-of-a-typed-package"),
        pytest.param("recurring_jobs/templates/**/*.html", id="templates"),
        pytest.param("recurring_jobs/static/**/*.css", id="style-sheets"),
        pytest.param("recurring_jobs/static/**/*.js", id="scripts"),
        pytest.param("recurring_jobs/locale/de/LC_MESSAGES/django.mo", id="words-in-german"),
        pytest.param("recurring_jobs/locale/ar/LC_MESSAGES/django.mo", id="words-in-arabic"),
        pytest.param("recurring_jobs/migrations/0001_*.py", id="migrations"),
        pytest.param("recurring_jobs/management/commands/setup_periodic_tasks.py", id="commands"),
    ],
)
def test_wheel_has_what_is_not_imported(wheel, tmp_path, pattern):
    """
    Files that only Django or a type checker opens are in the wheel too.
    """
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path)

    assert list(tmp_path.glob(pattern))


def test_licence_is_an_expression(metadata):
    """
    The licence is declared as PEP 639 says: an SPDX expression, a file, no classifier.
    """
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert not [line for line in metadata.get_all("Classifier") if line.startswith("License")]


def test_requirements_are_the_five(metadata):
    """
    Five packages are required, everything else is an extra.
    """
    required = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]

    assert sorted(required) == [
        "celery>=5.6",
        "django-celery-beat>=2.9",
        "django-celery-results>=2.6",
        "django>=5.2",
        "python-dateutil>=2.9.0.post0",
    ]
    assert metadata.get_all("Provides-Extra") == [
        "flower",
        "ics",
        "mysql",
        "postgres",
        "prometheus",
        "redis",
    ]


def test_metadata_tells_name_version_and_readme(metadata):
    """
    Name, version, Python and the README stand where an index page shows them.
    """
    assert metadata["Name"] == "django-recurring-jobs"
    assert metadata["Version"] == recurring_jobs.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().lstrip().startswith("# django-recurring-jobs")


def test_declarations_import_with_nothing_else_installed(wheel, tmp_path):
    """
    In an environment that holds only the wheel, the package and its triggers can be imported.
    """
    venv.create(tmp_path / "empty", with_pip=False)
    python = tmp_path / "empty" / "bin" / "python"
    (site_packages,) = (tmp_path / "empty" / "lib").glob("python*/site-packages")
    with ZipFile(wheel) as archive:
        archive.extractall(site_packages)

    done = subprocess.run(
        [python, "-W", "error", "-c", FACE],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stderr, done.stdout) == ("", f"{recurring_jobs.__version__}\n")


def test_wheel_installs_without_complaint(wheel, tmp_path):
    """
    pip takes the wheel as it is and records the files that it laid down.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--target", tmp_path, wheel],
        env={
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.glob("django_recurring_jobs-*.dist-info/RECORD"))

"""The five apps of the example hold what they promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.example.project import manage

if TYPE_CHECKING:
    from pathlib import Path


APPS = ("focus", "credits", "lab", "starter", "pricing")
SCHEDULES = {
    "Generate recurring tasks",
    "cleanup-expired-credit-holds",
    "Send Appointment Reminders",
    "Cleanup Old Notifications",
    "Check endpoints",
    "Recompute all discounts",
    "Cleanup expired discounts",
    "Update price history",
}


def test_the_apps_pass_their_own_tests(tmp_path: Path):
    """
    ``manage.py test`` runs the tests of each of the five apps, and they pass.
    """
    done = manage("test", "--noinput", *APPS, var_dir=tmp_path, timeout=100)

    assert done.returncode == 0, done.stdout
    assert "\nOK" in done.stdout


def test_the_migrations_are_complete(tmp_path: Path):
    """
    No model of the example has changed without a migration.
    """
    done = manage("makemigrations", "--check", "--dry-run", var_dir=tmp_path, timeout=60)

    assert done.stdout == "No changes detected\n"


def test_the_project_has_no_complaints(tmp_path: Path):
    """
    The system checks, the library's own among them, find nothing to say.
    """
    done = manage("check", "--fail-level", "WARNING", var_dir=tmp_path, timeout=60)

    assert done.returncode == 0, done.stdout


def test_demo_data_is_loaded_once(tmp_path: Path):
    """
    A second ``load_demo_data`` adds nothing.
    """
    manage("migrate", "-v0", var_dir=tmp_path, timeout=60)

    first, second = (manage("load_demo_data", var_dir=tmp_path, timeout=60) for _ in range(2))

    assert first.stdout.splitlines() == [
        "focus: 216 templates added",
        "credits: 6 accounts added",
        "lab: 5 patients added",
        "starter: 5 endpoints added",
        "pricing: 12 products added",
    ]
    assert second.stdout.splitlines() == [
        "focus: 0 templates added",
        "credits: 0 accounts added",
        "lab: 0 patients added",
        "starter: 0 endpoints added",
        "pricing: 0 products added",
    ]


def test_every_schedule_is_declared_in_code(tmp_path: Path):
    """
    ``setup_periodic_tasks`` makes the schedules of all apps, and a second run has none to make.
    """
    manage("migrate", "-v0", var_dir=tmp_path, timeout=60)
    first = manage("setup_periodic_tasks", var_dir=tmp_path, timeout=60)

    check = manage("setup_periodic_tasks", "--check", var_dir=tmp_path, timeout=60)

    assert (first.returncode, check.returncode) == (0, 0), first.stdout + check.stdout
    made = {name for name in SCHEDULES if name in first.stdout}
    assert made == SCHEDULES

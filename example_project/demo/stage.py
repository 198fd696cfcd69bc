"""What must be ready before the curtain: an empty folder, a filled database, schedules."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection

from recurring_jobs import development_broker

ADMIN = "admin"


@contextmanager
def only_demo_in(folder: Path) -> Iterator[None]:
    """Hold *folder* for one demo; raise CommandError while another one has it."""
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = (
                f"Another demo runs in {folder}. Stop it with Ctrl-C, or give this one a folder "
                "of its own: EXAMPLE_VAR_DIR=/tmp/example-2"
            )
            raise CommandError(message) from None
        yield


def clear(folder: Path) -> None:
    """Remove what an earlier demo left in *folder*; other databases and brokers keep theirs."""
    for name in ("log", "mail", ".celery-broker"):
        shutil.rmtree(folder / name, ignore_errors=True)
    if Path(connection.settings_dict["NAME"]).parent == folder:
        for database in folder.glob("example.sqlite3*"):
            database.unlink()
    (folder / "mail").mkdir()
    development_broker(folder)


def fill_database(out: TextIO) -> None:
    """Make the tables, the demo data and somebody who may log in."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("load_demo_data", stdout=out)
    User = get_user_model()  # noqa: N806  a class
    if not User.objects.filter(username=ADMIN).exists():
        User.objects.create_superuser(ADMIN, "admin@example.com", ADMIN)


def sync_schedules(env: Mapping[str, str], out: TextIO) -> None:
    """
    Run ``setup_periodic_tasks`` with the shortened clocks; raise CommandError if it fails.

    It is a process of its own because this one has the settings without them.
    """
    done = subprocess.run(
        [sys.executable, "manage.py", "setup_periodic_tasks"],
        cwd=settings.BASE_DIR,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    out.write(done.stdout)
    if done.returncode:
        message = f"setup_periodic_tasks ended with {done.returncode}:\n{done.stderr}"
        raise CommandError(message)


def facts() -> list[str]:
    """Say on which services the demo runs."""
    broker = settings.CELERY_BROKER_URL.split("://")[0]
    return [f"database: {connection.vendor}", f"broker: {broker}"]


def environment(token: str) -> Mapping[str, str]:
    """Return what the processes of a demo need to know."""
    return {
        "DJANGO_SETTINGS_MODULE": "conf.demo_settings",
        "DEBUG": os.environ.get("DEBUG", "0"),
        "EXAMPLE_API_TOKEN": token,
        "EXAMPLE_VAR_DIR": str(settings.VAR_DIR),
        "PYTHONUNBUFFERED": "1",
    }

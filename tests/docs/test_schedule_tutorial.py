"""The tutorial on schedules, typed as it stands into a project of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.examples import DOCS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

SETTINGS = """
USE_TZ = True
SECRET_KEY = "not secret"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3",
    "OPTIONS": {"transaction_mode": "IMMEDIATE"}}}
INSTALLED_APPS = ["django.contrib.contenttypes", "django_celery_beat", "django_celery_results",
    "recurring_jobs", "shop"]
CELERY_BROKER_URL = "memory://"
CELERY_RESULT_BACKEND = "django-db"
CELERY_BEAT_SCHEDULER = "recurring_jobs.schedulers:DatabaseScheduler"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "mysite.urls"
"""
FILES = {
    "mysite/settings.py": SETTINGS,
    "mysite/urls.py": "urlpatterns = []\n",
    "mysite/__init__.py": "from mysite.celery import app as celery_app\n",
    "mysite/celery.py": (
        "from celery import Celery\n"
        "app = Celery('mysite')\n"
        "app.config_from_object('django.conf:settings', namespace='CELERY')\n"
        "app.autodiscover_tasks()\n"
    ),
    "manage.py": (
        "import os, sys\n"
        "from django.core.management import execute_from_command_line\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.settings'\n"
        "execute_from_command_line(sys.argv)\n"
    ),
    "shop/__init__.py": "",
}
_STEP = re.compile(r"In `([\w/.]+)`:\n\n```python\n(.*?)^```$|^```console\n(.*?)^```$", re.M | re.S)


def steps() -> Iterator[tuple[str, str]]:
    """
    Yield each file to write with its text, and each command with what it prints.
    """
    page = (DOCS / "tutorial-schedules.md").read_text(encoding="utf-8")
    for path, code, console in _STEP.findall(page):
        if path:
            yield path, code
            continue
        for each in re.split(r"^\$ ", console, flags=re.M)[1:]:
            command, _, printed = each.partition("\n")
            yield f"$ {command}", printed


def test_each_command_prints_what_the_page_shows(tmp_path):
    """
    From declaring to bringing back, the page shows what happens.
    """
    write(tmp_path, FILES)
    typed(tmp_path, "python manage.py migrate -v 0")
    shown, told = [], []

    for what, text in steps():
        if what.startswith("$ "):
            shown.append((what, text))
            told.append((what, typed(tmp_path, what.removeprefix("$ "))))
        else:
            write(tmp_path, {what: text})

    assert len(shown) >= 10
    assert told == shown


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def typed(folder: Path, command: str) -> str:
    bin_folder = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "mysite.settings",
        },
        text=True,
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout

"""A project that has rows before it has the mixins; its two versions stand below."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SETTINGS = """
import os
import dj_database_url

SECRET_KEY = "not secret: tests only"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django_celery_beat",
    "django_celery_results",
    "recurring_jobs",
    "clinic",
]
"""

BEFORE = """
from django.db import models


class Chore(models.Model):
    title = models.CharField(max_length=100)
    due_at = models.DateTimeField()


class Opening(models.Model):
    room = models.CharField(max_length=100)
    opens_at = models.DateTimeField()


class Treatment(models.Model):
    patient = models.CharField(max_length=100)
    starts_at = models.DateTimeField()


class Visit(models.Model):
    patient = models.CharField(max_length=100)
    starts_at = models.DateTimeField()
"""

AFTER = """
from django.db import models

from recurring_jobs.models import (
    OccurrenceModelMixin,
    RecurrenceRuleMixin,
    RecurringModelMixin,
    RecurringTemplateMixin,
)


class Chore(RecurringModelMixin):
    title = models.CharField(max_length=100)
    due_at = models.DateTimeField()

    class Recurrence:
        start = "due_at"


class Opening(RecurrenceRuleMixin):
    room = models.CharField(max_length=100)
    opens_at = models.DateTimeField()

    class Recurrence:
        start = "opens_at"


class Treatment(RecurringTemplateMixin):
    patient = models.CharField(max_length=100)
    starts_at = models.DateTimeField()

    class Recurrence:
        start = "starts_at"


class Visit(OccurrenceModelMixin):
    recurrence_parent = models.ForeignKey(
        Treatment, on_delete=models.CASCADE, null=True, blank=True, related_name="occurrences"
    )
    patient = models.CharField(max_length=100)
    starts_at = models.DateTimeField()
"""

FILL = """
Chore.objects.bulk_create(Chore(title=f"Chore {n}", due_at=START) for n in range(100))
Opening.objects.create(room="Surgery", opens_at=START)
Treatment.objects.create(patient="Patient 7", starts_at=START)
Visit.objects.bulk_create(Visit(patient=f"Patient {n}", starts_at=START) for n in range(100))
"""

#: Old rows are made templates, as a person would; old visits stay beside the new ones.
USE = """
from django.db import connection
from recurring_jobs.recurrence.occurrences import generate_occurrences
chore = Chore.objects.get(title="Chore 7")
chore.recurrence_rule = "FREQ=WEEKLY"
chore.full_clean()
chore.save()
Treatment.objects.update(recurrence_rule="FREQ=DAILY;COUNT=3")
opening = Opening.objects.get()
opening.recurrence_rule = "FREQ=DAILY"
opening.save()
reports = [generate_occurrences(model, now=START) for model in (Chore, Treatment)]
Chore.objects.bulk_create(
    [Chore(pk=row.pk, title="Renamed", due_at=START) for row in Chore.objects.filter(due_at=START)],
    update_conflicts=True,
    unique_fields=["id"] if connection.features.supports_update_conflicts_with_target else None,
    update_fields=["title"],
)
changed = generate_occurrences(Chore, now=START)
again = [generate_occurrences(model, now=START) for model in (Chore, Treatment)]
answer = {
    "created": [report.created for report in (*reports, *again)],
    "changed": changed.updated,
    "set_aside": [report.set_aside for report in reports],
    "chores": [Chore.objects.count(), Chore.objects.templates().count()],
    "of the old row": [row.due_at.day for row in chore.occurrences.order_by("due_at")],
    "visits": [Visit.objects.count(), Visit.objects.occurrences().count()],
    "openings": [day.day for day in opening.occurrences_between(START, START + timedelta(days=3))],
    "of an old patient": Visit.objects.filter(patient="Patient 7").count(),
}
"""

PROLOGUE = """
import json
from datetime import UTC, datetime, timedelta
import django
django.setup()
from clinic.models import Chore, Opening, Treatment, Visit
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
answer = None
"""


@pytest.fixture
def run_project(tmp_path: Path) -> Callable[[str], Any]:
    """Lead the project from its first to its second version; return what it answers then."""
    package = tmp_path / "clinic"
    (package / "migrations").mkdir(parents=True)
    (package / "migrations" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (tmp_path / "settings_of_clinic.py").write_text(SETTINGS)

    def run(url: str) -> Any:
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "settings_of_clinic",
            "PYTHONPATH": str(tmp_path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

        def python(*arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, *arguments],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        for models, script in ((BEFORE, FILL), (AFTER, USE)):
            (package / "models.py").write_text(models)
            python("-m", "django", "makemigrations", "clinic", "--noinput")
            python("-m", "django", "migrate", "clinic")
            out = python("-c", f"{PROLOGUE}\n{script}\nprint(json.dumps(answer))")
        return json.loads(out)

    return run


pytestmark = pytest.mark.timeout(600)

ANSWER = {
    "created": [5, 2, 0, 0],
    "changed": 5,
    "set_aside": [0, 0],
    "chores": [105, 1],
    "of the old row": [9, 16, 23, 30, 6],
    "visits": [102, 2],
    "openings": [2, 3, 4],
    "of an old patient": 3,
}


def test_filled_table_on_sqlite(run_project, tmp_path):
    """Mixins go onto filled tables without a question; an old row becomes a template."""
    assert run_project(f"sqlite:///{tmp_path / 'clinic.sqlite3'}") == ANSWER


@pytest.mark.postgres
def test_filled_table_on_postgres(run_project, postgres_url, fresh_database):
    """The same on PostgreSQL."""
    assert run_project(fresh_database(postgres_url)) == ANSWER


@pytest.mark.mariadb
def test_filled_table_on_mariadb(run_project, mariadb_url, fresh_database):
    """The same on MariaDB."""
    assert run_project(fresh_database(mariadb_url)) == ANSWER

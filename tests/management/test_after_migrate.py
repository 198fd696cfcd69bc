"""What ``migrate`` does to the schedules of a project that asked for it."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DEFAULT_DB_ALIAS
from django_celery_beat.models import PeriodicTask

from recurring_jobs.management.after_migrate import sync_after_migrate
from recurring_jobs.periodic import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

# MariaDB ends a transaction where triggers are made.
pytestmark = pytest.mark.django_db(transaction=True)

ON = {"SYNC_AFTER_MIGRATE": True}
NIGHTLY = {"nightly": {"task": "host.add", "trigger": "0 9 * * *"}}


@pytest.fixture(autouse=True)
def nothing_else_declared() -> Iterator[None]:
    """Leave only what the settings declare."""
    with registry.no_declarations():
        yield


def migrate() -> str:
    out = StringIO()
    call_command("migrate", stdout=out, interactive=False)
    return out.getvalue()


def test_migrate_brings_the_schedules_in_line(settings):
    """
    Where it is asked for, migrate ends with the rows that the code declares, and a count.
    """
    settings.RECURRING_JOBS = {**ON, "SCHEDULE": NIGHTLY}

    said, again = migrate(), migrate()

    assert [task.name for task in PeriodicTask.objects.all()] == ["nightly"]
    assert "Schedules after migrate: 1 create\n" in said
    assert "Schedules after migrate: 1 keep\n" in again


def test_migrate_leaves_the_schedules_alone_unless_asked(settings):
    """
    By default migrate does not touch the schedules.
    """
    settings.RECURRING_JOBS = {"SCHEDULE": NIGHTLY}

    assert "Schedules" not in migrate()
    assert not PeriodicTask.objects.exists()


def test_wrong_declaration_ends_migrate_with_its_sentence(settings):
    """
    The deploy stops with the reason, and nothing of the schedules is written.
    """
    wrong = {"wrong": {"task": "host.ad", "trigger": "0 9 * * *"}}
    settings.RECURRING_JOBS = {**ON, "SCHEDULE": {**NIGHTLY, **wrong}}

    with pytest.raises(CommandError, match="is not registered") as refused:
        sync_after_migrate(using=DEFAULT_DB_ALIAS, apps=apps)

    assert refused.value.returncode == 2
    assert not PeriodicTask.objects.exists()


def test_flush_leaves_the_tables_empty(settings):
    """
    flush sends the same signal, and is not what was asked for.
    """
    settings.RECURRING_JOBS = {**ON, "SCHEDULE": NIGHTLY}

    sync_after_migrate(using=DEFAULT_DB_ALIAS)

    assert not PeriodicTask.objects.exists()

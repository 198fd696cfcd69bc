"""The demo shows everything, on files alone and on real services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.example.project import manage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]


def check_demo(var_dir: Path, **services: str) -> None:
    """Run the demo's own check and assert that it saw every system at work."""
    done = manage("demo", "--check", var_dir=var_dir, timeout=180, **services)

    assert done.returncode == 0, done.stdout
    assert "Every system has done its work." in done.stdout
    assert "MISSING" not in done.stdout


def test_without_any_server(tmp_path: Path):
    """
    On SQLite and messages in files every system.
    """
    check_demo(tmp_path)


@pytest.mark.postgres
@pytest.mark.redis
def test_on_postgresql_and_redis(
    tmp_path: Path, postgres_url: str, redis_url: str, fresh_database: Callable[[str], str]
):
    """
    On PostgreSQL and Redis every system works, also on a database that had a demo before.
    """
    services = {"DATABASE_URL": fresh_database(postgres_url), "CELERY_BROKER_URL": redis_url}
    check_demo(tmp_path, **services)

    check_demo(tmp_path, **services)


@pytest.mark.mariadb
@pytest.mark.rabbitmq
def test_on_mariadb_and_rabbitmq(
    tmp_path: Path, mariadb_url: str, rabbitmq_url: str, fresh_database: Callable[[str], str]
):
    """
    On MariaDB and RabbitMQ every system works.
    """
    check_demo(
        tmp_path,
        DATABASE_URL=fresh_database(mariadb_url),
        CELERY_BROKER_URL=rabbitmq_url,
    )

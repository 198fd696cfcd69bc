"""The demo shows everything again, on a database that had one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.example.project import manage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]


@pytest.mark.postgres
@pytest.mark.redis
def test_on_postgresql_and_redis(
    tmp_path: Path, postgres_url: str, redis_url: str, fresh_database: Callable[[str], str]
):
    """
    The second demo on a database sees every system at work, as the first does.

    The first alone, on files and on other servers, is ``script/demo --check``.
    """
    services = {"DATABASE_URL": fresh_database(postgres_url), "CELERY_BROKER_URL": redis_url}
    for _ in range(2):
        done = manage("demo", "--check", var_dir=tmp_path, timeout=180, **services)

        assert done.returncode == 0, done.stdout
        assert "Every system has done its work." in done.stdout
        assert "MISSING" not in done.stdout

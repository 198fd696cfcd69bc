"""A database for each test of faults, migrated once for all of them; a browser for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.admin_rows import few_questions, questions, rows
from tests.live.browser import chromium, many_languages, open_page, pictures, site, strict_policy
from tests.live.processes import Host
from tests.services import temporary_database

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "chromium",
    "few_questions",
    "many_languages",
    "open_page",
    "pictures",
    "questions",
    "rows",
    "site",
    "strict_policy",
]


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL database with the tables of the host project, to be copied."""
    with temporary_database(postgres_url) as url:
        Host.on(tmp_path_factory.mktemp("template"), database_url=url).manage("migrate", "-v", "0")
        yield url


@pytest.fixture
def migrated_database(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """URL of a PostgreSQL database of the test's own, with the tables of the host project."""
    with temporary_database(postgres_url, copy_of=migrated_template) as url:
        yield url

"""What all tests share: the addresses of servers, and what becomes of tests without one."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import django
import pytest

from tests.services import SERVICES, temporary_database

pytest_plugins = ["recurring_jobs.testing.pytest_plugin"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def no_worker_any_more() -> Iterator[None]:
    """A worker that lived in this process, and was not shut down, counts for no other test."""
    yield
    from recurring_jobs import tallies

    tallies._memory.take()
    tallies._memory.is_used = False


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """URL of the maintenance database of a PostgreSQL server."""
    return SERVICES["postgres"].address()


@pytest.fixture(scope="session")
def mariadb_url() -> str:
    """URL of the system database of a MariaDB server."""
    return SERVICES["mariadb"].address()


@pytest.fixture(scope="session")
def redis_url() -> str:
    """URL of a Redis database that tests may write to."""
    return SERVICES["redis"].address()


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """URL of a RabbitMQ virtual host that tests may write to."""
    return SERVICES["rabbitmq"].address()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of a Chromium that playwright can drive."""
    return SERVICES["chromium"].address()


@pytest.fixture(scope="session")
def faketime() -> str:
    """Path of the library that gives a process another clock."""
    return SERVICES["faketime"].address()


@pytest.fixture
def fresh_database() -> Iterator[Callable[[str], str]]:
    """
    Make a new database of a unique name on the server of a URL; return its URL.

    The databases made are dropped when the test ends, whoever is still connected.
    """
    with ExitStack() as lent:
        yield lambda server_url: lent.enter_context(temporary_database(server_url))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave a test out, or fail it where CI is set, before any fixture is made in vain."""
    for mark in item.iter_markers():
        if mark.name in SERVICES:
            SERVICES[mark.name].address()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which servers were missing, how many tests that left out, and how to run them."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    left_out = {
        service: count
        for service in SERVICES.values()
        if (count := sum(service.absent in reason for reason in reasons))
    }
    if not left_out:
        return
    terminalreporter.section("left out for want of a server")
    for service, count in left_out.items():
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.line(f"{tests} with {service.name}; to have them run:")
        terminalreporter.line(f"    export {service.variable}={service.example}")


@pytest.fixture
def admins(settings: Any) -> list[str]:
    """The addresses of the project's administrators, set in the form that this Django wants."""
    address = "ann@example.com"
    settings.ADMINS = [address] if django.VERSION >= (6,) else [("Ann", address)]
    return [address]

"""The servers that some tests need: how each is named, found and lent."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult


class Service(NamedTuple):
    """A server that tests reach by the address in one environment variable."""

    mark: str
    name: str
    variable: str
    example: str

    @property
    def absent(self) -> str:
        """Why a test is left out, and what to type to have it run."""
        return f"{self.variable} is not set. With {self.name}: {self.variable}={self.example}"

    def address(self) -> str:
        """
        Return the address; skip the test where none is set, or fail it where CI is.
        """
        value = os.environ.get(self.variable, "")
        if value:
            return value
        if os.environ.get("CI"):
            pytest.fail(f"CI is set and {self.absent}", pytrace=False)
        pytest.skip(self.absent)


SERVICES = {
    service.mark: service
    for service in (
        Service(
            "postgres",
            "PostgreSQL",
            "POSTGRES_URL",
            "postgres://postgres@127.0.0.1:5432/postgres",
        ),
        Service("mariadb", "MariaDB", "MARIADB_URL", "mysql://root@127.0.0.1:3306/mysql"),
        Service("redis", "Redis", "REDIS_URL", "redis://127.0.0.1:6379/9"),
        Service("rabbitmq", "RabbitMQ", "RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
        Service(
            "faketime",
            "libfaketime",
            "LIBFAKETIME",
            "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        ),
        Service("chromium", "Chromium", "CHROMIUM", "/usr/bin/chromium"),
    )
}


@contextmanager
def temporary_database(server_url: str, *, copy_of: str = "") -> Iterator[str]:
    """
    Make an empty database on the server of *server_url*, lend its URL, then drop it.

    On PostgreSQL it may be a copy of another, named by its URL, to which nobody is
    connected. Raise ValueError for a server that is neither PostgreSQL nor MariaDB or MySQL.
    """
    server = urlsplit(server_url)
    name = f"recurring_jobs_{uuid4().hex[:12]}"
    _create(server, name, template=urlsplit(copy_of).path.lstrip("/") or "template1")
    try:
        yield server._replace(path=f"/{name}").geturl()
    finally:
        _drop(server, name)


def _create(server: SplitResult, name: str, *, template: str) -> None:
    if _is_postgres(server):
        _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    else:
        _execute(server, f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")


def _drop(server: SplitResult, name: str) -> None:
    if _is_postgres(server):
        _execute(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    else:
        _execute(server, f"DROP DATABASE IF EXISTS `{name}`")


def _is_postgres(server: SplitResult) -> bool:
    if server.scheme in {"postgres", "postgresql"}:
        return True
    if server.scheme in {"mysql", "mariadb"}:
        return False
    message = f"{server.scheme}:// is neither PostgreSQL nor MariaDB."
    raise ValueError(message)


def _execute(server: SplitResult, statement: str) -> None:
    if _is_postgres(server):
        import psycopg

        with psycopg.connect(server.geturl(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]
    else:
        import MySQLdb

        connection = MySQLdb.connect(
            host=server.hostname or "127.0.0.1",
            port=server.port or 3306,
            user=unquote(server.username or "root"),
            password=unquote(server.password or ""),
        )
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()

"""Real beats, on a database and a broker that can be taken away, and the ledger they write."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest

from tests.live.processes import Host, Process, wait_until
from tests.live.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: For how many seconds beats are tormented; set FAULT_SECONDS=60 for a longer while.
SECONDS = float(os.environ.get("FAULT_SECONDS", "20"))
#: How far apart the fires of each schedule are.
SLOT = 2

POSTGRES_AND_REDIS = pytest.param(
    "postgres", "redis", marks=[pytest.mark.postgres, pytest.mark.redis], id="postgres-redis"
)
MARIADB_AND_RABBITMQ = pytest.param(
    "mariadb", "rabbitmq", marks=[pytest.mark.mariadb, pytest.mark.rabbitmq], id="mariadb-rabbitmq"
)

_DECLARE = """
from datetime import timedelta
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import upcoming
from recurring_jobs.periodic.clock import database_now
every, _ = IntervalSchedule.objects.get_or_create(every={every}, period="seconds")
for name, kwargs, policies in {schedules!r}:
    task = PeriodicTask.objects.create(
        name=name, task={task!r}, interval=every, queue={queue!r}, kwargs=kwargs)
    Schedule.objects.create(periodic_task=task, **policies)
upcoming.apply_changes(now=database_now("default"), using="default", limit=99)
"""
_PROBLEMS = """
import json
from recurring_jobs.testing import ledger_problems
print(json.dumps(ledger_problems()))
"""
_FIRES = """
SELECT task.name, fire.kind, fire.nominal_at, fire.state, fire.stands_for, fire.published_at
FROM recurring_jobs_fire fire
JOIN recurring_jobs_schedule schedule ON schedule.id = fire.schedule_id
JOIN django_celery_beat_periodictask task ON task.id = schedule.periodic_task_id
ORDER BY fire.nominal_at
"""
_NOW = {"postgres": "SELECT clock_timestamp()", "mysql": "SELECT UTC_TIMESTAMP(6)"}


class FireRow(NamedTuple):
    """A fire on record; times are seconds since 1970, by the database's clock."""

    schedule: str
    kind: str
    nominal_at: float
    state: str
    stands_for: int
    published_at: float | None

    @property
    def late(self) -> float:
        """How many seconds after its nominal time it went out."""
        assert self.published_at is not None, self
        return self.published_at - self.nominal_at


@dataclass
class Stage:
    """A host whose processes reach database and broker by way of proxies."""

    host: Host
    database_url: str
    database: Proxy
    broker: Proxy
    direct: Host
    queue: str = field(default_factory=lambda: f"beats-{uuid4().hex[:8]}")

    def declare(
        self,
        schedules: dict[str, dict[str, Any]] | int,
        *,
        task: str = "host.elsewhere",
        every: int = SLOT,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Store so many schedules, or those of these names with their policies."""
        if isinstance(schedules, int):
            schedules = {f"slot-{number}": {} for number in range(schedules)}
        rows = [
            (name, json.dumps((kwargs or {}).get(name, {})), policies)
            for name, policies in schedules.items()
        ]
        self.direct.python(
            "from datetime import timedelta\n"
            + _DECLARE.format(every=every, schedules=rows, task=task, queue=self.queue).replace(
                "datetime.timedelta", "timedelta"
            )
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database itself."""
        url = urlsplit(self.database_url)
        if url.scheme == "postgres":
            import psycopg  # there only where PostgreSQL is

            with psycopg.connect(self.database_url, autocommit=True) as connection:
                return connection.execute(query).fetchall()  # type: ignore[arg-type]
        import MySQLdb  # there only where MariaDB is

        connection = MySQLdb.connect(
            host=url.hostname,
            port=url.port or 3306,
            user=unquote(url.username or "root"),
            password=unquote(url.password or ""),
            database=url.path[1:],
        )
        try:
            cursor = connection.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())
        finally:
            connection.close()

    def now(self) -> float:
        """Return what time it is, by the database's clock."""
        found: datetime = self.rows(_NOW[urlsplit(self.database_url).scheme])[0][0]
        return seconds_of(found)

    def fires(self) -> list[FireRow]:
        """Return the ledger, in order of nominal times."""
        return [
            FireRow(name, kind, seconds_of(nominal), state, stands, sent and seconds_of(sent))
            for name, kind, nominal, state, stands, sent in self.rows(_FIRES)
        ]

    def problems(self) -> list[str]:
        """Return what ``check_ledger`` finds."""
        found: list[str] = json.loads(self.direct.python(_PROBLEMS).splitlines()[-1])
        return found

    def beats(self, number: int) -> list[Process]:
        """Start so many beats, and wait until something has been fired."""
        started = [self.host.beat() for _ in range(number)]
        self.wait_for(self.fires, what="the first fire")
        return started

    def wait_for(self, condition: Callable[[], object], *, what: str, seconds: float = 60) -> None:
        """Wait until *condition* is true; else fail with what the processes have said."""
        try:
            wait_until(condition, seconds=seconds, what=what)
        except AssertionError as error:
            logs = "\n".join(process.output()[-3000:] for process in self.host.processes)
            message = f"{error}\n{self.fires()[-20:]}\n{logs}"
            raise AssertionError(message) from error

    def wait_past(self, at: float, *, seconds: float = 60) -> None:
        """Wait until each schedule has published a fire of a time later than *at*."""

        def is_past() -> bool:
            fires = self.fires()
            later = {f.schedule for f in fires if f.nominal_at > at and f.state == "published"}
            return later == {f.schedule for f in fires}

        self.wait_for(is_past, seconds=seconds, what="fires after the fault")


@contextmanager
def stage(
    folder: Path, database_url: str, broker: str, *, env: dict[str, str] | None = None
) -> Iterator[Stage]:
    """Set a stage on a new database and on *broker* (redis or rabbitmq); clean up behind it."""
    folder.mkdir(exist_ok=True)
    broker_url = os.environ[f"{broker.upper()}_URL"]
    proxies = Proxy(database_url), Proxy(broker_url)
    direct = Host.on(folder, database_url=database_url, broker_url=broker_url)
    direct.env |= env or {}
    host = replace(
        direct,
        processes=[],
        env=direct.env | {"DATABASE_URL": proxies[0].url, "CELERY_BROKER_URL": proxies[1].url},
    )
    direct.manage("migrate", "-v", "0")
    set_up = Stage(host, database_url, *proxies, direct)
    try:
        yield set_up
    finally:
        for proxy in proxies:
            proxy.open()
        host.stop_all()
        direct.drop_queue(set_up.queue)
        for proxy in proxies:
            proxy.end()


def seconds_of(at: datetime) -> float:
    """Return a time of the database as seconds since 1970."""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()

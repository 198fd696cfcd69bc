"""
Counts what happens, for figures that only grow: of all processes, over restarts and pruning.

A worker and a beat keep what they count in memory and add it to the table at each
heartbeat, in one statement. Any other process, where such things are rare, adds it at once.
"""

from __future__ import annotations

import logging
import os
import threading
from bisect import bisect_left
from collections import defaultdict
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from celery import signals
from django.db import DatabaseError, InterfaceError, connections, models, router, transaction
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

logger = logging.getLogger(__name__)

#: How many tallies one statement adds to.
_AT_ONCE: Final = 500


class Measure(NamedTuple):
    """Something that is observed, and the upper bounds of the buckets that it is counted in."""

    name: str
    bounds: tuple[float, ...]


#: Seconds that an attempt at a run was at work.
ATTEMPT_SECONDS: Final = Measure(
    "attempt_seconds", (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
)
#: Seconds from the nominal time of a scheduled fire to its message.
FIRE_LATENESS: Final = Measure("fire_lateness", (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600))
#: The detail under which the sum of what was observed is kept.
SUM: Final = "sum"
#: The upper bound of the last bucket.
NO_BOUND: Final = "+Inf"


class Tally(models.Model):
    """How often one thing has happened, of one subject, since the table was made."""

    id = models.CharField(_("id"), max_length=64, primary_key=True)
    name = models.CharField(_("name"), max_length=32)
    subject = models.CharField(
        _("subject"), max_length=255, blank=True, help_text=_("Such as the name of a task.")
    )
    detail = models.CharField(_("detail"), max_length=32, blank=True)
    value = models.FloatField(_("value"), default=0)

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")
        default_permissions = ()

    def __str__(self) -> str:
        return " ".join(filter(None, (self.name, self.subject, self.detail)))


class Key(NamedTuple):
    """What tells one tally from the others."""

    name: str
    subject: str
    detail: str

    @property
    def pk(self) -> str:
        """The primary key of its row, short enough for an index of any database."""
        return sha256("\n".join(self).encode()).hexdigest()


def connect() -> None:
    """Have workers and beats keep in memory what they count; a second call changes nothing."""
    for signal in (signals.worker_init, signals.beat_init, signals.beat_embedded_init):
        signal.connect(_on_start, weak=False, dispatch_uid="recurring_jobs.tallies.start")
    for signal in (signals.worker_process_shutdown, signals.worker_shutdown):
        signal.connect(_on_end, weak=False, dispatch_uid="recurring_jobs.tallies.end")


def count(name: str, subject: str = "", detail: str = "", *, by: float = 1) -> None:
    """Add *by* to a tally, when the transaction of this moment is committed."""
    _add({Key(name, subject[:255], detail): by})


def observe(measure: Measure, values: Sequence[float], *, subject: str = "") -> None:
    """Count each of *values* in the first bucket of *measure* that it fits, and their sum."""
    name, bounds = measure
    found: defaultdict[Key, float] = defaultdict(float)
    for value in values:
        at = bisect_left(bounds, value)
        found[Key(name, subject[:255], str(bounds[at]) if at < len(bounds) else NO_BOUND)] += 1
        found[Key(name, subject[:255], SUM)] += value
    if found:
        _add(found)


def flush() -> None:
    """
    Add what this process has kept in memory to the table.

    What could not be added is kept for the next time; raise DatabaseError then.
    """
    waiting = sorted(_memory.take().items())
    while waiting:
        some, rest = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        try:
            _write(dict(some))
        except (DatabaseError, InterfaceError):
            _memory.add(dict(waiting))
            raise
        waiting = rest


def is_waiting() -> bool:
    """Return whether this process has kept something in memory."""
    return _memory.is_waiting()


class _Memory:
    """What a process has counted and not written yet; empty in a process forked from it."""

    def __init__(self) -> None:
        #: Whether somebody calls ``flush`` in this process and those forked from it.
        self.is_used = False
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._values: defaultdict[Key, float] = defaultdict(float)

    def add(self, values: Mapping[Key, float]) -> None:
        self._see_fork()
        with self._lock:
            for key, value in values.items():
                self._values[key] += value

    def take(self) -> dict[Key, float]:
        self._see_fork()
        with self._lock:
            values, self._values = self._values, defaultdict(float)
        return values

    def is_waiting(self) -> bool:
        return self._pid == os.getpid() and bool(self._values)

    def _see_fork(self) -> None:
        if self._pid != os.getpid():
            self._reset()


_memory: Final = _Memory()


def _add(values: Mapping[Key, float]) -> None:
    using = router.db_for_write(Tally)
    keep = _memory.add if _memory.is_used else _write_safely
    if connections[using].in_atomic_block:
        transaction.on_commit(partial(keep, values), using=using, robust=True)
    else:
        keep(values)  # on_commit() would connect first, and raise where the database is away


def _write_safely(values: Mapping[Key, float]) -> None:
    try:
        _write(values)
    except (DatabaseError, InterfaceError):
        logger.warning("recurring_jobs.tally.not_written", exc_info=True)


def _write(values: Mapping[Key, float]) -> None:
    """Add *values* in one statement, and always in one order, so that two of them can wait."""
    connection = connections[router.db_for_write(Tally)]
    quote = connection.ops.quote_name
    table, value = quote(Tally._meta.db_table), quote("value")
    names = ", ".join(map(quote, ("id", "name", "subject", "detail", "value")))
    rows = sorted((key.pk, *key, float(by)) for key, by in values.items())
    if connection.vendor == "mysql":
        merge = f"ON DUPLICATE KEY UPDATE {value} = {value} + VALUES({value})"
    else:
        merge = f"ON CONFLICT (id) DO UPDATE SET {value} = {table}.{value} + excluded.{value}"
    places = ", ".join(["(%s, %s, %s, %s, %s)"] * len(rows))
    statement = f"INSERT INTO {table} ({names}) VALUES {places} {merge}"  # noqa: S608  all quoted
    with connection.cursor() as cursor:
        cursor.execute(statement, [each for row in rows for each in row])


def _on_start(**_: Any) -> None:
    _memory.is_used = True


def _on_end(**_: Any) -> None:
    _memory.is_used = False  # a process may go on after its worker, as in a test
    try:
        flush()
    except (DatabaseError, InterfaceError):
        logger.warning("recurring_jobs.tally.not_written", exc_info=True)

"""Ways to see in the database what happened since the last look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from demo.events import Event, Sight
from recurring_jobs.models import Run

#: A look covers this many of the newest rows; a demo makes a few in a second.
NEWEST = 200


class Growth:
    """A number that grows, or shrinks, when work is done."""

    def __init__(
        self, sight: Sight, text: str, count: Callable[[], int], *, shrinks: bool = False
    ) -> None:
        self._sight = sight
        self._text = text
        self._count = count
        self._sign = -1 if shrinks else 1
        self._last = count()

    def __call__(self) -> Iterator[Event]:
        now = self._count()
        change, self._last = self._sign * (now - self._last), now
        if change > 0:
            yield Event(self._sight, self._text.format(count=f"{change:,}", total=f"{now:,}"))


class Arrivals:
    """Rows that were not there at the last look, each told in a line of its own."""

    def __init__(self, rows: QuerySet[Any], tell: Callable[[Any], Event | None]) -> None:
        self._rows = rows.order_by("-pk")
        self._tell = tell
        self._known = set(self._rows.values_list("pk", flat=True)[:NEWEST])

    def __call__(self) -> Iterator[Event]:
        fresh = [row for row in self._rows[:NEWEST] if row.pk not in self._known]
        for row in reversed(fresh):
            self._known.add(row.pk)
            if event := self._tell(row):
                yield event


class RunChanges:
    """Runs made after *since* whose state or attempt is another than at the last look."""

    def __init__(self, since: datetime, tell: Callable[[Run], Event | None]) -> None:
        self._runs = Run.objects.filter(created_at__gte=since).order_by("-created_at")
        self._tell = tell
        self._known: dict[str, tuple[str, int]] = {}

    def __call__(self) -> Iterator[Event]:
        for run in reversed(self._runs[:NEWEST]):
            now = (run.state, run.attempt)
            if self._known.get(run.pk) == now:
                continue
            self._known[run.pk] = now
            if event := self._tell(run):
                yield event

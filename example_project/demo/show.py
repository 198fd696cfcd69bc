"""The demo itself: prepare, start, look, tell, stop."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from django.utils import timezone

from demo.events import DemoError, Event, Sight
from demo.processes import Crew, Process
from demo.systems import Watch
from demo.visitors import Visitors

#: Seconds between two looks, and between two rounds of visitors.
LOOK_EVERY = 0.5
VISIT_EVERY = 20


class ProcessDiedError(DemoError):
    """A process of the demo ended on its own."""

    def __init__(self, process: Process) -> None:
        super().__init__(
            f"The {process.name} ended with exit code {process.exit_code}. "
            f"The end of {process.log}:\n{process.last_lines()}"
        )


class Show:
    """Everything that is seen while *crew* works, counted by sight."""

    def __init__(self, crew: Crew, callers: list[Iterator[Event | None]]) -> None:
        self._crew = crew
        self._callers = callers
        self._watch = Watch(since=timezone.now())
        self._visitors = Visitors()
        self._next_visit = time.monotonic()
        self.seen: Counter[Sight] = Counter()

    @property
    def missing(self) -> list[Sight]:
        """The sights that were not seen yet."""
        return [sight for sight in Sight if not self.seen[sight]]

    def events(self) -> Iterator[Event]:
        """
        Let visitors come, look once, and yield what happened since the last look.

        Raise ProcessDiedError when one of the crew is gone, RequestError when the web
        server does not answer as it should.
        """
        for process in self._crew.dead():
            raise ProcessDiedError(process)
        if time.monotonic() >= self._next_visit:
            self._visitors.come()
            self._next_visit = time.monotonic() + VISIT_EVERY
        for event in (*self._watch.events(), *self._calls()):
            self.seen[event.sight] += 1
            yield event

    def run(self, tell: Callable[[Event], None], *, until: Callable[[], bool]) -> None:
        """Look and tell again and again, *until* it answers yes."""
        while not until():
            for event in self.events():
                tell(event)
            time.sleep(LOOK_EVERY)

    def _calls(self) -> Iterator[Event]:
        for caller in self._callers:
            if event := next(caller, None):
                yield event

"""A worker and a beat in the process of a test: no broker, no waiting."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

from celery import current_app, signals
from celery.exceptions import NotRegistered, Retry
from celery.states import REJECTED, REVOKED
from celery.worker import state as worker_state
from django.db import connections

from recurring_jobs.periodic.registry import app_with_tasks
from recurring_jobs.runs.headers import FireFacts, fire_facts
from recurring_jobs.testing.beat import Beat
from recurring_jobs.testing.clock import Clock, aware, entered_clock
from recurring_jobs.testing.messages import Mailbox, Message, request_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from types import TracebackType

#: More messages than this at one instant are a task that sends itself for ever.
MOST_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a run, made by the worker of a test."""

    #: Name of the task.
    task: str
    task_id: str
    #: What the clock showed.
    at: datetime
    #: Which attempt at the run it was, from 1.
    number: int
    #: Celery's word: SUCCESS, RETRY, FAILURE, IGNORED, REJECTED or REVOKED; UNKNOWN where
    #: there is no such task.
    state: str
    #: What the task returned or raised; for a retry, what it is retried for.
    result: Any = None
    #: What it was fired for; None for a task that was sent by code.
    fire: FireFacts | None = None


class Worker:
    """
    A worker, a queue and a beat in this process; they do nothing until they are told to.

    While it is entered, what the current Celery app sends lies here instead of with a
    broker, also where ``task_always_eager`` is set. ``run_due()`` makes the attempts that
    are due by the clock, ``run_until()`` has schedules fire as well, from instant to instant.
    Tasks go through Celery's own tracer: retries come back at their time, runs and dead
    letters are recorded, signals are sent, results go to the result back end. Arguments
    are serialised. What waits for a commit that a test never makes runs after its task.
    Time limits, pools and processes are not there. Goes by the clock that was entered
    last, else by one of its own.
    """

    def __init__(self) -> None:
        app: Any = current_app
        self.app = app_with_tasks(app._get_current_object())
        self.clock = Clock()
        #: All attempts made so far, in order.
        self.attempts: list[Attempt] = []
        self._queue: list[tuple[datetime, int, Message]] = []
        self._numbers = count()
        self._revoked: set[str] = set()
        self._mailbox = Mailbox(self.app, self._take)
        self._beat = Beat(self.app, self._mailbox)
        self._patches = ExitStack()

    @property
    def waiting(self) -> list[Message]:
        """The messages that lie here, the next one first."""
        return [message for _at, _number, message in sorted(self._queue)]

    def run_due(self) -> list[Attempt]:
        """
        Make all attempts that are due by the clock, and return them.

        Raise RuntimeError after MOST_AT_ONCE of them.
        """
        made: list[Attempt] = []
        while self._queue and self._queue[0][0] <= self.clock.now:
            if len(made) >= MOST_AT_ONCE:
                message = (
                    f"{made[-1].task!r} was run for the {MOST_AT_ONCE}th time at"
                    f" {self.clock.now.isoformat()}. Does it send itself without a countdown?"
                )
                raise RuntimeError(message)
            made.append(self._attempt(heappop(self._queue)[2]))
        self.attempts += made
        return made

    def run_until(self, until: datetime) -> list[Attempt]:
        """
        Live through the time up to *until*, inclusive, and return the attempts made.

        Schedules fire on the ledger and tasks run at their times; in between the clock is
        moved, and it shows *until* in the end. Schedules are those in the database: store
        what is declared with ``setup_periodic_tasks``. Raise ValueError where *until* has
        no zone or has passed.
        """
        if aware(until) < self.clock.now:
            message = f"run_until({until.isoformat()}): it is {self.clock.now.isoformat()} already."
            raise ValueError(message)
        made: list[Attempt] = []
        while True:
            look_at = self._beat.fire()
            made += self.run_due()
            steps = [each for each in (look_at, self._next_due()) if each is not None]
            # A run that has ended may let a fire go that waited for it.
            at = min(steps, default=None)
            if at is None or at > until:
                break
            self.clock.move_to(max(at, self.clock.now))
        self.clock.move_to(until)
        return made

    def __enter__(self) -> Self:
        with ExitStack() as patches:
            entered = entered_clock()
            self.clock = patches.enter_context(Clock()) if entered is None else entered
            app = self.app
            patches.enter_context(mock.patch.object(app, "producer_or_acquire", self._lend))
            patches.enter_context(mock.patch.object(app.control, "broadcast", self._hear))
            patches.callback(setattr, app.conf, "task_always_eager", app.conf.task_always_eager)
            app.conf.task_always_eager = False
            patches.callback(self._forget)
            self._patches = patches.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._patches.close()

    def _lend(self, _given: Any = None) -> nullcontext[Mailbox]:
        return nullcontext(self._mailbox)

    def _take(self, message: Message) -> None:
        heappush(self._queue, (message.due_at, next(self._numbers), message))

    def _hear(self, command: str, arguments: Any = None, **_: Any) -> list[Any]:
        """Do what a worker does that is told to revoke; nobody else answers."""
        if command == "revoke":
            ids = arguments["task_id"]
            self._revoked |= {ids} if isinstance(ids, str) else set(ids)
            worker_state.revoked.update(self._revoked)
        return []

    def _forget(self) -> None:
        for task_id in self._revoked:
            worker_state.revoked.discard(task_id)
        self._beat.leave()

    def _next_due(self) -> datetime | None:
        return self._queue[0][0] if self._queue else None

    def _attempt(self, message: Message) -> Attempt:
        task = self.app.tasks.get(message.task)
        state, result = "UNKNOWN", None
        if task is None:
            signals.task_unknown.send(
                sender=self,
                message=message,
                exc=NotRegistered(message.task),
                name=message.task,
                id=message.task_id,
            )
        else:
            state, result = self._execute(message, task)
        return Attempt(
            task=message.task,
            task_id=message.task_id,
            at=self.clock.now,
            number=(message.headers.get("retries") or 0) + 1,
            state=state,
            result=result.exc if isinstance(result, Retry) else result,
            fire=fire_facts(message.headers),
        )

    def _execute(self, message: Message, task: Any) -> tuple[str, Any]:
        # Its tracer is made anew: the one at hand may belong to a worker of another test.
        untraced = mock.patch.object(task, "__trace__", None)
        with _outcome_of(message.task_id) as outcome, _commits(), untraced:
            request_of(message, task, self.app).execute()
        state, result = outcome.get("state", REVOKED), outcome.get("retval")
        if state == REJECTED and getattr(result, "requeue", False):
            self._take(message)
        return state, result


def run_until(until: datetime, *, start: datetime | None = None) -> list[Attempt]:
    """
    Live through the time from *start* (default: now) up to *until*; see ``Worker.run_until``.

    Schedules fire and tasks run in this process; nothing is left of its clock and its
    queue afterwards.
    """
    with ExitStack() as stack:
        if start is not None:
            stack.enter_context(Clock(start))
        return stack.enter_context(Worker()).run_until(until)


@contextmanager
def _outcome_of(task_id: str) -> Iterator[dict[str, Any]]:
    """Yield a dict that says afterwards how the attempt at the run *task_id* has ended."""
    outcome: dict[str, Any] = {}

    def note(task_id: str, state: str | None, retval: Any, **_: Any) -> None:
        if task_id == wanted:
            outcome.update(state=state, retval=retval)

    wanted = task_id
    signals.task_postrun.connect(note)
    try:
        yield outcome
    finally:
        signals.task_postrun.disconnect(note)


@contextmanager
def _commits() -> Iterator[None]:
    """Run what waits for a commit, which within a test's own transaction would never come."""
    held = [each for each in connections.all(initialized_only=True) if each.in_atomic_block]
    before = [len(each.run_on_commit) for each in held]
    yield
    for connection, known in zip(held, before, strict=True):
        while len(connection.run_on_commit) > known:
            _savepoints, callback, *_ = connection.run_on_commit.pop(known)
            callback()

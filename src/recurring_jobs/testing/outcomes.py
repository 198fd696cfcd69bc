"""What became of tasks and templates, as a test asks it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import router

from recurring_jobs.models import DeadLetter
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.occurrences import generate_occurrences
from recurring_jobs.runs.failures import class_name
from recurring_jobs.signals import run_retried
from recurring_jobs.testing.times import name_of_task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db import models


@dataclass(frozen=True, slots=True)
class Retried:
    """An attempt that failed and was followed by another."""

    run_id: str
    #: Which attempt it was, from 1.
    attempt: int
    #: Seconds until the next.
    delay: float
    exception: BaseException | None


@contextmanager
def assert_retried(task: Any, *, times: int | None = None) -> Iterator[list[Retried]]:
    """
    Raise AssertionError at the end unless *task* was retried in between.

    *task* is one of BaseTaskWithRetry, or its name; with *times*, exactly so often.
    Yields a list of what was retried, for you to look at.
    """
    seen: list[Retried] = []
    name = name_of_task(task)

    def note(
        sender: Any, run_id: str, attempt: int, delay: float, exception: Any, **_: Any
    ) -> None:
        if sender.name == name:
            seen.append(Retried(run_id, attempt, delay, exception))

    run_retried.connect(note)
    try:
        yield seen
    finally:
        run_retried.disconnect(note)
    if not seen or (times is not None and len(seen) != times):
        wanted = "at least once" if times is None else _times(times)
        why = "".join(f"\n- attempt {each.attempt}: {each.exception!r}" for each in seen)
        message = f"{name} was retried {_times(len(seen))}, not {wanted}.{why}"
        raise AssertionError(message)


def assert_dead_letter(
    task: Any, exception: type[BaseException] | str | None = None, *, using: str | None = None
) -> DeadLetter:
    """
    Return the one open dead letter of *task*; raise AssertionError unless there is one.

    *task* may be the task or its name. With *exception*, its class or that name in full,
    the run must have ended with just that.
    """
    name = name_of_task(task)
    wanted = class_name(exception) if isinstance(exception, type) else exception
    letters = list(
        DeadLetter.objects.using(using or router.db_for_read(DeadLetter))
        .open()
        .for_task(name)
        .order_by("failed_at", "pk")
    )
    if len(letters) == 1 and wanted in {None, letters[0].exception_type}:
        return letters[0]
    found = "".join(f"\n- {each.exception_type}: {each.exception}" for each in letters)
    of = f" of {wanted}" if wanted else ""
    message = f"{name} has no single open dead letter{of}, but {len(letters)}.{found}"
    raise AssertionError(message)


def generate_now(
    model: type[models.Model], *, now: datetime | None = None, using: str | None = None
) -> list[Any]:
    """
    Make the occurrences that the templates of *model* need, and return the rows made.

    *now* is the present instant. Raise AssertionError where a template cannot be read: it
    was set aside, and the message says why.
    """
    layout = layout_of(model)
    alias = using or router.db_for_write(layout.template)
    rows = layout.occurrence._default_manager.using(alias).filter(recurrence_parent__isnull=False)
    known = set(rows.values_list("pk", flat=True))
    report = generate_occurrences(layout.template, now=now, using=alias)  # type: ignore[arg-type]
    if report.set_aside:
        templates = layout.template._default_manager.using(alias)
        aside = templates.exclude(recurrence_set_aside="").order_by("pk")
        reasons = "".join(f"\n- {row!r}: {row.recurrence_set_aside}" for row in aside)  # type: ignore[attr-defined]
        raise AssertionError("Templates were set aside:" + reasons)
    return [row for row in rows.order_by(layout.start.target.name, "pk") if row.pk not in known]


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")

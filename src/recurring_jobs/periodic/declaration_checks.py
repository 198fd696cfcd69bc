"""What is wrong or doubtful about the declarations of a project, for Django's system checks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from recurring_jobs.exceptions import (
    DuplicateDeclarationError,
    RecurringJobsError,
    SettingError,
    UnknownDeclaredTaskError,
    did_you_mean,
)
from recurring_jobs.periodic.registry import collect_declarations
from recurring_jobs.periodic.triggers import RRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from celery import Celery

    from recurring_jobs.periodic.declarations import Declaration

#: A schedule that fires more often is told: each fire is a row and a message.
SHORTEST_GAP = timedelta(seconds=5)
#: The scheduler that writes CELERY_BEAT_SCHEDULE into the tables each time beat starts.
STOCK_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"


class Finding(NamedTuple):
    """One thing to tell: the number of the check, what was found, and what to do."""

    number: str
    message: str
    hint: str


def check_declarations(app: Celery, *, scheduler: str, now: datetime) -> Iterator[Finding]:
    """
    Yield what is wrong with the declarations of *app*, and what a person may not have meant.

    *scheduler* is the path of beat's scheduler with a colon, as in ``module:Class``.
    """
    is_ours = scheduler.startswith("recurring_jobs.")
    declared, problems = collect_declarations(app)
    yield from _wrong(problems)
    yield from _too_often(declared, now)
    yield from _queues_of_nobody(declared, app)
    if not is_ours:
        yield from _rules_that_never_fire(declared, scheduler)
    if scheduler == STOCK_SCHEDULER and app.conf.beat_schedule:
        yield Finding(
            "W009",
            f"{STOCK_SCHEDULER} writes CELERY_BEAT_SCHEDULE over the stored schedules each time"
            " beat starts: what people change in the admin is lost.",
            "Write in your settings: CELERY_BEAT_SCHEDULER ="
            " 'recurring_jobs.schedulers:DatabaseScheduler', or move the entries to"
            " RECURRING_JOBS['SCHEDULE']",
        )


def _wrong(problems: Iterable[RecurringJobsError]) -> Iterator[Finding]:
    for problem in problems:
        if isinstance(problem, DuplicateDeclarationError):
            yield Finding("E010", str(problem), "Write name='…' at one of the two.")
        elif isinstance(problem, UnknownDeclaredTaskError):
            yield Finding(
                "E011",
                str(problem),
                "Correct the name, or see that the Celery app finds the module of the task:"
                " app.autodiscover_tasks()",
            )
        else:
            where = "RECURRING_JOBS" if isinstance(problem, SettingError) else "the declaration"
            yield Finding(
                "E009", str(problem), f"Correct {where}, then run: python manage.py check"
            )


def _too_often(declared: Iterable[Declaration], now: datetime) -> Iterator[Finding]:
    for each in declared:
        first = each.trigger.next_after(now)
        second = None if first is None else each.trigger.next_after(first)
        if first is not None and second is not None and second - first < SHORTEST_GAP:
            gap = (second - first).total_seconds()
            yield Finding(
                "W006",
                f"Periodic task {each.name!r}, declared in {each.source}, fires every {gap:g} s:"
                " each fire is a row and a message.",
                "Let it fire less often, or do the work of several in one run.",
            )


def _queues_of_nobody(declared: Iterable[Declaration], app: Celery) -> Iterator[Finding]:
    if not app.conf.task_queues:
        return  # workers are told by hand what they consume, and nobody can know it here
    known = set(app.amqp.queues) | {str(app.conf.task_default_queue)}
    for each in declared:
        if each.queue and each.queue not in known:
            yield Finding(
                "W007",
                f"Periodic task {each.name!r}, declared in {each.source}: the queue"
                f" {each.queue!r} is not one of CELERY_TASK_QUEUES."
                f"{did_you_mean(each.queue, known)}",
                "Add it to CELERY_TASK_QUEUES, or a worker may never look into it.",
            )


def _rules_that_never_fire(declared: Iterable[Declaration], scheduler: str) -> Iterator[Finding]:
    names = [repr(each.name) for each in declared if isinstance(each.trigger, RRule)]
    if names:
        yield Finding(
            "W008",
            f"Beat uses {scheduler or 'no scheduler of ours'}, which never fires an RRule:"
            f" {', '.join(names)}.",
            "Write in your settings: CELERY_BEAT_SCHEDULER ="
            " 'recurring_jobs.schedulers:DatabaseScheduler'",
        )

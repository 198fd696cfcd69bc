"""One attempt at a run: what is done around the body of a task of the base class."""

from __future__ import annotations

import logging
from functools import wraps
from typing import TYPE_CHECKING, Any

from celery import Task
from celery.exceptions import Ignore, TaskPredicate

from recurring_jobs.exceptions import NoLockError
from recurring_jobs.runs.headers import fire_facts
from recurring_jobs.runs.leaks import without_secrets
from recurring_jobs.spans import is_traced, tell_span

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurring_jobs.runs.task import BaseTaskWithRetry

logger = logging.getLogger(__name__)

#: The attribute of a request that holds the start of its run, where that is kept.
HOLD = "recurring_jobs_hold"
#: The one that says that the attempt has come to the body of its task.
_BEGUN = "recurring_jobs_begun"


def around(task: BaseTaskWithRetry, body: Callable[..., Any]) -> Callable[..., Any]:
    """
    Return what a worker is to call in the place of *body*, the ``run()`` of *task*.

    It stops what is a copy of a message, and retries what fails. Called as a function it
    does no more than *body*.
    """
    whole = _with_hook(task, body)

    @wraps(body)
    def run(*args: Any, **kwargs: Any) -> Any:
        request = task.request
        if request.called_directly or _BEGUN in vars(request):
            return body(*args, **kwargs)
        vars(request)[_BEGUN] = True
        if getattr(request, "recurring_jobs_duplicate", False):
            message = "This run was begun before; its message came once more."
            raise Ignore(message)
        if not task.no_overlap:
            return _attempt(task, request, whole, args, kwargs)
        place = vars(request).get("recurring_jobs_place")
        if place is None:
            raise NoLockError(name_of(type(task)))
        with place:
            return _attempt(task, request, whole, args, kwargs)

    return _under_its_request(task, run) if _has_own_call(type(task)) else run


def stop_if_lost(task: BaseTaskWithRetry, request: Any) -> None:
    """
    Raise Ignore where this process was silent for so long that the run went on elsewhere.

    Then nothing of this attempt counts: neither its result nor its retry.
    """
    hold = getattr(request, HOLD, None)
    if hold is not None and hold.is_lost():
        vars(request)["recurring_jobs_duplicate"] = True
        logger.warning(
            "recurring_jobs.run.overtaken", extra={"task": task.name, "run_id": request.id}
        )
        message = "The run went on elsewhere while this worker was silent."
        raise Ignore(message)


def name_of(cls: type[BaseTaskWithRetry]) -> str:
    """Return the name of the task of class *cls*, which may not have been named yet."""
    return cls.name or f"{cls.__module__}.{cls.__qualname__}"


def _with_hook(task: BaseTaskWithRetry, body: Callable[..., Any]) -> Callable[..., Any]:
    """
    Return *body* with the ``before_start()`` of the class of *task* in front of it, if any.

    Celery calls it before ``run()``: what it raises would not be retried, and it would be
    called for copies of a message, and before the lock is there.
    """
    if type(task).before_start is Task.before_start:
        return body
    before_start = task.before_start
    vars(task)["before_start"] = _nothing

    def hooked(*args: Any, **kwargs: Any) -> Any:
        before_start(task.request.id, args, kwargs)  # type: ignore[arg-type]  # it has one
        return body(*args, **kwargs)

    return hooked


def _nothing(*_: Any) -> None:
    pass


def _has_own_call(cls: type[BaseTaskWithRetry]) -> bool:
    families = cls.__mro__[: cls.__mro__.index(Task)]
    return any("__call__" in vars(each) for each in families)


def _under_its_request(task: BaseTaskWithRetry, run: Callable[..., Any]) -> Callable[..., Any]:
    """
    Return *run* with the request of its attempt on top, for a class with a ``__call__()``.

    Such a one ends with ``super().__call__()``, which in eager mode puts a copy of the
    request there; what is noted on a copy, nobody finds when the attempt has ended.
    """

    @wraps(run)
    def uncovered(*args: Any, **kwargs: Any) -> Any:
        stack = task.request_stack
        covered = stack.stack[-2] if len(stack) > 1 else None
        if covered is None or covered.called_directly or _BEGUN in vars(covered):
            return run(*args, **kwargs)
        stack.push(covered)
        try:
            return run(*args, **kwargs)
        finally:
            stack.pop()

    return uncovered


def _attempt(
    task: BaseTaskWithRetry, request: Any, body: Callable[..., Any], args: Any, kwargs: Any
) -> Any:
    outcome, failed = None, None
    if is_traced():
        _tell_span(request)
    try:
        outcome = body(*args, **kwargs)
    except TaskPredicate as exc:
        without_secrets(exc, task)
        raise
    except Exception as exc:  # noqa: BLE001  what becomes of it is decided below
        failed = exc
    finally:
        progress = vars(request).get("recurring_jobs_progress")
        if progress is not None:
            progress.flush()
    stop_if_lost(task, request)
    if failed is None:
        return outcome
    try:
        # Beyond the block above, so that an exception that was replaced is not the context
        # of what is raised.
        return _end_attempt(task, failed)
    finally:
        del failed  # Its traceback holds this frame, and this frame it.


def _tell_span(request: Any) -> None:
    fire = fire_facts(request.headers)
    facts: dict[str, Any] = {"run_id": request.id, "attempt": (request.retries or 0) + 1}
    if fire is not None:
        facts |= {
            "schedule": fire.schedule,
            "fire.kind": fire.kind,
            "fire.nominal_at": fire.nominal_at.isoformat(),
            "fire.stands_for": fire.stands_for,
        }
    tell_span(facts)


def _end_attempt(task: BaseTaskWithRetry, exc: Exception) -> Any:
    shown = without_secrets(exc, task)
    is_decided = getattr(task.request, "recurring_jobs_decided", False)
    options = task._retry_options()  # noqa: SLF001  a part of the class
    if is_decided or not options.wants_retry(exc):
        raise shown
    try:
        raise shown
    except type(shown):
        raise task.retry(exc=shown, **options.message) from shown

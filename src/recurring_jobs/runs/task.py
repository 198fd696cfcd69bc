"""The base class of tasks that end well: retried with backoff, then kept as a dead letter."""

from __future__ import annotations

import logging
import random
import sys
import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from celery.contrib.django.task import DjangoTask
from celery.utils import uuid
from django.db import transaction
from django.utils import timezone

from recurring_jobs.conf import conf
from recurring_jobs.runs import attempts, cancelling, failures
from recurring_jobs.runs.arguments import parameter_names, redactor_for
from recurring_jobs.runs.headers import TRACKED, FireFacts, fire_facts
from recurring_jobs.runs.options import (
    FINAL,
    RetryOptions,
    check_options,
    default,
    retry_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from celery import Celery

    from recurring_jobs.runs.overlap import HeldLock

logger = logging.getLogger(__name__)

#: Tasks of which it is known that their progress is not kept.
_told: set[str] = set()


class BaseTaskWithRetry(DjangoTask):  # type: ignore[type-arg]  # subscriptable from Celery 5.7 on
    """
    A task that is retried with exponential backoff, and kept as a dead letter in the end.

    Use it as ``@shared_task(base=BaseTaskWithRetry)`` or as the parent of a class-based
    task. Attributes of a subclass change the options for a family of tasks, options of
    the decorator those of one task, and ``RECURRING_JOBS["RETRY"]`` those of the project;
    the nearest wins, each key on its own. Raise InvalidTaskOptionError where a task is
    defined with an option that cannot be.

    In a task, ``raise GiveUp("…")`` ends it now, ``raise RetryLater(seconds)`` retries it
    after exactly that time, and ``raise self.retry(exc=exc)`` retries it after the usual
    one.
    """

    abstract = True
    Request = "recurring_jobs.runs.request:KnownRequest"

    #: Exceptions after which the task is retried by itself.
    autoretry_for: tuple[type[Exception], ...] = default((Exception,))
    #: Exceptions after which it is not, although ``autoretry_for`` covers them. Reject,
    #: Ignore, SoftTimeLimitExceeded, MaxRetriesExceededError and GiveUp need not be here.
    dont_autoretry_for: tuple[type[Exception], ...] = default(())
    #: Options of ``retry()`` for retries that the task makes by itself.
    retry_kwargs: Mapping[str, Any] = default({})
    #: How often a run is retried; None: without end.
    max_retries: int | None = default(5)
    #: Seconds before the first retry, doubled before each other; True: 1; False: see
    #: ``default_retry_delay``.
    retry_backoff: float | bool = default(True)  # noqa: FBT003  the value of an attribute
    #: Seconds that a retry waits at most.
    retry_backoff_max: float = default(600)
    #: Whether the wait is drawn evenly between nothing and the backoff.
    retry_jitter: bool = default(True)  # noqa: FBT003  the value of an attribute
    #: Seconds before each retry where there is no backoff.
    default_retry_delay: int = default(180)
    #: Whether the message is kept until the task has ended.
    acks_late: bool = default(True)  # noqa: FBT003  the value of an attribute
    #: Whether the message goes back to the queue when the worker dies under the task.
    reject_on_worker_lost: bool = default(True)  # noqa: FBT003  the value of an attribute

    #: What becomes of a run whose worker is killed: "retry" (it is sent again),
    #: "dead_letter", or "lost" (it is shown as such, and that is all).
    on_lost: str = default("retry")
    #: How often a run may lose its worker; then it is a dead letter.
    max_crashes: int = default(3)

    #: Whether each run is kept as a row.
    tracked: bool = False
    #: Whether the task may be started by name from outside; its runs are kept.
    triggerable: bool = False
    #: Names of arguments whose values are never stored, beside the usual ones.
    sensitive: tuple[str, ...] = ()
    #: "skip" (or True): at most one run at a time, others are recorded as skipped; "wait":
    #: others come back later.
    no_overlap: bool | str = False
    #: Names of arguments, or a function of them, whose value says which runs are meant.
    overlap_key: Sequence[str] | Callable[..., Any] | None = None
    #: Seconds that a run waits at most for another to end, before it gives up.
    overlap_wait_max: float = 3600

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        # Not __init__: class-based tasks have their own and need not call this one.
        task = super().__new__(cls)
        check_options(cls, attempts.name_of(cls))
        # Under this name Celery keeps the body of a task that it wrapped for autoretry;
        # finding it, it does not wrap the task once more.
        vars(task).update(_orig_run=task.run, run=attempts.around(task, task.run))
        return task

    @classmethod
    def on_bound(cls, app: Celery) -> None:
        """Check the options once more, since ``task_annotations`` may have changed them."""
        super().on_bound(app)
        check_options(cls, attempts.name_of(cls))
        limit = retry_options(cls).max_retries
        if limit != cls.max_retries:
            # It came from retry_kwargs; who reads the attribute is to find what counts.
            cls.max_retries = limit

    def retry(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        exc: Exception | None = None,
        throw: bool = True,  # noqa: FBT001, FBT002  Celery's signature
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Any:
        """
        Send this run once more, as Celery's ``retry()`` does, after the backoff of the task.

        An *exc* that says how the task is to end (GiveUp, Reject, Ignore, or the Retry of
        an earlier call) is raised as it is. *max_retries* counts for this call alone.
        """
        if isinstance(exc, FINAL):
            raise exc
        request = self.request
        attempts.stop_if_lost(self, request)
        chosen = self._retry_options()
        limit = chosen.max_retries if max_retries is None else max_retries
        if eta is None and countdown is None:
            countdown = chosen.delay_before(request.retries + 1, exc=exc, random=random.random)
        if limit is None:
            limit = sys.maxsize
        if not request.called_directly:
            if request.retries < limit:
                self._leave_to_next_attempt(countdown, eta)
                request.headers = self._headers_of_retry(exc, options.pop("headers", None))
            # What is raised from here on was decided; the task itself must not retry it.
            vars(request)["recurring_jobs_decided"] = True
        return super().retry(args, kwargs, exc, throw, eta, countdown, limit, **options)

    def apply(self, *args: Any, throw: bool | None = None, **options: Any) -> Any:
        """
        Run the task here and now, its retries included, without waiting between them.

        Unlike Celery's, this retries also where exceptions are to be thrown
        (*throw*, or ``task_eager_propagates``); then the last one is.
        """
        if throw is None:
            throw = self.app.conf.task_eager_propagates
        options["throw"] = False
        result = super().apply(*args, **options)
        if throw:
            result.maybe_throw()
        return result

    def apply_async(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        *more: Any,
        **options: Any,
    ) -> Any:
        """Send the task, as Celery does, with secret arguments kept out of logs and results."""
        for name, shown in self._shown_arguments(args, kwargs).items():
            options.setdefault(name, shown)
        return super().apply_async(args, kwargs, *more, **options)

    def hide_arguments(self) -> None:
        """Keep secret arguments of a run that is executed here out of Celery's log."""
        request = self.request
        vars(request).update(self._shown_arguments(request.args, request.kwargs))

    def _shown_arguments(self, args: Any, kwargs: Any) -> dict[str, str]:
        redactor = redactor_for(self)
        shown_args = redactor.redact_positional(tuple(args or ()), parameter_names(self))
        shown_kwargs = redactor.redact(dict(kwargs or {}))
        if not redactor.has_redacted:
            return {}
        return {"argsrepr": repr(tuple(shown_args)), "kwargsrepr": repr(shown_kwargs)}

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> str:  # type: ignore[override]
        """Send the task when the transaction commits, and return its id now."""
        return self.apply_async_on_commit(args, kwargs)

    def apply_async_on_commit(  # type: ignore[override]  # Celery's returns nothing
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        *,
        using: str | None = None,
        **options: Any,
    ) -> str:
        """
        Send the task when the transaction commits, and return its id now.

        *using* is the alias of the database whose transaction is meant.
        """
        task_id = str(options.pop("task_id", None) or uuid())
        send = partial(self.apply_async, args, kwargs, task_id=task_id, **options)
        transaction.on_commit(send, using=using)
        return task_id

    @property
    def lock(self) -> HeldLock | None:
        """The lock that this run holds; None where the task may overlap."""
        place = vars(self.request).get("recurring_jobs_place")
        return place.lock if place is not None else None

    @property
    def fencing_token(self) -> int | None:
        """A number that is larger for each later holder of the lock; None without one."""
        lock = self.lock
        return lock.token if lock is not None else None

    def report_progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """
        Tell how far this run is, for people to see; written at most once a second.

        The run must be kept: give ``tracked=True``. Raise ValueError for what is negative.
        """
        request = self.request
        progress = vars(request).get("recurring_jobs_progress")
        if progress is not None:
            progress.report(done, total, note)
        elif not request.called_directly and self.name not in _told:
            _told.add(self.name)
            logger.warning("recurring_jobs.run.progress_not_kept", extra={"task": self.name})

    @property
    def fire(self) -> FireFacts | None:
        """What this run was fired for: nominal time, kind, misfires; None for any other run."""
        return fire_facts(self.request.headers)

    def cancel_requested(self) -> bool:
        """
        Return whether this run was asked to end, as ``overlap="cancel_other"`` does.

        Ask it between two steps, and return where it is True. The database is asked at
        most once a second, and only for runs that are kept as rows.
        """
        return cancelling.is_asked_to_end(self.request)

    def on_replace(self, sig: Any) -> Any:
        """Remember that the run goes on as another task, under the same id."""
        vars(self.request)["recurring_jobs_replaced"] = True
        return super().on_replace(sig)

    def _leave_to_next_attempt(self, countdown: float | None, eta: datetime | None) -> None:
        place = vars(self.request).get("recurring_jobs_place")
        seconds = float(countdown or 0) if eta is None else seconds_until(eta)
        if place is not None:
            # Before the message is out: the next attempt may begin before this one ends.
            place.keep(seconds)
        if self.request.is_eager:
            time.sleep(min(seconds, conf.eager_longest_wait.total_seconds()))

    def _retry_options(self) -> RetryOptions:
        return retry_options(type(self), vars(self))

    def _headers_of_retry(
        self, exc: BaseException | None, given: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        cause = exc if exc is not None else sys.exc_info()[1]
        headers = dict(self.request.headers or {})
        if cause is not None:
            headers = failures.headers_with(cause, self, self.request)
        if getattr(self.request, attempts.HOLD, None) is not None:
            headers[TRACKED] = True  # What is kept stays so.
        return {**headers, **(given or {})}


def seconds_until(when: datetime | float | None) -> float:
    """Return the seconds until *when*: an instant, or that many seconds from now."""
    if isinstance(when, datetime):
        return max(0.0, (when - timezone.now()).total_seconds())
    return float(when or 0.0)

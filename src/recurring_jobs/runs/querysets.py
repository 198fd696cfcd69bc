"""The questions one asks of runs, dead letters and locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from recurring_jobs.runs.clock import DatabaseNow
from recurring_jobs.runs.states import RunState

if TYPE_CHECKING:
    from datetime import timedelta

    from recurring_jobs.managers import ManagerOf
    from recurring_jobs.runs.models import DeadLetter, Run, TaskLock  # noqa: F401  read in quotes


class RunQuerySet(models.QuerySet["Run"]):
    """Questions about runs."""

    def unfinished(self) -> RunQuerySet:
        """Return the runs that may still go on."""
        return self.filter(state__in=[state for state in RunState if not state.is_final])

    def waiting(self) -> RunQuerySet:
        """Return the runs that no worker has: in the queue, or between two attempts."""
        return self.filter(state__in=[RunState.QUEUED.value, RunState.RETRYING.value])

    def ended(self) -> RunQuerySet:
        """Return the runs that have come to a final state."""
        return self.filter(state__in=[state for state in RunState if state.is_final])

    def for_task(self, task: str) -> RunQuerySet:
        """Return the runs of the task named *task*."""
        return self.filter(task=task)

    def silent_for(self, lease: timedelta) -> RunQuerySet:
        """
        Return the runs whose holder gave no sign of life for *lease*, the longest first.

        Those are runs whose worker was lost, and runs that were about to be sent, or sent
        again, when whoever did so was lost.
        """
        silent = self.unfinished().filter(heartbeat_at__lt=DatabaseNow() - lease)
        return silent.order_by("heartbeat_at")

    def not_begun(self) -> RunQuerySet:
        """Return the runs whose message is to be sent again by now, the longest due first."""
        due = self.waiting().filter(holder="", resend_at__lte=DatabaseNow())
        return due.order_by("resend_at")


class DeadLetterQuerySet(models.QuerySet["DeadLetter"]):
    """Questions about dead letters."""

    def open(self) -> DeadLetterQuerySet:
        """Return the dead letters that wait for a person."""
        return self.filter(state=self.model.State.OPEN)

    def groups(self) -> models.QuerySet[Any, Any]:
        """
        Return one dict for each task and exception type, the most frequent first.

        Its keys: ``task``, ``exception_type``, ``count``, ``first_at``, ``last_at``.
        """
        return (
            self.order_by()
            .values("task", "exception_type")
            .annotate(
                count=models.Count("pk"),
                first_at=models.Min("failed_at"),
                last_at=models.Max("failed_at"),
            )
            .order_by("-count", "task", "exception_type")
        )

    def for_task(self, task: str) -> DeadLetterQuerySet:
        """Return the dead letters of the task named *task*."""
        return self.filter(task=task)


class TaskLockQuerySet(models.QuerySet["TaskLock"]):
    """Questions about locks."""

    def held(self) -> TaskLockQuerySet:
        """Return the locks that a run has, at work or between two attempts."""
        return self.exclude(owner="")

    def for_task(self, task: str) -> TaskLockQuerySet:
        """Return the locks of the task named *task*."""
        return self.filter(task=task)


if TYPE_CHECKING:

    class RunManager(ManagerOf["Run", RunQuerySet]):
        """The manager of runs."""

        def unfinished(self) -> RunQuerySet: ...
        def waiting(self) -> RunQuerySet: ...
        def ended(self) -> RunQuerySet: ...
        def for_task(self, task: str) -> RunQuerySet: ...
        def silent_for(self, lease: timedelta) -> RunQuerySet: ...
        def not_begun(self) -> RunQuerySet: ...

    class DeadLetterManager(ManagerOf["DeadLetter", DeadLetterQuerySet]):
        """The manager of dead letters."""

        def open(self) -> DeadLetterQuerySet: ...
        def groups(self) -> models.QuerySet[Any, Any]: ...
        def for_task(self, task: str) -> DeadLetterQuerySet: ...

    class TaskLockManager(ManagerOf["TaskLock", TaskLockQuerySet]):
        """The manager of locks."""

        def held(self) -> TaskLockQuerySet: ...
        def for_task(self, task: str) -> TaskLockQuerySet: ...

else:

    class RunManager(models.Manager.from_queryset(RunQuerySet)): ...

    class DeadLetterManager(models.Manager.from_queryset(DeadLetterQuerySet)): ...

    class TaskLockManager(models.Manager.from_queryset(TaskLockQuerySet)): ...

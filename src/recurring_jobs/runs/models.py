"""What is kept of executions: the runs, and the dead letters of those that gave up."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recurring_jobs.runs.querysets import DeadLetterManager, RunManager, TaskLockManager
from recurring_jobs.runs.states import RunState

if TYPE_CHECKING:
    from datetime import timedelta


class Run(models.Model):
    """One execution of a task by workers, its retries included."""

    class State(models.TextChoices):
        """How far a run is: the values of RunState, with words for people."""

        QUEUED = RunState.QUEUED.value, _("queued")
        RUNNING = RunState.RUNNING.value, _("running")
        RETRYING = RunState.RETRYING.value, _("retrying")
        SUCCEEDED = RunState.SUCCEEDED.value, _("succeeded")
        FAILED = RunState.FAILED.value, _("failed")
        LOST = RunState.LOST.value, _("lost")
        SKIPPED = RunState.SKIPPED.value, _("skipped")

    id = models.CharField(_("task id"), max_length=64, primary_key=True)
    root_id = models.CharField(_("root id"), max_length=64, blank=True)
    retried_from = models.CharField(
        _("retried from"),
        max_length=64,
        blank=True,
        help_text=_("Task id of the run that was sent again as this one."),
    )
    task = models.CharField(_("task"), max_length=255)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveIntegerField(
        _("attempt"), default=0, help_text=_("Counted from 1; 0 before the first.")
    )
    next_attempt = models.PositiveIntegerField(
        _("next attempt"),
        default=1,
        editable=False,
        help_text=_("The attempt that may start next; a message of an earlier one is a copy."),
    )
    crashes = models.PositiveIntegerField(
        _("crashes"), default=0, help_text=_("How often its worker was lost under it.")
    )
    worker = models.CharField(_("worker"), max_length=255, blank=True)
    pid = models.PositiveIntegerField(_("process id"), null=True, blank=True)
    holder = models.CharField(
        _("holder"),
        max_length=32,
        blank=True,
        editable=False,
        help_text=_("Token of the one start that may write what becomes of the run."),
    )
    queue = models.CharField(_("queue"), max_length=255, blank=True)
    args = models.JSONField(_("positional arguments"), default=list, blank=True)
    kwargs = models.JSONField(_("keyword arguments"), default=dict, blank=True)
    options = models.JSONField(
        _("options"),
        default=dict,
        blank=True,
        editable=False,
        help_text=_("What its message said beside the arguments, to send it again."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(
        _("heartbeat at"),
        null=True,
        blank=True,
        help_text=_("Last sign of life of its worker or sender, by the clock of the database."),
    )
    resend_at = models.DateTimeField(
        _("sent again at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Unless a worker has begun it by then. Empty: it waits as long as it takes."),
    )
    cancel_requested_at = models.DateTimeField(
        _("asked to stop at"),
        null=True,
        blank=True,
        help_text=_("When the run was asked to end; the task decides when it does."),
    )
    progress_done = models.PositiveBigIntegerField(_("done"), null=True, blank=True)
    progress_total = models.PositiveBigIntegerField(_("total"), null=True, blank=True)
    progress_note = models.CharField(_("note"), max_length=255, blank=True)
    exception = models.TextField(_("exception"), blank=True)
    fire = models.ForeignKey(
        "recurring_jobs.Fire",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("fire"),
    )

    objects: ClassVar[RunManager] = RunManager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-created_at"]
        permissions = [
            ("trigger_run", _("Can trigger tasks")),
            ("cancel_run", _("Can cancel runs")),
            ("requeue_run", _("Can send runs again")),
            ("purge_queue", _("Can purge queues")),
            ("view_arguments", _("Can view the arguments and results of tasks")),
            ("view_tracebacks", _("Can view tracebacks")),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="recurring_jobs_run_created"),
            models.Index(fields=["state", "created_at"], name="recurring_jobs_run_state"),
            models.Index(fields=["task", "created_at"], name="recurring_jobs_run_task"),
            models.Index(fields=["state", "heartbeat_at"], name="recurring_jobs_run_beats"),
            models.Index(fields=["resend_at"], name="recurring_jobs_run_resend"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in RunState]),
                name="recurring_jobs_run_known_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task}[{self.pk}]"

    @property
    def is_over(self) -> bool:
        """Whether it has come to a final state."""
        return RunState(self.state).is_final

    @property
    def took(self) -> timedelta | None:
        """How long it was at work, its retries and the waits between them included."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


class DeadLetter(models.Model):
    """A run that gave up, with all that is needed to send it again."""

    class State(models.TextChoices):
        """What became of a dead letter."""

        OPEN = "open", _("open")
        REQUEUED = "requeued", _("requeued")
        DISCARDED = "discarded", _("discarded")

    task = models.CharField(_("task"), max_length=255)
    task_id = models.CharField(_("task id"), max_length=64)
    root_id = models.CharField(_("root id"), max_length=64, blank=True)
    queue = models.CharField(_("queue"), max_length=255, blank=True)
    args = models.JSONField(
        _("positional arguments"),
        default=list,
        blank=True,
        help_text=_("As they were sent, without what is secret."),
    )
    kwargs = models.JSONField(
        _("keyword arguments"),
        default=dict,
        blank=True,
        help_text=_("As they were sent, without what is secret."),
    )
    headers = models.JSONField(_("headers"), default=dict, blank=True)
    options = models.JSONField(
        _("options"),
        default=dict,
        blank=True,
        editable=False,
        help_text=_("What its message said beside the arguments, to send it again."),
    )
    is_sendable = models.BooleanField(_("can be sent again as it is"), default=True)
    not_sendable_reason = models.TextField(_("cannot be sent because"), blank=True)
    exception_type = models.CharField(_("exception type"), max_length=255, blank=True)
    exception = models.TextField(_("exception"), blank=True)
    tracebacks = models.JSONField(
        _("tracebacks"),
        default=list,
        blank=True,
        help_text=_("One text for each attempt that is known, the last one last."),
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    failed_at = models.DateTimeField(_("failed at"), default=timezone.now)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.OPEN)
    requeued_as = models.CharField(_("requeued as"), max_length=64, blank=True)
    closed_by = models.CharField(_("closed by"), max_length=255, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    objects: ClassVar[DeadLetterManager] = DeadLetterManager()

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        ordering = ["-failed_at"]
        permissions = [
            ("requeue_deadletter", _("Can send dead letters again")),
            ("discard_deadletter", _("Can discard dead letters")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["task_id"], name="recurring_jobs_dead_letter_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "requeued", "discarded"]),
                name="recurring_jobs_dead_letter_known_state",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "failed_at"], name="recurring_jobs_letter_state"),
            models.Index(fields=["task", "exception_type"], name="recurring_jobs_letter_task"),
        ]

    def __str__(self) -> str:
        return f"{self.task}[{self.task_id}]"


class TaskLock(models.Model):
    """Who may be at work for a task and key. A row without owner is free."""

    id = models.CharField(_("id"), max_length=64, primary_key=True)
    task = models.CharField(_("task"), max_length=255)
    key = models.CharField(_("key"), max_length=255, blank=True)
    owner = models.CharField(
        _("held by"), max_length=64, blank=True, help_text=_("Task id of the run; empty: free.")
    )
    worker = models.CharField(
        _("worker"),
        max_length=255,
        blank=True,
        help_text=_("Empty between two attempts at the run."),
    )
    token = models.PositiveBigIntegerField(
        _("fencing token"), help_text=_("Larger with each holder.")
    )
    taken_at = models.DateTimeField(_("taken at"))
    lease_until = models.DateTimeField(
        _("lease until"), help_text=_("Then another run may take it, unless it is renewed.")
    )

    objects: ClassVar[TaskLockManager] = TaskLockManager()

    class Meta:
        verbose_name = _("lock")
        verbose_name_plural = _("locks")
        ordering = ["-taken_at"]
        permissions = [("break_tasklock", _("Can break locks"))]
        indexes = [
            models.Index(fields=["owner"], name="recurring_jobs_lock_owner"),
            models.Index(fields=["task"], name="recurring_jobs_lock_task"),
        ]

    def __str__(self) -> str:
        # Not the key itself, which is made of arguments.
        return f"{self.task}[{self.pk[:8]}]" if self.key else self.task


class Worker(models.Model):
    """One process that takes messages, and when it last said so."""

    name = models.CharField(_("name"), max_length=255, unique=True)
    queues = models.JSONField(_("queues"), default=list, help_text=_("Those that it consumes."))
    started_at = models.DateTimeField(_("started at"))
    seen_at = models.DateTimeField(
        _("seen at"), help_text=_("Last sign of life, by the clock of the database.")
    )

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """When somebody was last told of one thing, so that nobody is told all the time."""

    key = models.CharField(_("key"), max_length=255, unique=True)
    raised_at = models.DateTimeField(_("raised at"))
    held_back = models.PositiveIntegerField(
        _("held back"), default=0, help_text=_("How many more there were since.")
    )

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        default_permissions = ()

    def __str__(self) -> str:
        return self.key

"""The row beside each PeriodicTask, and the ledger of its fires."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recurring_jobs.periodic import policy


class Schedule(models.Model):
    """
    What we know of one periodic task that django-celery-beat has no column for.

    One row stands beside each ``PeriodicTask``: who owns it, what was last applied from
    code, an RRULE where that is its trigger, and when it fires next.
    """

    class Misfire(models.TextChoices):
        """What happens to fires whose time passed while no beat was running."""

        LATEST = "latest", _("the latest one is fired")
        EARLIEST = "earliest", _("the earliest one is fired")
        ALL = "all", _("each one is fired")
        SKIP = "skip", _("none is fired")

    class Overlap(models.TextChoices):
        """What happens to a fire whose time has come while an earlier one is still running."""

        ALLOW = "allow", _("it starts beside it")
        SKIP = "skip", _("it is skipped")
        BUFFER_ONE = "buffer_one", _("one waits, the others are skipped")
        BUFFER_ALL = "buffer_all", _("all wait, one after the other")
        CANCEL_OTHER = "cancel_other", _("the running one is asked to stop, then it starts")
        TERMINATE_OTHER = "terminate_other", _("the running one is killed, then it starts")

    periodic_task = models.OneToOneField(
        "django_celery_beat.PeriodicTask",
        on_delete=models.CASCADE,
        related_name="recurring_schedule",
        verbose_name=_("periodic task"),
    )
    declared_in = models.CharField(
        _("declared in"),
        max_length=255,
        blank=True,
        help_text=_("Where the code declares it; empty for one that a person made."),
    )
    applied = models.JSONField(
        _("applied"),
        default=dict,
        blank=True,
        help_text=_("What was last applied from code, field by field."),
    )
    kept = models.JSONField(
        _("kept"),
        default=dict,
        blank=True,
        editable=False,
        help_text=_("Fields in which a person's word stands against the code's of that time."),
    )
    withdrawn_at = models.DateTimeField(
        _("withdrawn at"),
        null=True,
        blank=True,
        help_text=_("When it was disabled because its declaration had gone."),
    )
    rule = models.TextField(_("rule"), blank=True)
    rule_start = models.CharField(
        _("rule start"),
        max_length=32,
        blank=True,
        help_text=_("Local date and time that the rule counts from, such as 2026-01-05T09:00:00."),
    )
    rule_timezone = models.CharField(_("rule time zone"), max_length=64, blank=True)
    anchored_at = models.DateTimeField(
        _("anchored at"),
        null=True,
        blank=True,
        help_text=_("Instant that an interval counts from; empty for the Unix epoch."),
    )
    misfire = models.CharField(
        _("misfire"), max_length=16, choices=Misfire.choices, default=Misfire.LATEST
    )
    time_limit = models.PositiveIntegerField(
        _("time limit"),
        null=True,
        blank=True,
        help_text=_("Seconds after which a run is killed; empty for the task's own."),
    )
    soft_time_limit = models.PositiveIntegerField(
        _("soft time limit"),
        null=True,
        blank=True,
        help_text=_("Seconds after which a run is asked to end; empty for the task's own."),
    )
    grace = models.DurationField(
        _("grace"),
        default=policy.GRACE,
        validators=[MinValueValidator(timedelta(0))],
        help_text=_("A fire that is at most this late is not a misfire."),
    )
    catchup_window = models.DurationField(
        _("catch-up window"),
        default=policy.CATCHUP_WINDOW,
        validators=[MinValueValidator(timedelta(0))],
        help_text=_("Fires that are later than this are never caught up."),
    )
    max_catchup = models.PositiveIntegerField(
        _("most to catch up"),
        default=policy.MAX_CATCHUP,
        help_text=_("How many misfires are fired in one go where each one is fired."),
    )
    overlap = models.CharField(
        _("overlap"), max_length=16, choices=Overlap.choices, default=Overlap.ALLOW
    )
    jitter = models.DurationField(
        _("jitter"),
        default=timedelta(0),
        validators=[MinValueValidator(timedelta(0))],
        help_text=_("Each fire starts up to this much later, by an offset of its own."),
    )
    remaining_fires = models.PositiveIntegerField(
        _("remaining fires"),
        null=True,
        blank=True,
        help_text=_("How many more times it fires before it ends; empty for no limit."),
    )
    pause_after_failures = models.PositiveIntegerField(
        _("pause after failures"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("It is paused when this many runs in a row have failed; empty for never."),
    )
    paused_at = models.DateTimeField(_("paused at"), null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True, editable=False)
    paused_by = models.CharField(_("paused by"), max_length=255, blank=True, editable=False)
    pause_reason = models.TextField(_("paused because"), blank=True, editable=False)
    resumed_at = models.DateTimeField(
        _("resumed at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Failures before this do not count towards a pause."),
    )
    taken_count = models.PositiveBigIntegerField(
        _("fires taken"), default=0, editable=False, help_text=_("Those that were to be run.")
    )
    missed_count = models.PositiveBigIntegerField(
        _("fires missed"), default=0, editable=False, help_text=_("Too late, and not caught up.")
    )
    skipped_count = models.PositiveBigIntegerField(
        _("fires skipped"),
        default=0,
        editable=False,
        help_text=_("Not run because an earlier one was still running, or by hand."),
    )
    dropped_count = models.PositiveBigIntegerField(
        _("fires dropped"),
        default=0,
        editable=False,
        help_text=_("Not run because too many were waiting."),
    )
    trigger_key = models.CharField(
        _("trigger key"),
        max_length=64,
        blank=True,
        editable=False,
        help_text=_("Fingerprint of the trigger that the next fire was computed with."),
    )
    next_fire_at = models.DateTimeField(_("next fire at"), null=True, blank=True, editable=False)
    set_aside_reason = models.TextField(_("set aside because"), blank=True, editable=False)

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        indexes = [models.Index(fields=["next_fire_at"], name="recurring_jobs_schedule_next")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    grace__gte=timedelta(0),
                    catchup_window__gte=timedelta(0),
                    jitter__gte=timedelta(0),
                ),
                name="recurring_jobs_schedule_no_negative_time",
            ),
        ]
        permissions = [
            ("run_schedule", _("Can run schedules now")),
            ("pause_schedule", _("Can pause, resume and skip schedules")),
            ("backfill_schedule", _("Can backfill schedules")),
        ]

    def __str__(self) -> str:
        return str(self.periodic_task.name)

    @property
    def is_declared(self) -> bool:
        """Whether the row belongs to the code (and not to a person)."""
        return bool(self.declared_in)

    @property
    def is_paused(self) -> bool:
        """Whether somebody, or too many failures, paused it."""
        return self.paused_at is not None

    @property
    def state(self) -> str:
        """Whether it fires, and why not: set_aside, enabled, withdrawn or paused."""
        if self.set_aside_reason:
            return "set_aside"
        if self.periodic_task.enabled:
            return "enabled"
        return "withdrawn" if self.withdrawn_at else "paused"

    @property
    def misfire_policy(self) -> policy.MisfirePolicy:
        """What becomes of its nominal times that were reached late."""
        return policy.MisfirePolicy(
            misfire=cast("policy.Misfire", self.misfire),
            grace=self.grace,
            catchup_window=self.catchup_window,
            max_catchup=self.max_catchup,
        )


class Fire(models.Model):
    """One nominal time of one schedule, and what became of it."""

    class Kind(models.TextChoices):
        """Why a fire exists."""

        SCHEDULED = "scheduled", _("scheduled")
        MANUAL = "manual", _("run now")
        BACKFILL = "backfill", _("backfill")

    class State(models.TextChoices):
        """How far a fire has come."""

        WAITING = "waiting", _("waits for its time")
        BUFFERED = "buffered", _("waits for the one before")
        CLAIMED = "claimed", _("claimed")
        PUBLISHED = "published", _("published")
        MISSED = "missed", _("missed")
        SKIPPED = "skipped", _("skipped")
        DROPPED = "dropped", _("dropped")
        REFUSED = "refused", _("could not be sent")

    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="fires", verbose_name=_("schedule")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices, default=Kind.SCHEDULED)
    nominal_at = models.DateTimeField(_("nominal time"))
    state = models.CharField(
        _("state"), max_length=16, choices=State.choices, default=State.CLAIMED
    )
    task_id = models.CharField(_("task id"), max_length=64, unique=True)
    stands_for = models.PositiveIntegerField(
        _("stands for"),
        default=1,
        help_text=_("How many nominal times this fire stands for, itself included."),
    )
    reason = models.TextField(_("reason"), blank=True)
    overlap = models.CharField(
        _("overlap"),
        max_length=16,
        choices=Schedule.Overlap.choices,
        blank=True,
        help_text=_("What counts for this fire alone; empty for what the schedule says."),
    )
    arguments = models.JSONField(
        _("arguments"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Those of this fire alone, until it is sent; empty for the schedule's."),
    )
    due_at = models.DateTimeField(
        _("due at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When a beat looks at it next; empty when nothing is left to do."),
    )
    claimed_at = models.DateTimeField(_("claimed at"), default=timezone.now)
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)

    class Meta:
        verbose_name = _("fire")
        verbose_name_plural = _("fires")
        ordering = ["-nominal_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "kind", "nominal_at"], name="recurring_jobs_fire_once"
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], name="recurring_jobs_fire_due"),
            models.Index(fields=["state", "claimed_at"], name="recurring_jobs_fire_state"),
            models.Index(fields=["schedule", "claimed_at"], name="recurring_jobs_fire_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} @ {self.nominal_at.isoformat()}"


class ScheduleChange(models.Model):
    """
    A note that a periodic task or its trigger was changed, for the beats to look at.

    Triggers of the database write it in the transaction of the change, whoever makes that;
    see ``change_feed``.
    """

    # Not a foreign key: the periodic task may be gone by the time that it is read.
    periodic_task_id = models.BigIntegerField(_("periodic task"))

    class Meta:
        verbose_name = _("schedule change")
        verbose_name_plural = _("schedule changes")
        default_permissions = ()

    def __str__(self) -> str:
        return f"PeriodicTask {self.periodic_task_id}"


class Beat(models.Model):
    """One process that fires schedules, and when it last did its round."""

    name = models.CharField(
        _("name"), max_length=255, unique=True, help_text=_("Host name and process id.")
    )
    started_at = models.DateTimeField(_("started at"))
    ticked_at = models.DateTimeField(_("last tick at"))
    tick_took = models.DurationField(_("last tick took"), default=timedelta(0))
    clock_skew = models.DurationField(
        _("clock skew"),
        default=timedelta(0),
        help_text=_("How far the clock of its host is ahead of the database's."),
    )

    class Meta:
        verbose_name = _("beat")
        verbose_name_plural = _("beats")
        default_permissions = ("view",)
        permissions = [("view_metrics", _("Can view metrics"))]

    def __str__(self) -> str:
        return self.name

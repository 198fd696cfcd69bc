"""The row beside each PeriodicTask, and the ledger of its fires."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


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
        permissions = [("run_schedule", "Can run schedule now")]

    def __str__(self) -> str:
        return str(self.periodic_task.name)

    @property
    def is_declared(self) -> bool:
        """Whether the row belongs to the code (and not to a person)."""
        return bool(self.declared_in)


class Fire(models.Model):
    """One nominal time of one schedule, and what became of it."""

    class Kind(models.TextChoices):
        """Why a fire exists."""

        SCHEDULED = "scheduled", _("scheduled")
        MANUAL = "manual", _("run now")

    class State(models.TextChoices):
        """How far a fire has come."""

        CLAIMED = "claimed", _("claimed")
        PUBLISHED = "published", _("published")
        MISSED = "missed", _("missed")
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
            models.Index(fields=["state", "claimed_at"], name="recurring_jobs_fire_state"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} @ {self.nominal_at.isoformat()}"

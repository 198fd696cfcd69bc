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

"""The first tables."""

from __future__ import annotations

import datetime

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def remove_triggers(_apps, schema_editor):
    """Leave nothing of ours on the tables of django-celery-beat; ``migrate`` makes it anew."""
    from recurring_jobs.periodic import change_feed

    change_feed.uninstall(schema_editor.connection.alias)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.CreateModel(
            name="Beat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Host name and process id.",
                        max_length=255,
                        unique=True,
                        verbose_name="name",
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("ticked_at", models.DateTimeField(verbose_name="last tick at")),
                (
                    "tick_took",
                    models.DurationField(
                        default=datetime.timedelta(0), verbose_name="last tick took"
                    ),
                ),
                (
                    "clock_skew",
                    models.DurationField(
                        default=datetime.timedelta(0),
                        help_text="How far the clock of its host is ahead of the database's.",
                        verbose_name="clock skew",
                    ),
                ),
            ],
            options={
                "verbose_name": "beat",
                "verbose_name_plural": "beats",
                "default_permissions": ("view",),
                "permissions": [("view_metrics", "Can view metrics")],
            },
        ),
        migrations.CreateModel(
            name="ScheduleChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("periodic_task_id", models.BigIntegerField(verbose_name="periodic task")),
            ],
            options={
                "verbose_name": "schedule change",
                "verbose_name_plural": "schedule changes",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DeadLetter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("task", models.CharField(max_length=255, verbose_name="task")),
                ("task_id", models.CharField(max_length=64, verbose_name="task id")),
                ("root_id", models.CharField(blank=True, max_length=64, verbose_name="root id")),
                ("queue", models.CharField(blank=True, max_length=255, verbose_name="queue")),
                (
                    "args",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="As they were sent, without what is secret.",
                        verbose_name="positional arguments",
                    ),
                ),
                (
                    "kwargs",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="As they were sent, without what is secret.",
                        verbose_name="keyword arguments",
                    ),
                ),
                ("headers", models.JSONField(blank=True, default=dict, verbose_name="headers")),
                (
                    "options",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        editable=False,
                        help_text="What its message said beside the arguments, to send it again.",
                        verbose_name="options",
                    ),
                ),
                (
                    "is_sendable",
                    models.BooleanField(default=True, verbose_name="can be sent again as it is"),
                ),
                (
                    "not_sendable_reason",
                    models.TextField(blank=True, verbose_name="cannot be sent because"),
                ),
                (
                    "exception_type",
                    models.CharField(blank=True, max_length=255, verbose_name="exception type"),
                ),
                ("exception", models.TextField(blank=True, verbose_name="exception")),
                (
                    "tracebacks",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="One text for each attempt that is known, the last one last.",
                        verbose_name="tracebacks",
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=1, verbose_name="attempts")),
                (
                    "failed_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="failed at"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("requeued", "requeued"),
                            ("discarded", "discarded"),
                        ],
                        default="open",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                (
                    "requeued_as",
                    models.CharField(blank=True, max_length=64, verbose_name="requeued as"),
                ),
                (
                    "closed_by",
                    models.CharField(blank=True, max_length=255, verbose_name="closed by"),
                ),
                (
                    "closed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="closed at"),
                ),
            ],
            options={
                "verbose_name": "dead letter",
                "verbose_name_plural": "dead letters",
                "ordering": ["-failed_at"],
                "permissions": [
                    ("requeue_deadletter", "Can send dead letters again"),
                    ("discard_deadletter", "Can discard dead letters"),
                ],
                "indexes": [
                    models.Index(fields=["state", "failed_at"], name="recurring_jobs_letter_state"),
                    models.Index(
                        fields=["task", "exception_type"], name="recurring_jobs_letter_task"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("task_id",), name="recurring_jobs_dead_letter_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "requeued", "discarded"])),
                        name="recurring_jobs_dead_letter_known_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "declared_in",
                    models.CharField(
                        blank=True,
                        help_text="Where the code declares it; empty for one that a person made.",
                        max_length=255,
                        verbose_name="declared in",
                    ),
                ),
                (
                    "applied",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="What was last applied from code, field by field.",
                        verbose_name="applied",
                    ),
                ),
                (
                    "kept",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        editable=False,
                        help_text="Fields in which a person's word stands against the code's of that time.",
                        verbose_name="kept",
                    ),
                ),
                (
                    "withdrawn_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When it was disabled because its declaration had gone.",
                        null=True,
                        verbose_name="withdrawn at",
                    ),
                ),
                ("rule", models.TextField(blank=True, verbose_name="rule")),
                (
                    "rule_start",
                    models.CharField(
                        blank=True,
                        help_text="Local date and time that the rule counts from, such as 2026-01-05T09:00:00.",
                        max_length=32,
                        verbose_name="rule start",
                    ),
                ),
                (
                    "rule_timezone",
                    models.CharField(blank=True, max_length=64, verbose_name="rule time zone"),
                ),
                (
                    "anchored_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Instant that an interval counts from; empty for the Unix epoch.",
                        null=True,
                        verbose_name="anchored at",
                    ),
                ),
                (
                    "misfire",
                    models.CharField(
                        choices=[
                            ("latest", "the latest one is fired"),
                            ("earliest", "the earliest one is fired"),
                            ("all", "each one is fired"),
                            ("skip", "none is fired"),
                        ],
                        default="latest",
                        max_length=16,
                        verbose_name="misfire",
                    ),
                ),
                (
                    "time_limit",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Seconds after which a run is killed; empty for the task's own.",
                        null=True,
                        verbose_name="time limit",
                    ),
                ),
                (
                    "soft_time_limit",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Seconds after which a run is asked to end; empty for the task's own.",
                        null=True,
                        verbose_name="soft time limit",
                    ),
                ),
                (
                    "grace",
                    models.DurationField(
                        default=datetime.timedelta(seconds=60),
                        help_text="A fire that is at most this late is not a misfire.",
                        validators=[
                            django.core.validators.MinValueValidator(datetime.timedelta(0))
                        ],
                        verbose_name="grace",
                    ),
                ),
                (
                    "catchup_window",
                    models.DurationField(
                        default=datetime.timedelta(days=1),
                        help_text="Fires that are later than this are never caught up.",
                        validators=[
                            django.core.validators.MinValueValidator(datetime.timedelta(0))
                        ],
                        verbose_name="catch-up window",
                    ),
                ),
                (
                    "max_catchup",
                    models.PositiveIntegerField(
                        default=10,
                        help_text="How many misfires are fired in one go where each one is fired.",
                        verbose_name="most to catch up",
                    ),
                ),
                (
                    "overlap",
                    models.CharField(
                        choices=[
                            ("allow", "it starts beside it"),
                            ("skip", "it is skipped"),
                            ("buffer_one", "one waits, the others are skipped"),
                            ("buffer_all", "all wait, one after the other"),
                            ("cancel_other", "the running one is asked to stop, then it starts"),
                            ("terminate_other", "the running one is killed, then it starts"),
                        ],
                        default="allow",
                        max_length=16,
                        verbose_name="overlap",
                    ),
                ),
                (
                    "jitter",
                    models.DurationField(
                        default=datetime.timedelta(0),
                        help_text="Each fire starts up to this much later, by an offset of its own.",
                        validators=[
                            django.core.validators.MinValueValidator(datetime.timedelta(0))
                        ],
                        verbose_name="jitter",
                    ),
                ),
                (
                    "remaining_fires",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="How many more times it fires before it ends; empty for no limit.",
                        null=True,
                        verbose_name="remaining fires",
                    ),
                ),
                (
                    "pause_after_failures",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="It is paused when this many runs in a row have failed; empty for never.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="pause after failures",
                    ),
                ),
                (
                    "paused_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="paused at"
                    ),
                ),
                (
                    "paused_until",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="paused until"
                    ),
                ),
                (
                    "paused_by",
                    models.CharField(
                        blank=True, editable=False, max_length=255, verbose_name="paused by"
                    ),
                ),
                (
                    "pause_reason",
                    models.TextField(blank=True, editable=False, verbose_name="paused because"),
                ),
                (
                    "resumed_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="Failures before this do not count towards a pause.",
                        null=True,
                        verbose_name="resumed at",
                    ),
                ),
                (
                    "taken_count",
                    models.PositiveBigIntegerField(
                        default=0,
                        editable=False,
                        help_text="Those that were to be run.",
                        verbose_name="fires taken",
                    ),
                ),
                (
                    "missed_count",
                    models.PositiveBigIntegerField(
                        default=0,
                        editable=False,
                        help_text="Too late, and not caught up.",
                        verbose_name="fires missed",
                    ),
                ),
                (
                    "skipped_count",
                    models.PositiveBigIntegerField(
                        default=0,
                        editable=False,
                        help_text="Not run because an earlier one was still running, or by hand.",
                        verbose_name="fires skipped",
                    ),
                ),
                (
                    "dropped_count",
                    models.PositiveBigIntegerField(
                        default=0,
                        editable=False,
                        help_text="Not run because too many were waiting.",
                        verbose_name="fires dropped",
                    ),
                ),
                (
                    "trigger_key",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="Fingerprint of the trigger that the next fire was computed with.",
                        max_length=64,
                        verbose_name="trigger key",
                    ),
                ),
                (
                    "next_fire_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="next fire at"
                    ),
                ),
                (
                    "set_aside_reason",
                    models.TextField(blank=True, editable=False, verbose_name="set aside because"),
                ),
                (
                    "periodic_task",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recurring_schedule",
                        to="django_celery_beat.periodictask",
                        verbose_name="periodic task",
                    ),
                ),
            ],
            options={
                "verbose_name": "schedule",
                "verbose_name_plural": "schedules",
                "permissions": [
                    ("run_schedule", "Can run schedules now"),
                    ("pause_schedule", "Can pause, resume and skip schedules"),
                    ("backfill_schedule", "Can backfill schedules"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Fire",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("scheduled", "scheduled"),
                            ("manual", "run now"),
                            ("backfill", "backfill"),
                        ],
                        default="scheduled",
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                ("nominal_at", models.DateTimeField(verbose_name="nominal time")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waits for its time"),
                            ("buffered", "waits for the one before"),
                            ("claimed", "claimed"),
                            ("published", "published"),
                            ("missed", "missed"),
                            ("skipped", "skipped"),
                            ("dropped", "dropped"),
                            ("refused", "could not be sent"),
                        ],
                        default="claimed",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("task_id", models.CharField(max_length=64, unique=True, verbose_name="task id")),
                (
                    "stands_for",
                    models.PositiveIntegerField(
                        default=1,
                        help_text="How many nominal times this fire stands for, itself included.",
                        verbose_name="stands for",
                    ),
                ),
                ("reason", models.TextField(blank=True, verbose_name="reason")),
                (
                    "overlap",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("allow", "it starts beside it"),
                            ("skip", "it is skipped"),
                            ("buffer_one", "one waits, the others are skipped"),
                            ("buffer_all", "all wait, one after the other"),
                            ("cancel_other", "the running one is asked to stop, then it starts"),
                            ("terminate_other", "the running one is killed, then it starts"),
                        ],
                        help_text="What counts for this fire alone; empty for what the schedule says.",
                        max_length=16,
                        verbose_name="overlap",
                    ),
                ),
                (
                    "arguments",
                    models.JSONField(
                        blank=True,
                        editable=False,
                        help_text="Those of this fire alone, until it is sent; empty for the schedule's.",
                        null=True,
                        verbose_name="arguments",
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="When a beat looks at it next; empty when nothing is left to do.",
                        null=True,
                        verbose_name="due at",
                    ),
                ),
                (
                    "claimed_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="claimed at"
                    ),
                ),
                (
                    "published_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="published at"),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="fires",
                        to="recurring_jobs.schedule",
                        verbose_name="schedule",
                    ),
                ),
            ],
            options={
                "verbose_name": "fire",
                "verbose_name_plural": "fires",
                "ordering": ["-nominal_at"],
            },
        ),
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                (
                    "id",
                    models.CharField(
                        editable=False,
                        max_length=64,
                        primary_key=True,
                        serialize=False,
                        verbose_name="digest of caller and key",
                    ),
                ),
                (
                    "fingerprint",
                    models.CharField(max_length=64, verbose_name="digest of the request"),
                ),
                ("run_id", models.CharField(max_length=64, verbose_name="task id")),
                (
                    "status",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="status"),
                ),
                ("body", models.TextField(blank=True, verbose_name="body")),
                ("location", models.TextField(blank=True, verbose_name="location")),
                (
                    "claimed_at",
                    models.DateTimeField(
                        db_index=True,
                        default=django.utils.timezone.now,
                        verbose_name="claimed at",
                    ),
                ),
            ],
            options={
                "verbose_name": "kept answer",
                "verbose_name_plural": "kept answers",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "id",
                    models.CharField(
                        max_length=64, primary_key=True, serialize=False, verbose_name="id"
                    ),
                ),
                ("name", models.CharField(max_length=32, verbose_name="name")),
                (
                    "subject",
                    models.CharField(
                        blank=True,
                        help_text="Such as the name of a task.",
                        max_length=255,
                        verbose_name="subject",
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=32, verbose_name="detail")),
                ("value", models.FloatField(default=0, verbose_name="value")),
            ],
            options={
                "verbose_name": "tally",
                "verbose_name_plural": "tallies",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=255, unique=True, verbose_name="key")),
                ("raised_at", models.DateTimeField(verbose_name="raised at")),
                (
                    "held_back",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="How many more there were since.",
                        verbose_name="held back",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert",
                "verbose_name_plural": "alerts",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Worker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=255, unique=True, verbose_name="name")),
                (
                    "queues",
                    models.JSONField(
                        default=list,
                        help_text="Those that it consumes.",
                        verbose_name="queues",
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                (
                    "seen_at",
                    models.DateTimeField(
                        help_text="Last sign of life, by the clock of the database.",
                        verbose_name="seen at",
                    ),
                ),
            ],
            options={
                "verbose_name": "worker",
                "verbose_name_plural": "workers",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="TaskLock",
            fields=[
                (
                    "id",
                    models.CharField(
                        max_length=64, primary_key=True, serialize=False, verbose_name="id"
                    ),
                ),
                ("task", models.CharField(max_length=255, verbose_name="task")),
                ("key", models.CharField(blank=True, max_length=255, verbose_name="key")),
                (
                    "owner",
                    models.CharField(
                        blank=True,
                        help_text="Task id of the run; empty: free.",
                        max_length=64,
                        verbose_name="held by",
                    ),
                ),
                (
                    "worker",
                    models.CharField(
                        blank=True,
                        help_text="Empty between two attempts at the run.",
                        max_length=255,
                        verbose_name="worker",
                    ),
                ),
                (
                    "token",
                    models.PositiveBigIntegerField(
                        help_text="Larger with each holder.", verbose_name="fencing token"
                    ),
                ),
                ("taken_at", models.DateTimeField(verbose_name="taken at")),
                (
                    "lease_until",
                    models.DateTimeField(
                        help_text="Then another run may take it, unless it is renewed.",
                        verbose_name="lease until",
                    ),
                ),
            ],
            options={
                "verbose_name": "lock",
                "verbose_name_plural": "locks",
                "ordering": ["-taken_at"],
                "permissions": [("break_tasklock", "Can break locks")],
                "indexes": [
                    models.Index(fields=["owner"], name="recurring_jobs_lock_owner"),
                    models.Index(fields=["task"], name="recurring_jobs_lock_task"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.CharField(
                        max_length=64, primary_key=True, serialize=False, verbose_name="task id"
                    ),
                ),
                ("root_id", models.CharField(blank=True, max_length=64, verbose_name="root id")),
                (
                    "retried_from",
                    models.CharField(
                        blank=True,
                        help_text="Task id of the run that was sent again as this one.",
                        max_length=64,
                        verbose_name="retried from",
                    ),
                ),
                ("task", models.CharField(max_length=255, verbose_name="task")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("running", "running"),
                            ("retrying", "retrying"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("lost", "lost"),
                            ("skipped", "skipped"),
                        ],
                        default="queued",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                (
                    "attempt",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Counted from 1; 0 before the first.",
                        verbose_name="attempt",
                    ),
                ),
                (
                    "next_attempt",
                    models.PositiveIntegerField(
                        default=1,
                        editable=False,
                        help_text="The attempt that may start next; a message of an earlier one is a copy.",
                        verbose_name="next attempt",
                    ),
                ),
                (
                    "crashes",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="How often its worker was lost under it.",
                        verbose_name="crashes",
                    ),
                ),
                ("worker", models.CharField(blank=True, max_length=255, verbose_name="worker")),
                (
                    "pid",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="process id"),
                ),
                (
                    "holder",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="Token of the one start that may write what becomes of the run.",
                        max_length=32,
                        verbose_name="holder",
                    ),
                ),
                ("queue", models.CharField(blank=True, max_length=255, verbose_name="queue")),
                (
                    "args",
                    models.JSONField(blank=True, default=list, verbose_name="positional arguments"),
                ),
                (
                    "kwargs",
                    models.JSONField(blank=True, default=dict, verbose_name="keyword arguments"),
                ),
                (
                    "options",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        editable=False,
                        help_text="What its message said beside the arguments, to send it again.",
                        verbose_name="options",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="created at"
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="started at"),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished at"),
                ),
                (
                    "heartbeat_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Last sign of life of its worker or sender, by the clock of the database.",
                        null=True,
                        verbose_name="heartbeat at",
                    ),
                ),
                (
                    "resend_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="Unless a worker has begun it by then. Empty: it waits as long as it takes.",
                        null=True,
                        verbose_name="sent again at",
                    ),
                ),
                (
                    "cancel_requested_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When the run was asked to end; the task decides when it does.",
                        null=True,
                        verbose_name="asked to stop at",
                    ),
                ),
                (
                    "progress_done",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="done"),
                ),
                (
                    "progress_total",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="total"),
                ),
                (
                    "progress_note",
                    models.CharField(blank=True, max_length=255, verbose_name="note"),
                ),
                ("exception", models.TextField(blank=True, verbose_name="exception")),
                (
                    "fire",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to="recurring_jobs.fire",
                        verbose_name="fire",
                    ),
                ),
            ],
            options={
                "verbose_name": "run",
                "verbose_name_plural": "runs",
                "ordering": ["-created_at"],
                "permissions": [
                    ("trigger_run", "Can trigger tasks"),
                    ("cancel_run", "Can cancel runs"),
                    ("requeue_run", "Can send runs again"),
                    ("purge_queue", "Can purge queues"),
                    ("view_arguments", "Can view the arguments and results of tasks"),
                    ("view_tracebacks", "Can view tracebacks"),
                ],
                "indexes": [
                    models.Index(fields=["created_at"], name="recurring_jobs_run_created"),
                    models.Index(fields=["state", "created_at"], name="recurring_jobs_run_state"),
                    models.Index(fields=["task", "created_at"], name="recurring_jobs_run_task"),
                    models.Index(fields=["state", "heartbeat_at"], name="recurring_jobs_run_beats"),
                    models.Index(fields=["resend_at"], name="recurring_jobs_run_resend"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "queued",
                                    "running",
                                    "retrying",
                                    "succeeded",
                                    "failed",
                                    "lost",
                                    "skipped",
                                ],
                            )
                        ),
                        name="recurring_jobs_run_known_state",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(fields=["next_fire_at"], name="recurring_jobs_schedule_next"),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("catchup_window__gte", datetime.timedelta(0)),
                    ("grace__gte", datetime.timedelta(0)),
                    ("jitter__gte", datetime.timedelta(0)),
                ),
                name="recurring_jobs_schedule_no_negative_time",
            ),
        ),
        migrations.AddIndex(
            model_name="fire",
            index=models.Index(fields=["due_at"], name="recurring_jobs_fire_due"),
        ),
        migrations.AddIndex(
            model_name="fire",
            index=models.Index(fields=["state", "claimed_at"], name="recurring_jobs_fire_state"),
        ),
        migrations.AddIndex(
            model_name="fire",
            index=models.Index(
                fields=["schedule", "claimed_at"], name="recurring_jobs_fire_recent"
            ),
        ),
        migrations.AddConstraint(
            model_name="fire",
            constraint=models.UniqueConstraint(
                fields=("schedule", "kind", "nominal_at"), name="recurring_jobs_fire_once"
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, remove_triggers),
    ]

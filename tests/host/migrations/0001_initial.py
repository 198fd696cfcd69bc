"""The first tables."""

from __future__ import annotations

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import recurring_jobs.recurrence.fields
import recurring_jobs.recurrence.zones
import tests.host.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recurrence_rule",
                    recurring_jobs.recurrence.fields.RecurrenceRuleField(
                        blank=True,
                        help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,WE. Empty: does not recur.",
                        null=True,
                        verbose_name="recurrence rule",
                    ),
                ),
                (
                    "recurrence_timezone",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Whose clock the rule follows, such as Europe/Paris. Empty: the project's.",
                        max_length=64,
                        validators=[recurring_jobs.recurrence.zones.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("starts_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recurrence_rule",
                    recurring_jobs.recurrence.fields.RecurrenceRuleField(
                        blank=True,
                        help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,WE. Empty: does not recur.",
                        null=True,
                        verbose_name="recurrence rule",
                    ),
                ),
                (
                    "recurrence_timezone",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Whose clock the rule follows, such as Europe/Paris. Empty: the project's.",
                        max_length=64,
                        validators=[recurring_jobs.recurrence.zones.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "recurrence_due_at",
                    recurring_jobs.recurrence.fields.DueAtField(
                        blank=True,
                        db_index=True,
                        editable=False,
                        null=True,
                        verbose_name="needs rows at",
                    ),
                ),
                (
                    "recurrence_cursor",
                    recurring_jobs.recurrence.fields.CursorField(
                        blank=True,
                        editable=False,
                        max_length=16,
                        null=True,
                        verbose_name="made up to",
                    ),
                ),
                (
                    "recurrence_made_from",
                    recurring_jobs.recurrence.fields.SnapshotField(
                        blank=True, editable=False, null=True, verbose_name="made from"
                    ),
                ),
                (
                    "recurrence_skips",
                    recurring_jobs.recurrence.fields.SkipsField(
                        blank=True, editable=False, null=True, verbose_name="skipped"
                    ),
                ),
                (
                    "recurrence_set_aside",
                    recurring_jobs.recurrence.fields.SetAsideField(
                        blank=True, default="", editable=False, verbose_name="set aside because"
                    ),
                ),
                ("customer", models.CharField(max_length=50)),
                ("amount", models.DecimalField(decimal_places=2, max_digits=8)),
                ("billed_on", models.DateField()),
                ("pay_by", models.DateField(blank=True, null=True)),
                ("comment", models.TextField(blank=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=50)),
            ],
        ),
        migrations.CreateModel(
            name="Course",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recurrence_rule",
                    recurring_jobs.recurrence.fields.RecurrenceRuleField(
                        blank=True,
                        help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,WE. Empty: does not recur.",
                        null=True,
                        verbose_name="recurrence rule",
                    ),
                ),
                (
                    "recurrence_timezone",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Whose clock the rule follows, such as Europe/Paris. Empty: the project's.",
                        max_length=64,
                        validators=[recurring_jobs.recurrence.zones.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "recurrence_due_at",
                    recurring_jobs.recurrence.fields.DueAtField(
                        blank=True,
                        db_index=True,
                        editable=False,
                        null=True,
                        verbose_name="needs rows at",
                    ),
                ),
                (
                    "recurrence_cursor",
                    recurring_jobs.recurrence.fields.CursorField(
                        blank=True,
                        editable=False,
                        max_length=16,
                        null=True,
                        verbose_name="made up to",
                    ),
                ),
                (
                    "recurrence_made_from",
                    recurring_jobs.recurrence.fields.SnapshotField(
                        blank=True, editable=False, null=True, verbose_name="made from"
                    ),
                ),
                (
                    "recurrence_skips",
                    recurring_jobs.recurrence.fields.SkipsField(
                        blank=True, editable=False, null=True, verbose_name="skipped"
                    ),
                ),
                (
                    "recurrence_set_aside",
                    recurring_jobs.recurrence.fields.SetAsideField(
                        blank=True, default="", editable=False, verbose_name="set aside because"
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("first_at", models.DateTimeField()),
                ("first_until", models.DateTimeField(blank=True, null=True)),
                ("fee", models.PositiveIntegerField(default=0)),
                (
                    "teacher",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "topics",
                    models.ManyToManyField(blank=True, related_name="courses", to="host.tag"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Errand",
            fields=[
                (
                    "recurrence_rule",
                    recurring_jobs.recurrence.fields.RecurrenceRuleField(
                        blank=True,
                        help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,WE. Empty: does not recur.",
                        null=True,
                        verbose_name="recurrence rule",
                    ),
                ),
                (
                    "recurrence_timezone",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Whose clock the rule follows, such as Europe/Paris. Empty: the project's.",
                        max_length=64,
                        validators=[recurring_jobs.recurrence.zones.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "recurrence_due_at",
                    recurring_jobs.recurrence.fields.DueAtField(
                        blank=True,
                        db_index=True,
                        editable=False,
                        null=True,
                        verbose_name="needs rows at",
                    ),
                ),
                (
                    "recurrence_cursor",
                    recurring_jobs.recurrence.fields.CursorField(
                        blank=True,
                        editable=False,
                        max_length=16,
                        null=True,
                        verbose_name="made up to",
                    ),
                ),
                (
                    "recurrence_made_from",
                    recurring_jobs.recurrence.fields.SnapshotField(
                        blank=True, editable=False, null=True, verbose_name="made from"
                    ),
                ),
                (
                    "recurrence_skips",
                    recurring_jobs.recurrence.fields.SkipsField(
                        blank=True, editable=False, null=True, verbose_name="skipped"
                    ),
                ),
                (
                    "recurrence_set_aside",
                    recurring_jobs.recurrence.fields.SetAsideField(
                        blank=True, default="", editable=False, verbose_name="set aside because"
                    ),
                ),
                (
                    "recurrence_id",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The time the rule named, as written there; kept when the row is moved.",
                        max_length=16,
                        null=True,
                        verbose_name="nominal time",
                    ),
                ),
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("first_at", models.DateTimeField()),
                ("back_on", models.DateField(null=True)),
                ("cost", models.DecimalField(decimal_places=2, max_digits=8, null=True)),
                ("notes", models.JSONField(default=dict)),
                ("sheet", models.FileField(blank=True, upload_to="")),
                ("checklist", models.JSONField(default=list)),
                ("token", models.CharField(default=tests.host.models.new_token, max_length=100)),
                ("place", models.CharField(db_default="home", max_length=20)),
                ("priority", models.SmallIntegerField(default=3)),
                ("share", models.DecimalField(decimal_places=2, default="0.50", max_digits=4)),
                ("is_open", models.BooleanField(default=True)),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "recurrence_parent",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="occurrences",
                        to="host.errand",
                        verbose_name="template",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("recurrence_parent", "recurrence_id"),
                        name="host_errand_occurrence_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Shift",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recurrence_rule",
                    recurring_jobs.recurrence.fields.RecurrenceRuleField(
                        blank=True,
                        help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,WE. Empty: does not recur.",
                        null=True,
                        verbose_name="recurrence rule",
                    ),
                ),
                (
                    "recurrence_timezone",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Whose clock the rule follows, such as Europe/Paris. Empty: the project's.",
                        max_length=64,
                        validators=[recurring_jobs.recurrence.zones.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "recurrence_due_at",
                    recurring_jobs.recurrence.fields.DueAtField(
                        blank=True,
                        db_index=True,
                        editable=False,
                        null=True,
                        verbose_name="needs rows at",
                    ),
                ),
                (
                    "recurrence_cursor",
                    recurring_jobs.recurrence.fields.CursorField(
                        blank=True,
                        editable=False,
                        max_length=16,
                        null=True,
                        verbose_name="made up to",
                    ),
                ),
                (
                    "recurrence_made_from",
                    recurring_jobs.recurrence.fields.SnapshotField(
                        blank=True, editable=False, null=True, verbose_name="made from"
                    ),
                ),
                (
                    "recurrence_skips",
                    recurring_jobs.recurrence.fields.SkipsField(
                        blank=True, editable=False, null=True, verbose_name="skipped"
                    ),
                ),
                (
                    "recurrence_set_aside",
                    recurring_jobs.recurrence.fields.SetAsideField(
                        blank=True, default="", editable=False, verbose_name="set aside because"
                    ),
                ),
                (
                    "recurrence_id",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The time the rule named, as written there; kept when the row is moved.",
                        max_length=16,
                        null=True,
                        verbose_name="nominal time",
                    ),
                ),
                ("place", models.CharField(max_length=50)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("label", models.CharField(blank=True, max_length=100)),
                (
                    "recurrence_parent",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="occurrences",
                        to="host.shift",
                        verbose_name="template",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("recurrence_parent", "recurrence_id"),
                        name="host_shift_occurrence_once",
                    ),
                    models.UniqueConstraint(
                        fields=("place", "starts_at"), name="host_shift_one_a_place"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recurrence_id",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The time the rule named, as written there; kept when the row is moved.",
                        max_length=16,
                        null=True,
                        verbose_name="nominal time",
                    ),
                ),
                (
                    "recurrence_timezone",
                    models.CharField(
                        blank=True,
                        default="",
                        editable=False,
                        max_length=64,
                        validators=[recurring_jobs.recurrence.zones.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                ("customer", models.CharField(max_length=50)),
                ("amount", models.DecimalField(decimal_places=2, max_digits=8)),
                ("billed_on", models.DateField()),
                ("pay_by", models.DateField(blank=True, null=True)),
                ("number", models.CharField(max_length=40, unique=True)),
                ("paid", models.BooleanField(default=False)),
                (
                    "recurrence_parent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="occurrences",
                        to="host.subscription",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("recurrence_parent", "recurrence_id"),
                        name="host_invoice_occurrence_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Lesson",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recurrence_id",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The time the rule named, as written there; kept when the row is moved.",
                        max_length=16,
                        null=True,
                        verbose_name="nominal time",
                    ),
                ),
                (
                    "recurrence_timezone",
                    models.CharField(
                        blank=True,
                        default="",
                        editable=False,
                        max_length=64,
                        validators=[recurring_jobs.recurrence.zones.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("attended", models.PositiveIntegerField(default=0)),
                (
                    "recurrence_parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="occurrences",
                        to="host.course",
                    ),
                ),
                (
                    "teacher",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "labels",
                    models.ManyToManyField(blank=True, related_name="lessons", to="host.tag"),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("recurrence_parent", "recurrence_id"),
                        name="host_lesson_occurrence_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Holiday",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recurrence_rule",
                    recurring_jobs.recurrence.fields.RecurrenceRuleField(
                        blank=True,
                        help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,WE. Empty: does not recur.",
                        null=True,
                        verbose_name="recurrence rule",
                    ),
                ),
                (
                    "recurrence_timezone",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Whose clock the rule follows, such as Europe/Paris. Empty: the project's.",
                        max_length=64,
                        validators=[recurring_jobs.recurrence.zones.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "recurrence_due_at",
                    recurring_jobs.recurrence.fields.DueAtField(
                        blank=True,
                        db_index=True,
                        editable=False,
                        null=True,
                        verbose_name="needs rows at",
                    ),
                ),
                (
                    "recurrence_cursor",
                    recurring_jobs.recurrence.fields.CursorField(
                        blank=True,
                        editable=False,
                        max_length=16,
                        null=True,
                        verbose_name="made up to",
                    ),
                ),
                (
                    "recurrence_made_from",
                    recurring_jobs.recurrence.fields.SnapshotField(
                        blank=True, editable=False, null=True, verbose_name="made from"
                    ),
                ),
                (
                    "recurrence_skips",
                    recurring_jobs.recurrence.fields.SkipsField(
                        blank=True, editable=False, null=True, verbose_name="skipped"
                    ),
                ),
                (
                    "recurrence_set_aside",
                    recurring_jobs.recurrence.fields.SetAsideField(
                        blank=True, default="", editable=False, verbose_name="set aside because"
                    ),
                ),
                (
                    "recurrence_id",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The time the rule named, as written there; kept when the row is moved.",
                        max_length=16,
                        null=True,
                        verbose_name="nominal time",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("first_on", models.DateField()),
                ("last_on", models.DateField(blank=True, null=True)),
                (
                    "recurrence_parent",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="occurrences",
                        to="host.holiday",
                        verbose_name="template",
                    ),
                ),
                ("tags", models.ManyToManyField(blank=True, to="host.tag")),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("recurrence_parent", "recurrence_id"),
                        name="host_holiday_occurrence_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Todo",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recurrence_rule",
                    recurring_jobs.recurrence.fields.RecurrenceRuleField(
                        blank=True,
                        help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,WE. Empty: does not recur.",
                        null=True,
                        verbose_name="recurrence rule",
                    ),
                ),
                (
                    "recurrence_timezone",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Whose clock the rule follows, such as Europe/Paris. Empty: the project's.",
                        max_length=64,
                        validators=[recurring_jobs.recurrence.zones.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "recurrence_due_at",
                    recurring_jobs.recurrence.fields.DueAtField(
                        blank=True,
                        db_index=True,
                        editable=False,
                        null=True,
                        verbose_name="needs rows at",
                    ),
                ),
                (
                    "recurrence_cursor",
                    recurring_jobs.recurrence.fields.CursorField(
                        blank=True,
                        editable=False,
                        max_length=16,
                        null=True,
                        verbose_name="made up to",
                    ),
                ),
                (
                    "recurrence_made_from",
                    recurring_jobs.recurrence.fields.SnapshotField(
                        blank=True, editable=False, null=True, verbose_name="made from"
                    ),
                ),
                (
                    "recurrence_skips",
                    recurring_jobs.recurrence.fields.SkipsField(
                        blank=True, editable=False, null=True, verbose_name="skipped"
                    ),
                ),
                (
                    "recurrence_set_aside",
                    recurring_jobs.recurrence.fields.SetAsideField(
                        blank=True, default="", editable=False, verbose_name="set aside because"
                    ),
                ),
                (
                    "recurrence_id",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The time the rule named, as written there; kept when the row is moved.",
                        max_length=16,
                        null=True,
                        verbose_name="nominal time",
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("remind_at", models.DateTimeField(blank=True, null=True)),
                ("done", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "recurrence_parent",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="occurrences",
                        to="host.todo",
                        verbose_name="template",
                    ),
                ),
                ("tags", models.ManyToManyField(blank=True, to="host.tag")),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("recurrence_parent", "recurrence_id"),
                        name="host_todo_occurrence_once",
                    )
                ],
            },
        ),
    ]

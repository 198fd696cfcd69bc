"""The mixins that let the rows of a model recur."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recurring_jobs.recurrence.fields import (
    CursorField,
    DueAtField,
    RecurrenceRuleField,
    SetAsideField,
    SkipsField,
    SnapshotField,
)
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.model_checks import check_occurrence_model, check_recurring_model
from recurring_jobs.recurrence.querysets import (
    OccurrenceManager,
    RecurrenceRuleManager,
    RecurringManager,
    RecurringTemplateManager,
)
from recurring_jobs.recurrence.rows import local_start, occurrence_values, series_of
from recurring_jobs.recurrence.zones import validate_zone

if TYPE_CHECKING:
    from datetime import date, datetime
    from typing import Self

    from django.core import checks

    from recurring_jobs.rules import Occurrence

#: Columns that only the generator and the hooks of ``save()`` write.
BOOKKEEPING = (
    "recurrence_due_at",
    "recurrence_cursor",
    "recurrence_made_from",
    "recurrence_skips",
    "recurrence_set_aside",
)


class RecurrenceRuleMixin(models.Model):
    """
    Give a model a rule: for rows that are shown as often as the rule says, and made once.

    The host names in an inner class the field that the rule counts from::

        class Event(RecurrenceRuleMixin):
            starts_at = models.DateTimeField()

            class Recurrence:
                start = "starts_at"  # a date-time, or a date for what lasts all day

    No rows are made, and there is nothing to run. For rows of their own see
    :class:`RecurringModelMixin` and :class:`OccurrenceModelMixin`.
    """

    recurrence_rule = RecurrenceRuleField(
        _("recurrence rule"),
        help_text=_("RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,WE. Empty: does not recur."),
    )
    recurrence_timezone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        default="",
        validators=[validate_zone],
        help_text=_("Whose clock the rule follows, such as Europe/Paris. Empty: the project's."),
    )

    objects: ClassVar[RecurrenceRuleManager[Self]] = RecurrenceRuleManager()

    class Meta:
        abstract = True

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *check_recurring_model(cls)]

    @property
    def is_template(self) -> bool:
        """Whether the row carries a rule."""
        return bool(self.recurrence_rule)

    @property
    def is_occurrence(self) -> bool:
        """Whether the row was made from a template."""
        return False

    @property
    def local_start(self) -> datetime | date | None:
        """
        The start on the clock of the row's own zone; a date is itself.

        What is stored is an instant, and Django gives it in UTC. Raise
        UnknownTimeZoneError when ``recurrence_timezone`` is none.
        """
        return local_start(self)

    def next_occurrence(self, after: datetime | None = None) -> datetime | date | None:
        """
        Return the rule's next time later than *after* (default: now), in the row's zone.

        None when there is none, or no rule. Rows are not looked at: a skipped or moved
        occurrence still counts. Raise InvalidRuleError or UnknownTimeZoneError when the
        row holds what cannot be read.
        """
        if not self.recurrence_rule:
            return None
        instant = timezone.now() if after is None else after
        following = next(series_of(self).after(instant), None)
        return None if following is None else following.at

    def occurrences_between(self, start: datetime, end: datetime) -> list[datetime | date]:
        """
        Return the rule's times from *start* on and before *end*, in the row's zone.

        Empty for a row without a rule. Rows are not looked at, as in next_occurrence().
        """
        if not self.recurrence_rule:
            return []
        return [occurrence.at for occurrence in series_of(self).between(start, end)]

    def describe_recurrence(self) -> str:
        """
        Return the rule in words, in the active language; empty for a row without a rule.
        """
        if not self.recurrence_rule:
            return ""
        return series_of(self).rule.describe(gettext)


class RecurringTemplateMixin(RecurrenceRuleMixin):
    """
    Make rows of another model from the rows of this one: see :class:`OccurrenceModelMixin`.

    Its inner class is that of :class:`RecurringModelMixin`. The names in it are fields of
    this model; the model of the occurrences has fields of the same names, but for those
    that ``occurrence_fields`` gives another: ``{"first_lesson_at": "starts_at"}``.
    """

    recurrence_due_at = DueAtField(
        _("needs rows at"), null=True, blank=True, editable=False, db_index=True
    )
    recurrence_cursor = CursorField(
        _("made up to"), max_length=16, null=True, blank=True, editable=False
    )
    recurrence_made_from = SnapshotField(_("made from"), null=True, blank=True, editable=False)
    recurrence_skips = SkipsField(_("skipped"), null=True, blank=True, editable=False)
    recurrence_set_aside = SetAsideField(
        _("set aside because"), blank=True, default="", editable=False
    )

    objects: ClassVar[RecurringTemplateManager[Self]] = RecurringTemplateManager()  # type: ignore[assignment]  # answers more than that of the base

    class Meta:
        abstract = True

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        # A save of some fields takes the columns along that say when the template is due.
        names = kwargs.get("update_fields")
        if names is not None and not layout_of(type(self)).watched.isdisjoint(names):
            kwargs["update_fields"] = {*names, "recurrence_due_at", "recurrence_set_aside"}
        before = {name: self.__dict__[name] for name in BOOKKEEPING if name in self.__dict__}
        super().save_base(*args, **kwargs)
        # Where UPDATE cannot return the columns it computed, Django drops them from the
        # instance, and would take each later save for one of some fields.
        for name, value in before.items():
            self.__dict__.setdefault(name, value)

    def build_occurrence(self, occurrence: Occurrence, at: datetime | date) -> Any:  # noqa: ARG002  for hooks
        """
        Return the unsaved row for *occurrence* of this template.

        A hook: override it to fill more fields, starting from ``super()``. *at* is the
        start of the new row (in UTC, or a date). Copied fields have the template's values;
        shifted date-times keep their distance from the start in elapsed time, shifted
        dates in days. The generator sets the ``recurrence_*`` columns afterwards. It may
        be called again for a row that exists, to see whether a person changed it, so the
        same arguments should give the same row. What it raises sets the template aside.
        """
        return layout_of(type(self)).occurrence(**occurrence_values(self, at))


class RecurringModelMixin(RecurringTemplateMixin):
    """
    Make the rows of a model recur: templates and their occurrences in one table.

    A row with a rule is a template. It is the pattern and not one of its occurrences: for
    each nominal time of the rule that lies ahead, its start included, the generator makes
    a row of its own, with ``recurrence_parent`` and ``recurrence_id`` set and no rule. The
    host says in an inner class which of its fields take part::

        class Task(RecurringModelMixin):
            title = models.CharField(max_length=200)
            due_at = models.DateTimeField()
            remind_at = models.DateTimeField(null=True)

            class Recurrence:
                start = "due_at"  # required: a date-time, or a date for all-day rows
                shifted = ("remind_at",)  # keep their distance from the start
                copied = ("title",)  # default: all editable fields but unique ones
                ahead = 5  # rows kept ahead; the default when neither is given
                horizon = None  # or a timedelta: all rows within it

    A ``Meta`` of the host must inherit ``RecurringModelMixin.Meta``: it carries the unique
    constraint that makes each occurrence exist once.

    Saving a template, or ``update()`` of a field that takes part, makes it due for the
    next pass of :func:`~recurring_jobs.recurrence.occurrences.generate_occurrences`.
    Deleting a template deletes its occurrences.
    """

    recurrence_parent = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="occurrences",
        verbose_name=_("template"),
    )
    recurrence_id = models.CharField(  # noqa: DJ001  NULL, so that originals are never equal
        _("nominal time"),
        max_length=16,
        null=True,
        blank=True,
        editable=False,
        help_text=_("The time the rule named, as written there; kept when the row is moved."),
    )

    objects: ClassVar[RecurringManager[Self]] = RecurringManager()  # type: ignore[assignment]  # answers more than that of the base

    if TYPE_CHECKING:
        recurrence_parent_id: Any

        def build_occurrence(self, occurrence: Occurrence, at: datetime | date) -> Self: ...

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["recurrence_parent", "recurrence_id"],
                name="%(app_label)s_%(class)s_occurrence_once",
            )
        ]

    @property
    def is_occurrence(self) -> bool:
        """Whether the row was made from a template."""
        return self.recurrence_parent_id is not None


class OccurrenceModelMixin(models.Model):
    """
    Keep occurrences in a table of their own, beside that of their templates.

    The host writes the foreign key, to a model with :class:`RecurringTemplateMixin`::

        class Course(RecurringTemplateMixin):
            title = models.CharField(max_length=200)
            starts_at = models.DateTimeField()

            class Recurrence:
                start = "starts_at"

        class Lesson(OccurrenceModelMixin):
            recurrence_parent = models.ForeignKey(
                Course, on_delete=models.CASCADE, related_name="occurrences"
            )
            title = models.CharField(max_length=200)
            starts_at = models.DateTimeField()

    A ``Meta`` of the host must inherit ``OccurrenceModelMixin.Meta``. With ``null=True``
    in the foreign key, rows that no rule made may be kept in the same table.
    """

    recurrence_id = models.CharField(  # noqa: DJ001  NULL for rows that no rule made
        _("nominal time"),
        max_length=16,
        null=True,
        blank=True,
        editable=False,
        help_text=_("The time the rule named, as written there; kept when the row is moved."),
    )
    recurrence_timezone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        default="",
        editable=False,
        validators=[validate_zone],
    )

    objects: ClassVar[OccurrenceManager[Self]] = OccurrenceManager()

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["recurrence_parent", "recurrence_id"],
                name="%(app_label)s_%(class)s_occurrence_once",
            )
        ]

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *check_occurrence_model(cls)]

    @property
    def is_template(self) -> bool:
        """Whether the row carries a rule."""
        return False

    @property
    def is_occurrence(self) -> bool:
        """Whether the row was made from a template."""
        return getattr(self, "recurrence_parent_id", None) is not None

    @property
    def local_start(self) -> datetime | date | None:
        """
        The start on the clock of the zone that the row was made on; a date is itself.

        Raise UnknownTimeZoneError when ``recurrence_timezone`` is none.
        """
        return local_start(self)

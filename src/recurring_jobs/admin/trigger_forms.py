"""When a periodic task fires, typed as a crontab line, an interval, a rule or one moment."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.widgets import Script
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.admin import PeriodicTaskForm as StockPeriodicTaskForm
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
)

from recurring_jobs.exceptions import InvalidTriggerError, RecurringJobsError
from recurring_jobs.periodic import beat_tables
from recurring_jobs.periodic.triggers import At, Cron, Every, RRule, Solar
from recurring_jobs.periodic.triggers.base import zone_of
from recurring_jobs.recurrence.preview import TIMES_SHOWN, fragment, next_times

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from recurring_jobs.periodic.triggers import Trigger

KINDS = (
    ("cron", gettext_lazy("crontab")),
    ("every", gettext_lazy("every so often")),
    ("rule", gettext_lazy("rule (RFC 5545)")),
    ("at", gettext_lazy("once")),
    ("solar", gettext_lazy("by the sun")),
)
#: The fields that say when, besides the kind; which kind each belongs to, the first to blame.
FIELDS = {
    "cron": ("cron", "zone"),
    "every": ("every", "period"),
    "rule": ("rule", "rule_start", "zone"),
    "at": ("at",),
    "solar": ("solar",),
}
NAMES = ("kind", "cron", "every", "period", "rule", "rule_start", "zone", "at")
#: The same as they stand on the page, what belongs together in one line.
LINES = ("kind", ("cron", "zone"), ("every", "period"), ("rule", "rule_start"), "at")


class TypedTriggerForm(forms.Form):
    """The texts that say when, as they are typed."""

    kind = forms.ChoiceField(label=gettext_lazy("Fires by"), choices=KINDS, initial="cron")
    cron = forms.CharField(
        label=gettext_lazy("Crontab"),
        required=False,
        max_length=500,
        help_text=gettext_lazy(
            "Minute, hour, day of the month, month, day of the week: 30 7 * * mon-fri"
        ),
    )
    every = forms.IntegerField(label=gettext_lazy("Every"), required=False, min_value=1)
    period = forms.ChoiceField(
        label=gettext_lazy("Unit"), required=False, choices=IntervalSchedule.PERIOD_CHOICES
    )
    rule = forms.CharField(
        label=gettext_lazy("Rule"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "dir": "ltr"}),
        help_text="FREQ=MONTHLY;BYDAY=-1FR",
    )
    rule_start = forms.CharField(
        label=gettext_lazy("Start of the rule"),
        required=False,
        max_length=32,
        help_text=gettext_lazy("Local date and time that the rule counts from: 2026-01-30T17:00"),
    )
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        required=False,
        max_length=63,
        initial=timezone.get_default_timezone_name,
        help_text=gettext_lazy("Of the crontab or the rule: Europe/Paris"),
    )
    at = forms.DateTimeField(
        label=gettext_lazy("At"),
        required=False,
        widget=forms.DateTimeInput(
            format="%Y-%m-%dT%H:%M:%S", attrs={"type": "datetime-local", "step": "1"}
        ),
    )

    class Media:
        css = {"all": ["recurring_jobs/rule.css"]}
        js = [Script("recurring_jobs/preview.js", type="module")]


class PeriodicTaskForm(StockPeriodicTaskForm, TypedTriggerForm):  # type: ignore[misc]
    """The form of a periodic task: when it fires is typed, and not chosen among all rows."""

    #: What was typed, where it is another than what is stored.
    new_trigger: Trigger | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance = kwargs.get("instance")
        if instance is not None and instance.pk:
            kwargs["initial"] = {**typed_from(instance), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if "kind" not in data:
            return data
        trigger = self._read()
        if data["kind"] != "solar":
            data["solar"] = None
        if data["kind"] == "at":
            data["one_off"] = True  # as django-celery-beat wants it
        if trigger is not None and not self._is_stored(trigger):
            self.new_trigger = trigger
        if trigger is None or self.new_trigger is not None:
            self._stand_in(data["kind"])
        return data

    def _read(self) -> Trigger | None:
        data = self.cleaned_data
        if self.errors.keys() & set(FIELDS[data["kind"]]):
            return None
        try:
            trigger = typed_trigger(data, anchor=self._anchor())
            return trigger.spread(data.get("name") or "")
        except RecurringJobsError as error:
            self.add_error(FIELDS[data["kind"]][0], str(error))
            return None

    def _anchor(self) -> Any:
        schedule = getattr(self.instance, "recurring_schedule", None)
        return schedule.anchored_at if schedule is not None else None

    def _is_stored(self, trigger: Trigger) -> bool:
        if not self.instance.pk:
            return False
        try:
            stored = beat_tables.trigger_of(self.instance)
        except RecurringJobsError:
            return False
        return beat_tables.trigger_key(stored) == beat_tables.trigger_key(trigger)

    def _stand_in(self, kind: str) -> None:
        # django-celery-beat checks that one is set; the row itself is found when it is saved.
        rows = {
            "interval": IntervalSchedule if kind in {"every", "rule"} else None,
            "crontab": CrontabSchedule if kind == "cron" else None,
            "clocked": ClockedSchedule if kind == "at" else None,
        }
        for column, model in rows.items():
            setattr(self.instance, column, model() if model else None)


def typed_trigger(data: dict[str, Any], *, anchor: Any = None) -> Trigger:
    """
    Return the trigger that the cleaned *data* of a form says.

    Raise InvalidTriggerError or UnknownTimeZoneError with the sentence for who typed it.
    """
    zone = data.get("zone") or timezone.get_default_timezone_name()
    match data["kind"]:
        case "cron":
            return Cron(data.get("cron") or "", timezone=zone)
        case "every":
            interval = _interval(data.get("every") or 0, data.get("period") or "minutes")
            return Every(interval, anchor=anchor)
        case "rule":
            start = data.get("rule_start") or ""
            return RRule(data.get("rule") or "", start=start, timezone=zone)
        case "at":
            if data.get("at") is None:
                raise RecurringJobsError(_("Say when."))
            return At(data["at"])
    row: SolarSchedule | None = data.get("solar")
    if row is None:
        raise RecurringJobsError(_("Choose an event of the sun."))
    return Solar(row.event, float(row.latitude), float(row.longitude))


def _interval(number: int, period: str) -> timedelta:
    try:
        return timedelta(**{period: number})
    except OverflowError:
        raise InvalidTriggerError("Every", f"{number} {period}", "is too long.") from None


def typed_from(task: Any) -> dict[str, Any]:
    """Return how the trigger of *task* would be typed, also where it cannot be read."""
    schedule = getattr(task, "recurring_schedule", None)
    if schedule is not None and schedule.rule:
        texts = {"rule": schedule.rule, "rule_start": schedule.rule_start}
        return {"kind": "rule", **texts, "zone": schedule.rule_timezone or "UTC"}
    if task.crontab_id:
        row = task.crontab
        line = " ".join(
            (row.minute, row.hour, row.day_of_month, row.month_of_year, row.day_of_week)
        )
        return {"kind": "cron", "cron": line, "zone": str(row.timezone)}
    if task.interval_id:
        return {"kind": "every", "every": task.interval.every, "period": task.interval.period}
    if task.clocked_id:
        return {"kind": "at", "at": task.clocked.clocked_time}
    return {"kind": "solar"}


def preview_of_trigger(trigger: Trigger) -> SafeString:
    """Return *trigger* in words, with its next ten times."""
    times = list(islice(trigger.times_after(timezone.now()), TIMES_SHOWN))
    return fragment(words=trigger.describe(_), times=next_times(times, zone_of(trigger)))


def preview_of_typed(typed: Any) -> SafeString:
    """Return what the texts *typed* say, or what is wrong with them."""
    form = TypedTriggerForm(typed)
    form.fields["solar"] = forms.ModelChoiceField(SolarSchedule.objects.all(), required=False)
    if not form.is_valid():
        return fragment(errors=[text for texts in form.errors.values() for text in texts])
    try:
        return preview_of_trigger(typed_trigger(form.cleaned_data).spread(typed.get("name", "")))
    except RecurringJobsError as error:
        return fragment(errors=[str(error)])

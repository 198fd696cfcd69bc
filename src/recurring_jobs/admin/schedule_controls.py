# ruff: noqa: ARG002  the signatures of the base
"""What a person can do to a schedule: pause, resume, skip the next fire, run now, backfill."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recurring_jobs.admin.actions import ObjectAction
from recurring_jobs.admin.arguments import ArgumentsForm, edited
from recurring_jobs.admin.rights import sees_arguments
from recurring_jobs.exceptions import NoNextFireError
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import beat_tables, controls
from recurring_jobs.recurrence.preview import next_times

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

#: How many times of a backfill are shown before it is done; the others are counted.
TIMES_SHOWN = 20


def _moment(label: Any, **options: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(
        format="%Y-%m-%dT%H:%M:%S", attrs={"type": "datetime-local", "step": "1"}
    )
    return forms.DateTimeField(label=label, widget=widget, **options)


class _OnClockForm(forms.Form):
    """Say on whose clock moments are typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = _("On the clock of %(zone)s.") % {"zone": timezone.get_current_timezone_name()}
        for field in self.fields.values():
            if isinstance(field, forms.DateTimeField):
                field.help_text = f"{field.help_text} {zone}".strip()


def _overlap(initial: Schedule.Overlap) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=gettext_lazy("while an earlier one is running"),
        choices=Schedule.Overlap.choices,
        initial=initial,
    )


class RunNowForm(forms.Form):
    """What happens where an earlier fire is still running."""

    overlap = _overlap(Schedule.Overlap.ALLOW)


class RunNowWithForm(ArgumentsForm, RunNowForm):
    """That, and what the task is given, this once."""

    field_order = ("overlap", "args", "kwargs")

    def __init__(self, data: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
        super().__init__(data, args, kwargs)
        self._stored = (args, kwargs)
        for name in ("args", "kwargs"):
            self.fields[name].required = False  # empty: what the schedule says

    def clean_args(self) -> list[Any]:
        return super().clean_args() if self.cleaned_data["args"] else self._stored[0]

    def clean_kwargs(self) -> dict[str, Any]:
        return super().clean_kwargs() if self.cleaned_data["kwargs"] else self._stored[1]


class PauseForm(_OnClockForm):
    """Why a schedule is paused, and for how long."""

    reason = forms.CharField(
        label=gettext_lazy("reason"), required=False, max_length=1000, widget=forms.Textarea
    )
    until = _moment(
        gettext_lazy("until"),
        required=False,
        help_text=gettext_lazy("Then it fires again by itself; empty until somebody resumes it."),
    )

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise ValidationError(_("This time has passed."))
        return until


class BackfillForm(_OnClockForm):
    """Which times are fired again, and how."""

    start = _moment(gettext_lazy("from"))
    end = _moment(gettext_lazy("to"))
    overlap = _overlap(Schedule.Overlap.BUFFER_ALL)
    every = forms.IntegerField(
        label=gettext_lazy("seconds apart"), min_value=0, max_value=86_400, initial=0
    )

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if "start" in found and "end" in found and found["end"] < found["start"]:
            self.add_error("end", _("It is before the start."))
        return found


class RunNow(ObjectAction):
    """Fire a schedule once more, at this moment."""

    name = "run_now"
    permission = "run"
    label = gettext_lazy("Run now")
    bulk_label = gettext_lazy("Run selected schedules now")

    def question(self, count: int) -> str:
        text = ngettext(
            "Send the task of this schedule to a worker now? Its next fire stays as it is.",
            "Send the tasks of these %(count)d schedules to a worker now? "
            "Their next fires stay as they are.",
            count,
        )
        return text % {"count": count}

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form | None:
        arguments = _arguments_of(obj)
        if arguments is None or not sees_arguments(request):
            return RunNowForm(data)  # then it is given what the schedule says
        return RunNowWithForm(data, *arguments)

    def form_for_many(self, request: HttpRequest, data: Any = None) -> forms.Form | None:
        return RunNowForm(data)

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        arguments = _arguments_of(obj)
        changed = edited(options, *arguments) if arguments else {}
        fire = controls.fire_now(obj, overlap=options["overlap"], **changed)
        sentence = (
            _("Schedule %(schedule)s was fired by hand with edited arguments, as %(task_id)s.")
            if changed
            else _("Schedule %(schedule)s was fired by hand, as task %(task_id)s.")
        )
        return sentence % {
            "schedule": obj.periodic_task.name,
            "task_id": fire.task_id,
        }

    def summary(self, count: int) -> str:
        text = ngettext("%(count)d schedule was fired.", "%(count)d schedules were fired.", count)
        return text % {"count": count}


class Pause(ObjectAction):
    """Keep a schedule from firing, for a reason and perhaps for a time."""

    name = "pause"
    permission = "pause"
    label = gettext_lazy("Pause")
    bulk_label = gettext_lazy("Pause selected schedules")

    def applies_to(self, obj: Any) -> bool:
        return bool(obj.periodic_task.enabled)

    def question(self, count: int) -> str:
        text = ngettext(
            "Pause this schedule? Times that pass meanwhile are not caught up.",
            "Pause these %(count)d schedules? Times that pass meanwhile are not caught up.",
            count,
        )
        return text % {"count": count}

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form | None:
        return PauseForm(data)

    def form_for_many(self, request: HttpRequest, data: Any = None) -> forms.Form | None:
        return PauseForm(data)

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        by = request.user.get_username()
        controls.pause(obj, reason=options["reason"], by=by, until=options["until"])
        name, reason = obj.periodic_task.name, options["reason"]
        if not reason:
            return _("Schedule %(schedule)s was paused.") % {"schedule": name}
        facts = {"schedule": name, "reason": reason}
        return _("Schedule %(schedule)s was paused: %(reason)s") % facts

    def summary(self, count: int) -> str:
        text = ngettext("%(count)d schedule was paused.", "%(count)d schedules were paused.", count)
        return text % {"count": count}


class Resume(ObjectAction):
    """Let a schedule fire again, from its next time on."""

    name = "resume"
    permission = "pause"
    label = gettext_lazy("Resume")
    bulk_label = gettext_lazy("Resume selected schedules")
    needs_confirmation = False

    def applies_to(self, obj: Any) -> bool:
        return not obj.periodic_task.enabled

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        controls.resume(obj)
        return _("Schedule %(schedule)s was resumed.") % {"schedule": obj.periodic_task.name}

    def summary(self, count: int) -> str:
        text = ngettext(
            "%(count)d schedule was resumed.", "%(count)d schedules were resumed.", count
        )
        return text % {"count": count}


class SkipNext(ObjectAction):
    """Leave out the next fire of a schedule."""

    name = "skip_next"
    permission = "pause"
    label = gettext_lazy("Skip next")
    bulk_label = gettext_lazy("Skip the next fire of selected schedules")

    def applies_to(self, obj: Any) -> bool:
        return obj.next_fire_at is not None

    def question(self, count: int) -> str:
        text = ngettext(
            "Leave out the next fire of this schedule?",
            "Leave out the next fire of each of these %(count)d schedules?",
            count,
        )
        return text % {"count": count}

    def notice(self, obj: Any) -> str:
        at = timezone.localtime(obj.next_fire_at)
        return _("It would be at %(time)s.") % {"time": f"{at:%Y-%m-%d %H:%M:%S %Z}"}

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        fire = controls.skip_next(obj, by=request.user.get_username())
        if fire is None:
            raise NoNextFireError(obj.periodic_task.name)
        return _("The fire of schedule %(schedule)s at %(time)s was skipped.") % {
            "schedule": obj.periodic_task.name,
            "time": fire.nominal_at.isoformat(),
        }

    def summary(self, count: int) -> str:
        text = ngettext("%(count)d fire was skipped.", "%(count)d fires were skipped.", count)
        return text % {"count": count}


class Backfill(ObjectAction):
    """Fire the times of a range once more, after they were shown."""

    name = "backfill"
    permission = "backfill"
    label = gettext_lazy("Backfill")
    is_for_many = False

    def question(self, count: int) -> str:
        return _("Fire each time of this schedule in a range? You see the times first.")

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form | None:
        return BackfillForm(data)

    def preview(self, obj: Any, options: dict[str, Any]) -> str:
        times = controls.backfill_times(obj, options["start"], options["end"])
        zone = ZoneInfo(beat_tables.trigger_of(obj.periodic_task).timezone or "UTC")
        text = ngettext("%(count)d time is fired:", "%(count)d times are fired:", len(times))
        shown = next_times(times[:TIMES_SHOWN], zone)
        hidden = len(times) - TIMES_SHOWN
        more = ngettext("and %(count)d more", "and %(count)d more", hidden) if hidden > 0 else ""
        return format_html(
            "<p>{}</p>{}<p>{}</p>",
            text % {"count": len(times)},
            shown,
            more and more % {"count": hidden},
        )

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        fires = controls.backfill(
            obj,
            options["start"],
            options["end"],
            overlap=options["overlap"],
            every=timedelta(seconds=options["every"]),
        )
        text = ngettext(
            "%(count)d fire of schedule %(schedule)s was made, from %(start)s to %(end)s.",
            "%(count)d fires of schedule %(schedule)s were made, from %(start)s to %(end)s.",
            len(fires),
        )
        return text % {
            "count": len(fires),
            "schedule": obj.periodic_task.name,
            "start": options["start"].isoformat(),
            "end": options["end"].isoformat(),
        }


def _arguments_of(schedule: Schedule) -> tuple[list[Any], dict[str, Any]] | None:
    """Return what the task is given; None where that is not JSON, and cannot be edited."""
    task = schedule.periodic_task
    try:
        args, kwargs = json.loads(task.args or "[]"), json.loads(task.kwargs or "{}")
    except ValueError:
        return None
    return (args, kwargs) if isinstance(args, list) and isinstance(kwargs, dict) else None

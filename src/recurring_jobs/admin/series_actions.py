# ruff: noqa: ARG002  the signatures of the base
"""What a person can do to a series from the admin: the edits of a calendar."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import models
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recurring_jobs.admin import shown
from recurring_jobs.admin.actions import ObjectAction
from recurring_jobs.models import change_rule, end, regenerate, reschedule, skip, split, unskip
from recurring_jobs.recurrence.forms import RecurrenceRuleFormField
from recurring_jobs.recurrence.layout import is_one_table_model, is_template_model, layout_of
from recurring_jobs.recurrence.options import start_of
from recurring_jobs.recurrence.rows import series_of

if TYPE_CHECKING:
    from datetime import date, datetime

    from django.http import HttpRequest


class _OccurrenceAction(ObjectAction):
    """What is done to an occurrence: one of many that have the same name."""

    permission = "change"
    is_strict = True

    def applies_to(self, obj: Any) -> bool:
        return bool(obj.is_occurrence)

    def title_of(self, obj: Any) -> Any:
        return format_html("{}, {}", obj, shown.moment(_start_of(obj)))


class SkipOccurrence(_OccurrenceAction):
    """Take an occurrence out of its series."""

    name = "skip"
    label = gettext_lazy("Skip")
    bulk_label = gettext_lazy("Skip selected occurrences")

    def question(self, count: int) -> str:
        text = ngettext(
            "Take this occurrence out of its series? Its time stays empty until you bring it back.",
            "Take these %(count)d occurrences out of their series? "
            "Their times stay empty until you bring them back.",
            count,
        )
        return text % {"count": count}

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        skip(copy.copy(obj))  # the page still needs the key of its own
        return _("Occurrence %(name)s was skipped.") % {"name": obj.recurrence_id}

    def summary(self, count: int) -> str:
        text = ngettext(
            "%(count)d occurrence was skipped.", "%(count)d occurrences were skipped.", count
        )
        return text % {"count": count}

    def leads_to(self, obj: Any) -> Any:
        return obj.recurrence_parent


class MoveOccurrence(_OccurrenceAction):
    """Move one occurrence to another time."""

    name = "reschedule"
    label = gettext_lazy("Move")
    bulk_label = gettext_lazy("Move")
    is_for_many = False

    def question(self, count: int) -> str:
        return _("When should this occurrence be? What is set relative to it moves along.")

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form:
        form = forms.Form(data, initial={"to": _start_of(obj)})
        form.fields["to"] = _moment_field(layout_of(obj._meta.model).start.target, label=_("Start"))
        return form

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        reschedule(obj, options["to"])
        return _("Occurrence %(name)s was moved.") % {"name": obj.recurrence_id}


class SplitSeries(_OccurrenceAction):
    """Change this occurrence and all that follow."""

    name = "split"
    label = gettext_lazy("Change this and following")
    bulk_label = gettext_lazy("Change this and following")
    is_for_many = False

    def applies_to(self, obj: Any) -> bool:
        return bool(obj.is_occurrence and obj.recurrence_parent.recurrence_rule)

    def question(self, count: int) -> str:
        return _(
            "What changes from this occurrence on? A new template goes on from here; "
            "rows that a person changed stay as they are."
        )

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form:
        layout = layout_of(obj._meta.model)
        template = obj.recurrence_parent
        start = layout.start.source
        columns = [source for source, _target in layout.copied if source.editable]
        names = [start.name, *(column.name for column in columns)]
        names += ["recurrence_rule", "recurrence_timezone"]
        made: Any = forms.modelform_factory(layout.template, fields=names)
        initial = {start.name: _nominal_start(obj), "recurrence_rule": _rule_from(obj)}
        form: forms.Form = made(data, instance=copy.copy(template), initial=initial)
        form.fields[start.name] = _moment_field(start, label=str(start.verbose_name).capitalize())
        form.fields["recurrence_rule"].required = True
        return form

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        template = obj.recurrence_parent
        if not _may_change(request, template):
            raise PermissionDenied
        form: Any = self.form(request, obj, request.POST)
        changes = {name: options[name] for name in form.changed_data}
        following = split(template, obj, **changes)
        obj.recurrence_parent = following
        return _("The series goes on as %(template)s (%(key)s) from %(name)s on.") % {
            "template": following,
            "key": following.pk,
            "name": obj.recurrence_id,
        }

    def leads_to(self, obj: Any) -> Any:
        return obj.recurrence_parent


class ChangeRule(ObjectAction):
    """Give all of a series another rule, and bring its rows in line at once."""

    name = "change_rule"
    permission = "change"
    label = gettext_lazy("Change the rule")
    bulk_label = gettext_lazy("Change the rule")
    is_for_many = False
    is_strict = True

    def applies_to(self, obj: Any) -> bool:
        return bool(obj.is_template)

    def question(self, count: int) -> str:
        return _(
            "What is the rule from now on? Rows to come are made, kept or removed at once; "
            "those that a person changed stay."
        )

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form:
        form: Any = forms.Form(data, initial={"rule": obj.recurrence_rule})
        form.instance = obj  # whose start and zone the preview takes
        form.fields["rule"] = RecurrenceRuleFormField(
            label=_("Recurrence rule"),
            start=start_of(obj._meta.model),
            zone="recurrence_timezone",
        )
        answer: forms.Form = form
        return answer

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        done = change_rule(obj, options["rule"])
        return _(
            "The rule was changed: rows made %(created)d, changed %(updated)d, removed %(removed)d."
        ) % {"created": done.created, "updated": done.updated, "removed": done.removed}


class MakeRows(ObjectAction):
    """Make the rows that a template needs now, without waiting for the next pass."""

    name = "regenerate"
    permission = "change"
    label = gettext_lazy("Make its rows now")
    bulk_label = gettext_lazy("Make the rows of selected templates now")
    needs_confirmation = False

    def applies_to(self, obj: Any) -> bool:
        return bool(obj.is_template)

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        done = regenerate(obj)
        return _("Rows made %(created)d, changed %(updated)d, removed %(removed)d.") % {
            "created": done.created,
            "updated": done.updated,
            "removed": done.removed,
        }

    def summary(self, count: int) -> str:
        text = ngettext(
            "The rows of %(count)d template were made.",
            "The rows of %(count)d templates were made.",
            count,
        )
        return text % {"count": count}


class EndSeries(ObjectAction):
    """Let a series end with a day."""

    name = "end"
    permission = "change"
    label = gettext_lazy("End the series")
    bulk_label = gettext_lazy("End the series")
    is_for_many = False
    is_strict = True

    def applies_to(self, obj: Any) -> bool:
        return bool(obj.is_template)

    def question(self, count: int) -> str:
        return _(
            "What is the last day of this series? Later rows go, but for those "
            "that a person changed."
        )

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form:
        form = forms.Form(data, initial={"after": timezone.localdate()})
        form.fields["after"] = forms.DateField(label=_("Last day"), widget=_day_input())
        return form

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        done = end(obj, options["after"])
        text = ngettext(
            "The series ends with %(day)s: %(count)d row was removed.",
            "The series ends with %(day)s: %(count)d rows were removed.",
            done.removed,
        )
        return text % {"day": options["after"].isoformat(), "count": done.removed}


class BringBack(ObjectAction):
    """Undo a skip."""

    name = "unskip"
    permission = "change"
    label = gettext_lazy("Bring back what was skipped")
    bulk_label = gettext_lazy("Bring back what was skipped")
    is_for_many = False
    is_strict = True

    def applies_to(self, obj: Any) -> bool:
        return bool(obj.is_template and obj.recurrence_skips)

    def question(self, count: int) -> str:
        return _("Which occurrence should happen after all?")

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form:
        names = sorted(obj.recurrence_skips or {})
        form = forms.Form(data)
        form.fields["name"] = forms.ChoiceField(
            label=_("Nominal time"), choices=[(name, _in_words(obj, name)) for name in names]
        )
        return form

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        row = unskip(obj, options["name"])
        if row is None:
            text = _(
                "%(name)s is not skipped any more, but has no row now: the rule does not name "
                "it, or it comes later than those that are made."
            )
        else:
            text = _("Occurrence %(name)s was brought back.")
        return text % {"name": options["name"]}


#: Those that the page of an occurrence offers, and those of a template.
OCCURRENCE_ACTIONS: tuple[ObjectAction, ...] = (SkipOccurrence(), MoveOccurrence(), SplitSeries())
TEMPLATE_ACTIONS: tuple[ObjectAction, ...] = (
    MakeRows(),
    ChangeRule(),
    EndSeries(),
    BringBack(),
)


def actions_for(model: type[models.Model]) -> tuple[ObjectAction, ...]:
    """
    Return what can be done to rows of *model*, which has a rule; they may be occurrences, too.
    """
    if not is_template_model(model):
        return ()
    occurrence_actions = OCCURRENCE_ACTIONS if is_one_table_model(model) else ()
    return (*occurrence_actions, *TEMPLATE_ACTIONS)


def _moment_field(column: models.Field[Any, Any], *, label: str) -> forms.Field:
    if not isinstance(column, models.DateTimeField):
        return forms.DateField(label=label, widget=_day_input())
    widget = forms.DateTimeInput(
        format="%Y-%m-%dT%H:%M:%S", attrs={"type": "datetime-local", "step": "1"}
    )
    zone = timezone.get_current_timezone_name()
    help_text = _("On the clock of %(zone)s.") % {"zone": zone}
    return forms.DateTimeField(label=label, widget=widget, help_text=help_text)


def _day_input() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


def _start_of(occurrence: Any) -> Any:
    return layout_of(occurrence._meta.model).start.target.value_from_object(occurrence)


def _nominal_start(occurrence: Any) -> datetime | date | None:
    named = series_of(occurrence.recurrence_parent).named(occurrence.recurrence_id)
    return None if named is None else named.at


def _rule_from(occurrence: Any) -> str | None:
    # As it will read there, so that only what a person types is a change.
    series = series_of(occurrence.recurrence_parent)
    named = series.named(occurrence.recurrence_id)
    if named is None:
        return None
    return str(series.rule.continued_from(series.start, named.at)[0])


def _may_change(request: HttpRequest, template: Any) -> bool:
    opts = template._meta
    user: Any = request.user
    return bool(user.has_perm(f"{opts.app_label}.change_{opts.model_name}"))


def _in_words(template: Any, name: str) -> str:
    moment = series_of(template).moment_of(name)
    day = f"{moment.astimezone(series_of(template).zone):%Y-%m-%d %H:%M}"
    return day if "T" in name else day[:10]

# ruff: noqa: ARG002  the signatures of the base
"""What a person can do about what was changed by hand: take the code's word, or keep it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recurring_jobs.admin.actions import ObjectAction
from recurring_jobs.admin.rights import sees_arguments
from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.periodic import drift
from recurring_jobs.periodic.triggers import trigger_from

if TYPE_CHECKING:
    from django.http import HttpRequest

    from recurring_jobs.periodic.plan import Drift


#: What of a declaration tells what its task is given.
ARGUMENT_FIELDS = ("args", "kwargs", "headers")


class DriftForm(forms.Form):
    """Which of the fields that a person changed are meant."""

    fields_chosen = forms.MultipleChoiceField(
        label=gettext_lazy("fields"), widget=forms.CheckboxSelectMultiple
    )

    def __init__(
        self, data: Any, differing: tuple[Drift, ...], *, shows_arguments: bool = True
    ) -> None:
        super().__init__(data, initial={"fields_chosen": [each.field for each in differing]})
        words = partial(field_words, shows_arguments=shows_arguments)
        field = cast("forms.MultipleChoiceField", self.fields["fields_chosen"])
        field.choices = [
            (
                each.field,
                _("%(field)s: %(stored)s; the code says %(declared)s")
                % {
                    "field": each.field,
                    "stored": words(each.field, each.stored),
                    "declared": words(each.field, each.declared),
                },
            )
            for each in differing
        ]


class DriftAction(ObjectAction):
    """Acts on what a person changed in a schedule, on all of it or on chosen fields."""

    permission = "change"

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form | None:
        return DriftForm(data, drift.drift_of(obj), shows_arguments=sees_arguments(request))


class TakeCode(DriftAction):
    """Put the code's word back where a person changed a schedule."""

    name = "take_code"
    label = gettext_lazy("Take the code's")
    bulk_label = gettext_lazy("Take the code's word for selected schedules")

    def applies_to(self, obj: Any) -> bool:
        return bool(drift.drift_of(obj))

    def question(self, count: int) -> str:
        text = ngettext(
            "Put back what the code says, in place of what was changed by hand?",
            "Put back what the code says for these %(count)d schedules, in place of what was"
            " changed by hand?",
            count,
        )
        return text % {"count": count}

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        taken = drift.take_code(obj, options.get("fields_chosen"))
        return _("Schedule %(schedule)s now says what the code says in: %(fields)s.") % {
            "schedule": obj.periodic_task.name,
            "fields": _listed(taken),
        }

    def summary(self, count: int) -> str:
        text = ngettext(
            "%(count)d schedule now says what the code says.",
            "%(count)d schedules now say what the code says.",
            count,
        )
        return text % {"count": count}


class KeepMine(DriftAction):
    """Let a person's word stand against the code's."""

    name = "keep_mine"
    label = gettext_lazy("Keep mine")
    bulk_label = gettext_lazy("Keep what was changed by hand in selected schedules")

    def applies_to(self, obj: Any) -> bool:
        return any(not each.is_kept for each in drift.drift_of(obj))

    def question(self, count: int) -> str:
        text = ngettext(
            "Keep what was changed by hand? It is not reported any more until the code changes.",
            "Keep what was changed by hand in these %(count)d schedules? It is not reported any"
            " more until the code changes.",
            count,
        )
        return text % {"count": count}

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        kept = drift.keep_mine(obj, options.get("fields_chosen"))
        return _("Schedule %(schedule)s keeps what was changed by hand in: %(fields)s.") % {
            "schedule": obj.periodic_task.name,
            "fields": _listed(kept),
        }

    def summary(self, count: int) -> str:
        text = ngettext(
            "%(count)d schedule keeps what was changed by hand.",
            "%(count)d schedules keep what was changed by hand.",
            count,
        )
        return text % {"count": count}


def field_words(field: str, value: Any, *, shows_arguments: bool = True) -> str:
    """Return the value of a declaration's field as people read it."""
    if field in ARGUMENT_FIELDS and not shows_arguments:
        return _("hidden")
    if field == "trigger":
        try:
            return trigger_from(value).describe(_)
        except RecurringJobsError:
            return _("cannot be read")
    if value is None or value in ("", [], {}):
        return _("nothing")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _listed(differing: tuple[Drift, ...]) -> str:
    return ", ".join(each.field for each in differing)

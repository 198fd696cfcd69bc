"""The form of a task's arguments, typed as JSON, and what sends with them."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recurring_jobs.admin import shown

#: Longer arguments than this are refused in the form.
LONGEST_ARGUMENTS = 64 * 1024


class ArgumentsForm(forms.Form):
    """The arguments to send, as JSON, changed or as they were."""

    args = forms.CharField(
        label=gettext_lazy("Positional arguments"),
        max_length=LONGEST_ARGUMENTS,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "dir": "ltr"}),
        help_text=gettext_lazy("A JSON list."),
    )
    kwargs = forms.CharField(
        label=gettext_lazy("Keyword arguments"),
        max_length=LONGEST_ARGUMENTS,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "dir": "ltr"}),
        help_text=gettext_lazy("A JSON object."),
    )

    def __init__(self, data: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
        initial = {"args": shown.json_text(args), "kwargs": shown.json_text(kwargs)}
        super().__init__(data, initial=initial)

    def clean_args(self) -> list[Any]:
        value = _parsed(self.cleaned_data["args"])
        if not isinstance(value, list):
            raise forms.ValidationError(_('Give a JSON list, such as [1, "two"].'))
        return value

    def clean_kwargs(self) -> dict[str, Any]:
        value = _parsed(self.cleaned_data["kwargs"])
        if not isinstance(value, dict):
            raise forms.ValidationError(_('Give a JSON object, such as {"user_id": 7}.'))
        return value


def edited(options: dict[str, Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """Return those of the form's arguments that are not as *args* and *kwargs* are."""
    stored = {"args": args, "kwargs": kwargs}
    return {
        name: options[name]
        for name, value in stored.items()
        if name in options and options[name] != value
    }


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        problem: object = _("it is nested too deeply")
    except ValueError as error:
        problem = error
    raise forms.ValidationError(_("This is not JSON: %(problem)s."), params={"problem": problem})


def _no_constant(name: str) -> None:
    # NaN and Infinity: Python would read them, the next reader would not.
    raise ValueError(_("%(name)s is not a JSON value") % {"name": name})

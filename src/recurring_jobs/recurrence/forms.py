"""The form field of a rule: read strictly, and shown in words with its next times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import from_current_timezone
from django.forms.widgets import Script
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.recurrence.preview import PREVIEW_URL_NAME, preview
from recurring_jobs.rules import Rule

if TYPE_CHECKING:
    from django.forms.renderers import BaseRenderer
    from django.utils.safestring import SafeString


class RecurrenceRuleWidget(forms.Textarea):
    """
    A text area with what its rule says below: the words, and the next ten times.

    The server shows what is stored, and what was typed when it comes back from a form that
    was sent. Where RulePreviewView has an address, a script shows it while it is typed.
    """

    class Media:
        css = {"all": ["recurring_jobs/rule.css"]}
        js = [Script("recurring_jobs/preview.js", type="module")]

    #: Set by the form field of each form.
    siblings: Siblings | None = None

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        usual = {"rows": 3, "cols": 60, "spellcheck": "false", "dir": "ltr"}
        super().__init__({**usual, **(attrs or {})})

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        siblings = self.siblings or Siblings()
        inputs = {"rule": name, **siblings.inputs()}
        context = {
            "url": _address(inputs, siblings.kind),
            "inputs": " ".join(inputs.values()),
            "preview": "" if siblings.refuses(name) else self._preview(value, siblings),
        }
        box = render_to_string("recurring_jobs/rule_box.html", context)
        return format_html("{}{}", super().render(name, value, attrs, renderer), box)

    def _preview(self, value: Any, siblings: Siblings) -> SafeString:
        rule = "" if value is None else str(value)
        return preview(rule, siblings.zone_name(), siblings.start_value())


class RecurrenceRuleFormField(forms.CharField):
    """
    A text field whose value is a rule in its normal form, or None.

    *zone* and *start* name the fields of the same form that hold the rule's time zone and
    start, for the preview.
    """

    widget = RecurrenceRuleWidget

    def __init__(self, *, zone: str = "", start: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("empty_value", None)
        super().__init__(**kwargs)
        self.zone = zone
        self.start = start

    def to_python(self, value: Any) -> str | None:
        text = super().to_python(value)
        return normal_form(text) if text else None

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        # Each form has its own copy of the field and of the widget.
        widget: Any = self.widget
        if isinstance(widget, RecurrenceRuleWidget):
            widget.siblings = Siblings(form, self.zone, self.start)
        return super().get_bound_field(form, field_name)


@dataclass(frozen=True, slots=True)
class Siblings:
    """The fields that stand beside a rule in its *form*: names, empty where there is none."""

    form: Any = None
    zone: str = ""
    start: str = ""

    @property
    def kind(self) -> str:
        """``"date"`` where the start is one, else ``"datetime"``."""
        field = self._field(self.start)
        return "date" if isinstance(field, forms.DateField) else "datetime"

    def inputs(self) -> dict[str, str]:
        """
        Return the names of the inputs, by what they hold.
        """
        named = {"zone": self.zone, "start": self.start}
        return {
            role: self.form.add_prefix(name) for role, name in named.items() if self._field(name)
        }

    def refuses(self, input_name: str) -> bool:
        """
        Return whether the form was sent, and says itself what is wrong with the rule.
        """
        if self.form is None or not self.form.is_bound:
            return False
        return any(self.form.add_prefix(name) == input_name for name in self.form.errors)

    def zone_name(self) -> str:
        """
        Return the zone in the form, else that of the row it edits; empty for none.
        """
        if self._field(self.zone):
            return str(self.form[self.zone].value() or "")
        return str(self._stored(self.zone) or "")

    def start_value(self) -> datetime | date | None:
        """
        Return the start in the form, else that of the row it edits; None for none.
        """
        if self._field(self.start):
            bound = self.form[self.start]
            value = bound.data if self.form.is_bound else bound.initial
            if not isinstance(value, date):
                try:
                    value = bound.field.clean(value)
                except ValidationError:  # which the form says beside the start
                    return None
        else:
            value = self._stored(self.start)
        if isinstance(value, datetime):
            aware: datetime = from_current_timezone(value)
            return aware
        return value if isinstance(value, date) else None

    def _field(self, name: str) -> forms.Field | None:
        return None if self.form is None else self.form.fields.get(name)

    def _stored(self, name: str) -> Any:
        return getattr(getattr(self.form, "instance", None), name, None) if name else None


def normal_form(text: str) -> str:
    """
    Return the rule *text* in its normal form. Raise ValidationError with the sentence.
    """
    try:
        return str(Rule.parse(text, finest=conf.finest_frequency))
    except InvalidRuleError as error:
        raise ValidationError(str(error), code="invalid_rule") from error


def _address(inputs: dict[str, str], kind: str) -> str:
    try:
        address = reverse(PREVIEW_URL_NAME)
    except NoReverseMatch:  # the host has no live preview
        return ""
    roles = {f"_{role}": name for role, name in inputs.items()}
    return f"{address}?{urlencode({**roles, '_kind': kind})}"

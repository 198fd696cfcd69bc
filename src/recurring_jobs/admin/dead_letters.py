# ruff: noqa: ARG002  the signature of the base
"""The page of dead letters: why each gave up, and to send it again or discard it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recurring_jobs.admin import shown
from recurring_jobs.admin.actions import ObjectAction, ObjectActionsMixin
from recurring_jobs.admin.bases import RecordAdmin
from recurring_jobs.admin.filters import RecentValuesFilter, TaskFilter
from recurring_jobs.admin.letter_groups import open_groups
from recurring_jobs.exceptions import LetterClosedError
from recurring_jobs.inspection.apps import broker_of, loaded_app
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs import dead_letters

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

#: Longer arguments than this are refused in the form.
LONGEST_ARGUMENTS = 64 * 1024
#: The colour of each state.
LETTER_KINDS = {
    DeadLetter.State.OPEN: "bad",
    DeadLetter.State.REQUEUED: "good",
    DeadLetter.State.DISCARDED: "quiet",
}


class ArgumentsForm(forms.Form):
    """The arguments to send, as JSON, changed or as they were."""

    args = forms.CharField(
        label=gettext_lazy("Positional arguments"),
        max_length=LONGEST_ARGUMENTS,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy("A JSON list."),
    )
    kwargs = forms.CharField(
        label=gettext_lazy("Keyword arguments"),
        max_length=LONGEST_ARGUMENTS,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=gettext_lazy("A JSON object."),
    )

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


class Requeue(ObjectAction):
    """Send a dead letter again, with its arguments or with others."""

    name = "requeue"
    permission = "requeue"
    label = gettext_lazy("Send again")
    bulk_label = gettext_lazy("Send selected dead letters again")

    def applies_to(self, obj: Any) -> bool:
        return _is_open(obj)

    def question(self, count: int) -> str:
        text = ngettext(
            "Send this dead letter to a worker again?",
            "Send these %(count)d dead letters to a worker again, each as it was?",
            count,
        )
        return text % {"count": count}

    def notice(self, obj: Any) -> str:
        return str(obj.not_sendable_reason)

    def form(self, obj: Any, data: Any = None) -> forms.Form:
        initial = {"args": shown.json_text(obj.args), "kwargs": shown.json_text(obj.kwargs)}
        return ArgumentsForm(data, initial=initial)

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        edited = {
            name: options[name]
            for name in ("args", "kwargs")
            if name in options and options[name] != getattr(obj, name)
        }
        if not _is_open(obj):
            raise LetterClosedError(obj, obj.state, obj.closed_by)
        with broker_of(loaded_app()):
            task_id = dead_letters.requeue(obj, by=request.user, **edited)
        sentence = (
            _("Task %(task)s was sent again with edited arguments, as %(task_id)s.")
            if edited
            else _("Task %(task)s was sent again as %(task_id)s.")
        )
        return sentence % {"task": obj.task, "task_id": task_id}

    def summary(self, count: int) -> str:
        text = ngettext(
            "%(count)d dead letter was sent again.",
            "%(count)d dead letters were sent again.",
            count,
        )
        return text % {"count": count}


class Discard(ObjectAction):
    """Close a dead letter without sending it."""

    name = "discard"
    permission = "discard"
    label = gettext_lazy("Discard")
    bulk_label = gettext_lazy("Discard selected dead letters")

    def applies_to(self, obj: Any) -> bool:
        return _is_open(obj)

    def question(self, count: int) -> str:
        text = ngettext(
            "Close this dead letter without sending it again?",
            "Close these %(count)d dead letters without sending them again?",
            count,
        )
        return text % {"count": count}

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        if not dead_letters.discard(obj, by=request.user):
            raise LetterClosedError(obj, obj.state, obj.closed_by)
        return _("The dead letter of %(task)s was discarded.") % {"task": obj.task}

    def summary(self, count: int) -> str:
        text = ngettext(
            "%(count)d dead letter was discarded.", "%(count)d dead letters were discarded.", count
        )
        return text % {"count": count}


class ExceptionFilter(RecentValuesFilter):
    """Filter by the kind of the exception."""

    title = gettext_lazy("exception")
    parameter_name = "exception"
    field_name = "exception_type"


@admin.register(DeadLetter)
class DeadLetterAdmin(ObjectActionsMixin, RecordAdmin):
    """Runs that gave up, kept with all that is needed to send them again."""

    object_actions = (Requeue(), Discard())
    list_display = ("task", "state_badge", "error", "failed", "attempts")
    list_filter = ("state", TaskFilter, ExceptionFilter)
    ordering = ("-failed_at",)
    found_by = "task_id"
    search_fields = ("task_id__exact", "root_id__exact", "task__startswith")
    search_help_text = gettext_lazy("A task id, or the beginning of a task's name.")
    fieldsets = (
        (
            None,
            {"fields": ("task", "state_badge", "failed", "attempts", "exception_text", "problem")},
        ),
        (
            gettext_lazy("Arguments"),
            {
                "fields": ("shown_args", "shown_kwargs"),
                "description": gettext_lazy("As they were sent, without what is secret."),
            },
        ),
        (
            gettext_lazy("Tracebacks"),
            {"fields": ("shown_tracebacks",), "classes": ("recurring-jobs-whole",)},
        ),
        (gettext_lazy("Connected"), {"fields": ("run_link", "root_id", "requeued_link", "queue")}),
        (gettext_lazy("Closed"), {"fields": ("closed_by", "closed")}),
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the open dead letters above the list, counted by task and exception."""
        groups = open_groups(self.get_queryset(request)) if self._is_whole(request) else None
        return super().changelist_view(request, {**(extra_context or {}), "letter_groups": groups})

    def _is_whole(self, request: HttpRequest) -> bool:
        return not {TaskFilter.parameter_name, ExceptionFilter.parameter_name} & set(request.GET)

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may send dead letters again."""
        return request.user.has_perm("recurring_jobs.requeue_deadletter")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may close dead letters."""
        return request.user.has_perm("recurring_jobs.discard_deadletter")

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, obj: DeadLetter) -> SafeString:
        return shown.badge(LETTER_KINDS[DeadLetter.State(obj.state)], obj.get_state_display())

    @admin.display(description=gettext_lazy("failed at"), ordering="failed_at")
    def failed(self, obj: DeadLetter) -> SafeString | str:
        return shown.moment(obj.failed_at)

    @admin.display(description=gettext_lazy("exception"), ordering="exception_type")
    def error(self, obj: DeadLetter) -> SafeString:
        kind = obj.exception_type.rpartition(".")[2]
        return format_html(
            '<strong title="{}">{}</strong> {}',
            obj.exception_type,
            kind,
            Truncator(obj.exception).chars(80),
        )

    @admin.display(description=gettext_lazy("cannot be sent as it is"))
    def problem(self, obj: DeadLetter) -> str:
        return obj.not_sendable_reason or shown.NOTHING

    @admin.display(description=gettext_lazy("closed at"))
    def closed(self, obj: DeadLetter) -> SafeString | str:
        return shown.moment(obj.closed_at)

    @admin.display(description=gettext_lazy("exception"))
    def exception_text(self, obj: DeadLetter) -> SafeString | str:
        return shown.code(f"{obj.exception_type}: {obj.exception}")

    @admin.display(description=gettext_lazy("positional arguments"))
    def shown_args(self, obj: DeadLetter) -> SafeString | str:
        return shown.pretty_json(obj.args)

    @admin.display(description=gettext_lazy("keyword arguments"))
    def shown_kwargs(self, obj: DeadLetter) -> SafeString | str:
        return shown.pretty_json(obj.kwargs)

    @admin.display(description=gettext_lazy("attempts"))
    def shown_tracebacks(self, obj: DeadLetter) -> SafeString:
        context = {"tracebacks": [shown.code(each) for each in obj.tracebacks]}
        return render_to_string("recurring_jobs/admin/tracebacks.html", context)

    @admin.display(description=gettext_lazy("run"))
    def run_link(self, obj: DeadLetter) -> SafeString | str:
        return self._run(obj.task_id)

    @admin.display(description=gettext_lazy("sent again as"))
    def requeued_link(self, obj: DeadLetter) -> SafeString | str:
        return self._run(obj.requeued_as)

    def _run(self, task_id: str) -> SafeString | str:
        run = Run.objects.filter(pk=task_id).first() if task_id else None
        return shown.link(self.admin_site, run, task_id) if run else task_id or shown.NOTHING


def _is_open(letter: Any) -> bool:
    return bool(letter.state == DeadLetter.State.OPEN)


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

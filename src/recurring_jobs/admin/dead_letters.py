# ruff: noqa: ARG002  the signature of the base
"""The page of dead letters: why each gave up, and to send it again or discard it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recurring_jobs.admin import shown
from recurring_jobs.admin.action_pages import ObjectActionsMixin
from recurring_jobs.admin.actions import ObjectAction
from recurring_jobs.admin.arguments import ArgumentsForm, edited
from recurring_jobs.admin.bases import RecordAdmin
from recurring_jobs.admin.filters import RecentValuesFilter, TaskFilter
from recurring_jobs.admin.letter_groups import open_groups
from recurring_jobs.admin.rights import (
    VIEW_ARGUMENTS,
    VIEW_TRACEBACKS,
    GuardedMixin,
    sees_arguments,
)
from recurring_jobs.exceptions import LetterClosedError
from recurring_jobs.inspection.requeueing import requeue_letter
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs import dead_letters

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from recurring_jobs.runs.querysets import DeadLetterQuerySet

#: The colour of each state.
LETTER_KINDS = {
    DeadLetter.State.OPEN: "bad",
    DeadLetter.State.REQUEUED: "good",
    DeadLetter.State.DISCARDED: "quiet",
}


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

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form | None:
        if not sees_arguments(request):
            return None  # then it is sent as it was
        return ArgumentsForm(data, obj.args, obj.kwargs)

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        changed = edited(options, obj.args, obj.kwargs)
        if not _is_open(obj):
            raise LetterClosedError(obj, obj.state, obj.closed_by)
        task_id = requeue_letter(obj, by=request.user, **changed)
        sentence = (
            _("Task %(task)s was sent again with edited arguments, as %(task_id)s.")
            if changed
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


class LetterTaskFilter(TaskFilter):
    """Filter by the name of the task."""

    newest_by = "-pk"


class ExceptionFilter(RecentValuesFilter):
    """Filter by the kind of the exception."""

    newest_by = "-pk"
    title = gettext_lazy("exception")
    parameter_name = "exception"
    field_name = "exception_type"


@admin.register(DeadLetter)
class DeadLetterAdmin(ObjectActionsMixin, GuardedMixin, RecordAdmin):
    """Runs that gave up, kept with all that is needed to send them again."""

    guarded = {
        "shown_args": VIEW_ARGUMENTS,
        "shown_kwargs": VIEW_ARGUMENTS,
        "shown_tracebacks": VIEW_TRACEBACKS,
    }

    object_actions = (Requeue(), Discard())
    list_display = ("task", "state_badge", "error", "failed_after")
    list_filter = ("state", LetterTaskFilter, ExceptionFilter)
    empty_text = gettext_lazy("No task has given up.")
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
        groups = open_groups(self._letters(request)) if self._is_whole(request) else None
        return super().changelist_view(request, {**(extra_context or {}), "letter_groups": groups})

    def _letters(self, request: HttpRequest) -> DeadLetterQuerySet:
        return cast("DeadLetterQuerySet", self.get_queryset(request))

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
        state = DeadLetter.State(obj.state)
        return shown.badge(LETTER_KINDS[state], state.label)

    @admin.display(description=gettext_lazy("failed at"), ordering="failed_at")
    def failed(self, obj: DeadLetter) -> SafeString | str:
        return shown.moment(obj.failed_at)

    @admin.display(description=gettext_lazy("failed at"), ordering="failed_at")
    def failed_after(self, obj: DeadLetter) -> SafeString:
        text = ngettext("after %(count)d attempt", "after %(count)d attempts", obj.attempts) % {
            "count": obj.attempts
        }
        html = '{}<div class="recurring-jobs-quiet">{}</div>'
        return format_html(html, self.failed(obj), text)

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

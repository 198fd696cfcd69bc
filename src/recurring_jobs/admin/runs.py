"""The page of runs: how far each is, how long it took, what each attempt failed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recurring_jobs.admin import shown
from recurring_jobs.admin.action_pages import ObjectActionsMixin
from recurring_jobs.admin.bases import RecordAdmin
from recurring_jobs.admin.filters import TaskFilter
from recurring_jobs.admin.queue_purge import PurgesMixin
from recurring_jobs.admin.result_texts import result_title
from recurring_jobs.admin.rights import VIEW_ARGUMENTS, VIEW_TRACEBACKS, GuardedMixin
from recurring_jobs.admin.run_actions import Cancel, SendAgain
from recurring_jobs.models import DeadLetter, Run, TaskLock
from recurring_jobs.runs.failures import earlier_tracebacks
from recurring_jobs.runs.states import RunState

if TYPE_CHECKING:
    from datetime import timedelta

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

#: How many rows of a kind are linked.
MOST_LINKED = 10
#: The colour of each state.
RUN_KINDS = {
    Run.State.QUEUED: "quiet",
    Run.State.RUNNING: "busy",
    Run.State.RETRYING: "warn",
    Run.State.SUCCEEDED: "good",
    Run.State.FAILED: "bad",
    Run.State.LOST: "bad",
    Run.State.SKIPPED: "quiet",
}


@admin.register(Run)
class RunAdmin(PurgesMixin, ObjectActionsMixin, GuardedMixin, RecordAdmin):
    """Each execution of a task that is kept."""

    object_actions = (SendAgain(), Cancel())
    guarded = {
        "shown_args": VIEW_ARGUMENTS,
        "shown_kwargs": VIEW_ARGUMENTS,
        "shown_tracebacks": VIEW_TRACEBACKS,
    }
    list_display = ("task", "state_and_progress", "started", "took", "worker")
    list_filter = ("state", TaskFilter)
    empty_text = gettext_lazy("No run is kept yet: those of fires are, and those of tracked tasks.")
    linked_by = ("created_at",)
    ordering = ("-created_at",)
    found_by = "id"
    search_fields = ("id__exact", "root_id__exact", "task__startswith")
    search_help_text = gettext_lazy("A task id, or the beginning of a task's name.")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("task", "state_badge", "attempt", "crashes", "progress", "asked_to_end"),
                    "exception_text",
                )
            },
        ),
        (
            gettext_lazy("Attempts"),
            {"fields": ("shown_tracebacks",), "classes": ("recurring-jobs-whole",)},
        ),
        (gettext_lazy("Arguments"), {"fields": ("shown_args", "shown_kwargs")}),
        (
            gettext_lazy("Times"),
            {
                "fields": (
                    *("created", "started", "finished", "took", "heartbeat"),
                    *("sent_again", "worker", "pid", "queue"),
                )
            },
        ),
        (
            gettext_lazy("Connected"),
            {
                "fields": (
                    *("id", "root_id", "fire_link", "dead_letter", "result_link"),
                    *("locks_held", "retried_from_link"),
                )
            },
        ),
    )

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may cancel runs."""
        return request.user.has_perm("recurring_jobs.cancel_run")

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may send runs again."""
        return request.user.has_perm("recurring_jobs.requeue_run")

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, obj: Run) -> SafeString:
        state = Run.State(obj.state)
        return shown.badge(RUN_KINDS[state], state.label)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_and_progress(self, obj: Run) -> SafeString:
        parts = [self.state_badge(obj)]
        if obj.attempt > 1:
            text = _("attempt %(number)d") % {"number": obj.attempt}
            parts.append(format_html('<span class="recurring-jobs-quiet">{}</span>', text))
        if obj.progress_done is not None or obj.progress_note:
            parts.append(format_html("<div>{}</div>", self.progress(obj)))
        return format_html_join(" ", "{}", ((part,) for part in parts))

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, obj: Run) -> SafeString | str:
        return shown.moment(obj.created_at)

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def started(self, obj: Run) -> SafeString | str:
        return shown.moment(obj.started_at)

    @admin.display(description=gettext_lazy("finished"), ordering="finished_at")
    def finished(self, obj: Run) -> SafeString | str:
        return shown.moment(obj.finished_at)

    @admin.display(description=gettext_lazy("heartbeat"))
    def heartbeat(self, obj: Run) -> SafeString | str:
        return shown.moment(obj.heartbeat_at)

    @admin.display(description=gettext_lazy("sent again at"))
    def sent_again(self, obj: Run) -> SafeString | str:
        return shown.moment(None if RunState(obj.state).is_final else obj.resend_at)

    @admin.display(description=gettext_lazy("took"))
    def took(self, obj: Run) -> str:
        return shown.duration(_duration(obj))

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, obj: Run) -> SafeString | str:
        return shown.progress_bar(obj.progress_done, obj.progress_total, obj.progress_note)

    @admin.display(description=gettext_lazy("exception"))
    def exception_text(self, obj: Run) -> SafeString | str:
        return shown.code(obj.exception or "")

    @admin.display(description=gettext_lazy("asked to end"))
    def asked_to_end(self, obj: Run) -> SafeString | str:
        return shown.moment(obj.cancel_requested_at)

    @admin.display(description=gettext_lazy("attempts"))
    def shown_tracebacks(self, obj: Run) -> SafeString:
        letter = DeadLetter.objects.filter(task_id=obj.pk).first()
        # While it goes on, or where it succeeded at last, those came with its message.
        found = letter.tracebacks if letter else earlier_tracebacks(obj.options.get("headers"))
        context = {"tracebacks": [shown.code(each) for each in found]}
        return render_to_string("recurring_jobs/admin/tracebacks.html", context)

    @admin.display(description=gettext_lazy("positional arguments"))
    def shown_args(self, obj: Run) -> SafeString | str:
        return shown.pretty_json(obj.args)

    @admin.display(description=gettext_lazy("keyword arguments"))
    def shown_kwargs(self, obj: Run) -> SafeString | str:
        return shown.pretty_json(obj.kwargs)

    @admin.display(description=gettext_lazy("fire"))
    def fire_link(self, obj: Run) -> SafeString | str:
        return shown.link(self.admin_site, obj.fire)

    @admin.display(description=gettext_lazy("dead letter"))
    def dead_letter(self, obj: Run) -> SafeString | str:
        return shown.link(self.admin_site, DeadLetter.objects.filter(task_id=obj.pk).first())

    @admin.display(description=gettext_lazy("result"))
    def result_link(self, obj: Run) -> SafeString | str:
        results: Any = apps.get_model("django_celery_results", "TaskResult")
        result = results.objects.filter(task_id=obj.pk).first()
        return shown.link(self.admin_site, result, result_title(result, obj) if result else None)

    @admin.display(description=gettext_lazy("locks held"))
    def locks_held(self, obj: Run) -> SafeString | str:
        held = TaskLock.objects.filter(owner=obj.pk)[:MOST_LINKED]
        links = [(shown.link(self.admin_site, lock),) for lock in held]
        return format_html_join(" ", "{}", links) or shown.NOTHING

    @admin.display(description=gettext_lazy("sent again from"))
    def retried_from_link(self, obj: Run) -> SafeString | str:
        if not obj.retried_from:
            return shown.NOTHING
        letter = DeadLetter.objects.filter(task_id=obj.retried_from).first()
        origin = letter or Run.objects.filter(pk=obj.retried_from).first()
        return shown.link(self.admin_site, origin) if origin else obj.retried_from


def _duration(run: Run) -> timedelta | None:
    if run.state == Run.State.RUNNING and run.started_at is not None:
        return timezone.now() - run.started_at
    return run.took

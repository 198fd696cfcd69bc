"""The page of runs, to look at: how far each is, how long it took, what it failed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy

from recurring_jobs.admin import shown
from recurring_jobs.admin.bases import RecordAdmin
from recurring_jobs.admin.filters import TaskFilter
from recurring_jobs.models import DeadLetter, Run

if TYPE_CHECKING:
    from datetime import timedelta

    from django.utils.safestring import SafeString

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
class RunAdmin(RecordAdmin):
    """Each execution of a task that is kept."""

    list_display = ("task", "state_badge", "attempt", "started", "took", "progress", "worker")
    list_filter = ("state", TaskFilter)
    ordering = ("-created_at",)
    found_by = "id"
    search_fields = ("id__exact", "root_id__exact", "task__startswith")
    search_help_text = gettext_lazy("A task id, or the beginning of a task's name.")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "task",
                    "state_badge",
                    "attempt",
                    "crashes",
                    "progress",
                    "exception_text",
                )
            },
        ),
        (
            gettext_lazy("Times"),
            {
                "fields": (
                    "created",
                    "started",
                    "finished",
                    "took",
                    "heartbeat",
                    "worker",
                    "pid",
                    "queue",
                )
            },
        ),
        (gettext_lazy("Arguments"), {"fields": ("shown_args", "shown_kwargs")}),
        (
            gettext_lazy("Connected"),
            {"fields": ("id", "root_id", "fire_link", "dead_letter", "retried_from_link")},
        ),
    )

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, obj: Run) -> SafeString:
        return shown.badge(RUN_KINDS[Run.State(obj.state)], obj.get_state_display())

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

    @admin.display(description=gettext_lazy("took"))
    def took(self, obj: Run) -> str:
        return shown.duration(_duration(obj))

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, obj: Run) -> SafeString | str:
        return shown.progress_bar(obj.progress_done, obj.progress_total, obj.progress_note)

    @admin.display(description=gettext_lazy("exception"))
    def exception_text(self, obj: Run) -> SafeString | str:
        return shown.code(obj.exception or "")

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

    @admin.display(description=gettext_lazy("retried from"))
    def retried_from_link(self, obj: Run) -> SafeString | str:
        letter = DeadLetter.objects.filter(task_id=obj.retried_from or None).first()
        return shown.link(self.admin_site, letter) if letter else obj.retried_from or shown.NOTHING


def _duration(run: Run) -> timedelta | None:
    if run.started_at is None:
        return None
    if run.finished_at is None and run.state != Run.State.RUNNING:
        return None
    return (run.finished_at or timezone.now()) - run.started_at

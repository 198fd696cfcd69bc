# ruff: noqa: ARG002  Django's signatures
"""The pages of django-celery-results: what tasks returned, and to send them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import current_app, states
from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_results.admin import GroupResultAdmin as StockGroupResultAdmin
from django_celery_results.admin import TaskResultAdmin as StockTaskResultAdmin
from django_celery_results.models import GroupResult, TaskResult

from recurring_jobs.admin import shown
from recurring_jobs.admin.action_pages import ObjectActionsMixin
from recurring_jobs.admin.bases import MixinBase, RecordAdmin
from recurring_jobs.admin.filters import RecentValuesFilter
from recurring_jobs.admin.result_texts import (
    arguments_text,
    decoded,
    name_of_task,
    read_arguments,
    result_shown,
    result_title,
    short_id,
)
from recurring_jobs.admin.rights import VIEW_ARGUMENTS, VIEW_TRACEBACKS, GuardedMixin
from recurring_jobs.admin.run_actions import SendAgain, open_letter, why_not
from recurring_jobs.admin.stock import replaces
from recurring_jobs.models import Run, Schedule
from recurring_jobs.runs.arguments import redactor_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

#: The colour of each of Celery's states.
STATE_KINDS = {
    states.SUCCESS: "good",
    states.FAILURE: "bad",
    states.RETRY: "warn",
    states.STARTED: "busy",
    states.REVOKED: "quiet",
}


class SendResultAgain(SendAgain):
    """Send the task of a result again, where its run is kept."""

    def run_of(self, obj: Any) -> Run | None:
        if not hasattr(obj, "run_shown"):
            obj.run_shown = Run.objects.filter(pk=obj.task_id).first()
        run: Run | None = obj.run_shown
        return run

    def title_of(self, obj: Any) -> str:
        return result_title(obj, self.run_of(obj))


class StatusFilter(admin.SimpleListFilter):
    """Filter by Celery's state, without reading which there are."""

    title = gettext_lazy("state")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in (*STATE_KINDS, states.PENDING)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return (
            queryset.filter(status=self.value()) if self.value() in states.ALL_STATES else queryset
        )


class TaskNameFilter(RecentValuesFilter):
    """Filter by the name of the task."""

    title = gettext_lazy("task")
    parameter_name = "task"
    field_name = "task_name"


class ScheduleNameFilter(RecentValuesFilter):
    """Filter by the schedule that sent the task."""

    title = gettext_lazy("schedule")
    parameter_name = "schedule"
    field_name = "periodic_task_name"


class NamedMixin(MixinBase):
    """Call a row on its page by what ``title_of`` says, in place of what its model does."""

    def title_of(self, obj: Any) -> str:
        """Return what to call *obj*."""
        raise NotImplementedError

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = context["original"]
        title = self.title_of(obj)
        context |= {"subtitle": title, "original": _Named(obj, title)}
        return super().render_change_form(request, context, *args, **kwargs)


class _Named:
    """A row by another name: all else is asked of the row, as themes do."""

    def __init__(self, row: Any, title: str) -> None:
        self._row = row
        self._title = title

    def __str__(self) -> str:
        return self._title

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)


@replaces(TaskResult, StockTaskResultAdmin)
class TaskResultAdmin(NamedMixin, ObjectActionsMixin, GuardedMixin, RecordAdmin):
    """What became of tasks, as the result back end has it."""

    object_actions = (SendResultAgain(),)
    guarded = {
        "shown_args": VIEW_ARGUMENTS,
        "shown_kwargs": VIEW_ARGUMENTS,
        "shown_result": VIEW_ARGUMENTS,
        "shown_traceback": VIEW_TRACEBACKS,
    }
    list_display = ("title", "state_badge", "done", "took", "schedule", "worker_name")
    list_display_links = ("title",)
    list_filter = (StatusFilter, TaskNameFilter, ScheduleNameFilter)
    empty_text = gettext_lazy("No result is kept yet. The result back end django-db keeps them.")
    ordering = ("-date_done",)
    found_by = "task_id"
    search_fields = ("task_id__exact", "task_name__startswith")
    search_help_text = gettext_lazy("A task id, or the beginning of a task's name.")
    fieldsets = (
        (
            None,
            {"fields": (*("title", "state_badge", "exception", "schedule", "run"), "sending")},
        ),
        (gettext_lazy("Times"), {"fields": ("created", "started", "done", "took", "worker_name")}),
        (gettext_lazy("Arguments"), {"fields": ("shown_args", "shown_kwargs")}),
        (gettext_lazy("Result"), {"fields": ("shown_result", "shown_traceback")}),
        (gettext_lazy("On record"), {"fields": ("task_id", "content_type")}),
    )

    def title_of(self, obj: Any) -> str:
        return result_title(obj, obj.run_shown)

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may send runs again."""
        return request.user.has_perm("recurring_jobs.requeue_run")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        changes.result_list = _with_connected(changes.result_list)
        return changes

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        result = super().get_object(request, object_id, from_field)
        return None if result is None else _with_connected([result])[0]

    @admin.display(description=gettext_lazy("task"), ordering="task_name")
    def title(self, obj: Any) -> str:
        return name_of_task(obj, obj.run_shown) or _("unknown task")

    @admin.display(description=gettext_lazy("state"), ordering="status")
    def state_badge(self, obj: Any) -> SafeString:
        return shown.badge(STATE_KINDS.get(obj.status, "quiet"), obj.status)

    @admin.display(description=gettext_lazy("exception"))
    def exception(self, obj: Any) -> str:
        found = decoded(obj.result) if obj.status == states.FAILURE else None
        kind = found.get("exc_type") if isinstance(found, dict) else None
        return str(kind) if kind else shown.NOTHING

    @admin.display(description=gettext_lazy("created"))
    def created(self, obj: Any) -> SafeString | str:
        return shown.moment(obj.date_created)

    @admin.display(description=gettext_lazy("started"))
    def started(self, obj: Any) -> SafeString | str:
        run: Run | None = obj.run_shown
        return shown.moment(obj.date_started or (run.started_at if run else None))

    @admin.display(description=gettext_lazy("done"), ordering="date_done")
    def done(self, obj: Any) -> SafeString | str:
        return shown.moment(obj.date_done if obj.status in states.READY_STATES else None)

    @admin.display(description=gettext_lazy("took"))
    def took(self, obj: Any) -> str:
        return shown.duration(_duration(obj))

    @admin.display(description=gettext_lazy("schedule"), ordering="periodic_task_name")
    def schedule(self, obj: Any) -> SafeString | str:
        schedule: Schedule | None = obj.schedule_shown
        if schedule is None:
            return obj.periodic_task_name or shown.NOTHING
        return shown.link(self.admin_site, schedule, schedule.periodic_task.name)

    @admin.display(description=gettext_lazy("worker"), ordering="worker")
    def worker_name(self, obj: Any) -> str:
        run: Run | None = obj.run_shown
        return obj.worker or (run.worker if run else "") or shown.NOTHING

    @admin.display(description=gettext_lazy("run"))
    def run(self, obj: Any) -> SafeString | str:
        return shown.link(self.admin_site, obj.run_shown)

    @admin.display(description=gettext_lazy("can be sent again"))
    def sending(self, obj: Any) -> SafeString | str:
        letter = open_letter(obj.task_id)
        if letter is not None:
            text = _("It has an open dead letter, which is what to send: {}.")
            return format_html(text, shown.link(self.admin_site, letter))
        reason = why_not(obj.run_shown)
        return _("No: %(reason)s") % {"reason": reason} if reason else _("Yes, as it was.")

    @admin.display(description=gettext_lazy("positional arguments"))
    def shown_args(self, obj: Any) -> SafeString | str:
        run: Run | None = obj.run_shown
        return shown.pretty_json(run.args) if run else shown.code(arguments_text(obj.task_args))

    @admin.display(description=gettext_lazy("keyword arguments"))
    def shown_kwargs(self, obj: Any) -> SafeString | str:
        run: Run | None = obj.run_shown
        return shown.pretty_json(run.kwargs) if run else shown.code(arguments_text(obj.task_kwargs))

    @admin.display(description=gettext_lazy("result"))
    def shown_result(self, obj: Any) -> SafeString | str:
        return result_shown(obj)

    @admin.display(description=gettext_lazy("traceback"))
    def shown_traceback(self, obj: Any) -> SafeString | str:
        redactor = redactor_for(current_app.tasks.get(name_of_task(obj, obj.run_shown)))
        for text in (obj.task_args, obj.task_kwargs):
            redactor.redact(read_arguments(text))  # it learns the secrets that are in them
        return shown.code(redactor.redact_text(obj.traceback or ""))


@replaces(GroupResult, StockGroupResultAdmin)
class GroupResultAdmin(NamedMixin, GuardedMixin, RecordAdmin):
    """Groups of tasks, to look at."""

    guarded = {"shown_result": VIEW_ARGUMENTS}
    list_display = ("group_id", "done")
    ordering = ("-date_done",)
    found_by = "group_id"
    search_fields = ("group_id__exact",)
    search_help_text = gettext_lazy("The id of a group.")
    fieldsets = ((None, {"fields": ("group_id", "created", "done", "shown_result")}),)

    def title_of(self, obj: Any) -> str:
        return _("Group %(id)s") % {"id": short_id(obj.group_id)}

    @admin.display(description=gettext_lazy("created"))
    def created(self, obj: Any) -> SafeString | str:
        return shown.moment(obj.date_created)

    @admin.display(description=gettext_lazy("done"), ordering="date_done")
    def done(self, obj: Any) -> SafeString | str:
        return shown.moment(obj.date_done)

    @admin.display(description=gettext_lazy("result"))
    def shown_result(self, obj: Any) -> SafeString | str:
        return result_shown(obj)


def _with_connected(results: Iterable[Any]) -> list[Any]:
    """
    Return *results*, each with its run and its schedule (or None), read in two queries.

    Without ``CELERY_RESULT_EXTENDED`` a result knows little, and its run the more.
    """
    results = list(results)
    whole = Run.objects.select_related("fire__schedule__periodic_task")
    runs = whole.in_bulk([result.task_id for result in results]) if results else {}
    names = {result.periodic_task_name for result in results} - {None, ""}
    rows = Schedule.objects.filter(periodic_task__name__in=names).select_related("periodic_task")
    schedules = {row.periodic_task.name: row for row in rows} if names else {}
    for result in results:
        run = result.run_shown = runs.get(result.task_id)
        fired = run.fire.schedule if run is not None and run.fire is not None else None
        result.schedule_shown = schedules.get(result.periodic_task_name) or fired
    return results


def _duration(result: Any) -> timedelta | None:
    run: Run | None = result.run_shown
    if run is not None and run.took is not None:
        return run.took
    if result.date_started is None or result.status not in states.READY_STATES:
        return None
    took: timedelta = result.date_done - result.date_started
    return took

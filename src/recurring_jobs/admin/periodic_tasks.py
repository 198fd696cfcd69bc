# ruff: noqa: ARG002  the signatures of the base
"""
django-celery-beat's page of periodic tasks, with the permissions that its actions lack.

There, anyone who may look at periodic tasks may also run and disable them.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_celery_beat.admin import PeriodicTaskAdmin as StockPeriodicTaskAdmin
from django_celery_beat.models import PeriodicTask

from recurring_jobs.admin.action_pages import ObjectActionsMixin
from recurring_jobs.admin.actions import ObjectAction
from recurring_jobs.admin.bases import BoundedMixin, StyledMixin
from recurring_jobs.admin.once import Sending
from recurring_jobs.admin.rights import VIEW_ARGUMENTS, GuardedMixin
from recurring_jobs.admin.schedule_actions import ARGUMENT_FIELDS
from recurring_jobs.admin.searches import SearchedOnceMixin
from recurring_jobs.admin.stock import replaces
from recurring_jobs.admin.trigger_forms import (
    LINES,
    PeriodicTaskForm,
    preview_of_trigger,
    preview_of_typed,
)
from recurring_jobs.admin.trigger_forms import NAMES as TYPED
from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import beat_fires, beat_tables, controls
from recurring_jobs.periodic.trigger_edits import new_trigger
from recurring_jobs.recurrence.preview import fragment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.urls import URLPattern
    from django.utils.safestring import SafeString


def _fieldsets() -> Any:
    """Return the parent's, with what is typed in place of the rows to choose from."""
    when = (*LINES, "solar", "preview", "start_time", "last_run_at", "one_off")
    return tuple(
        (
            title,
            {**options, "fields": when if "crontab" in options["fields"] else options["fields"]},
        )
        for title, options in StockPeriodicTaskAdmin.fieldsets
    )


class RunTask(ObjectAction):
    """Fire the schedules of tasks that were chosen in the list."""

    name = "run_tasks"
    permission = "run"
    bulk_label = gettext_lazy("Run selected tasks")

    def question(self, count: int) -> str:
        text = ngettext(
            "Send this task to a worker now? Its next fire stays as it is.",
            "Send these %(count)d tasks to a worker now? Their next fires stay as they are.",
            count,
        )
        return text % {"count": count}

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        schedule, _created = Schedule.objects.get_or_create(periodic_task=obj)
        controls.fire_now(schedule)
        return _("Fired by hand.")

    def summary(self, count: int) -> str:
        text = ngettext("%(count)d task was fired.", "%(count)d tasks were fired.", count)
        return text % {"count": count}


@replaces(PeriodicTask, StockPeriodicTaskAdmin)
class PeriodicTaskAdmin(
    ObjectActionsMixin,
    GuardedMixin,
    SearchedOnceMixin,
    BoundedMixin,
    StyledMixin,
    StockPeriodicTaskAdmin,  # type: ignore[misc]
):
    """
    Periodic tasks: enabling and disabling need that for pausing, running its own.

    Every action leaves a log entry. The form has no inline script and does not read every
    crontab row. A row whose trigger cannot be read says so, and spoils no page.
    """

    guarded = dict.fromkeys(ARGUMENT_FIELDS, VIEW_ARGUMENTS)
    change_form_template = None
    list_display = ("name", "enabled", "fires", "last_run_at")
    list_filter = ("enabled", "one_off", "start_time", "last_run_at")
    form = PeriodicTaskForm
    raw_id_fields = ("solar",)
    readonly_fields = ("last_run_at", "preview")
    fieldsets = _fieldsets()

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may fire schedules by hand."""
        return request.user.has_perm("recurring_jobs.run_schedule")

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may enable and disable schedules."""
        return request.user.has_perm("recurring_jobs.pause_schedule")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # Past the parent, whose join fails for all rows where one has a zone that is none.
        rows: QuerySet[Any] = super(StockPeriodicTaskAdmin, self).get_queryset(request)
        return rows

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changes = super().get_changelist_instance(request)
        changes.result_list = _loaded(changes.result_list, using=changes.queryset.db)
        return changes

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        task = super().get_object(request, object_id, from_field)
        found = [] if task is None else _loaded([task], using=task._state.db)
        return found[0] if found else None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        name = "django_celery_beat_periodictask_trigger_preview"
        return [path("trigger-preview/", view, name=name), *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with what was typed in words: a piece of a page, or to a POST a whole one."""
        if not (self.has_view_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        if request.method == "POST":
            context = {
                **self.admin_site.each_context(request),
                "title": _("When it fires"),
                "preview": preview_of_typed(request.POST),
            }
            return TemplateResponse(request, "recurring_jobs/admin/trigger_page.html", context)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        return HttpResponse(preview_of_typed(request.GET))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        # Who only looks sees the words and the times.
        return [
            (
                title,
                {**options, "fields": [each for each in options["fields"] if each not in TYPED]},
            )
            for title, options in fieldsets
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        using, trigger = router.db_for_write(PeriodicTask), form.new_trigger
        with new_trigger(obj, trigger, using=using) if trigger else nullcontext():
            super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("what it says"))
    def preview(self, obj: Any) -> SafeString:
        name = "admin:django_celery_beat_periodictask_trigger_preview"
        url = reverse(name, current_app=self.admin_site.name)
        context = {"url": url, "inputs": " ".join((*TYPED, "solar", "name"))}
        context["preview"] = _preview(obj) if obj is not None and obj.pk else ""
        return render_to_string("recurring_jobs/admin/trigger_box.html", context)

    @admin.display(description=gettext_lazy("fires"))
    def fires(self, obj: Any) -> str:
        try:
            return beat_tables.trigger_of(obj).describe(_)
        except RecurringJobsError as error:
            return str(error)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Past the parent, which renders all crontabs in words for its inline script.
        answer: HttpResponse = super(StockPeriodicTaskAdmin, self).changeform_view(
            request, object_id, form_url, extra_context
        )
        return answer

    @admin.action(permissions=["pause"], description=gettext_lazy("Enable selected tasks"))
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._once(request, queryset, super().enable_tasks)

    @admin.action(permissions=["pause"], description=gettext_lazy("Disable selected tasks"))
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._once(request, queryset, super().disable_tasks)

    @admin.action(
        permissions=["pause"], description=gettext_lazy("Toggle activity of selected tasks")
    )
    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._once(request, queryset, super().toggle_tasks)

    @admin.action(permissions=["run"], description=gettext_lazy("Run selected tasks"))
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Fire each task's schedule by hand, with all its options, on the ledger."""
        return self.act_on_many(request, RunTask(), queryset)

    def _once(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        act: Callable[[HttpRequest, QuerySet[Any]], None],
    ) -> HttpResponse | None:
        """Let *act*, an action of the parent, change *queryset* once, on record."""
        sending = Sending(request)
        before = sending.begin(request.get_full_path())
        if before is not None:
            return before
        tasks = list(queryset)
        act(request, queryset)
        enabled = set(queryset.filter(enabled=True).values_list("pk", flat=True))
        for task in tasks:
            self.log_change(request, task, _("Enabled.") if task.pk in enabled else _("Disabled."))
        sending.done(str(getattr(self, act.__name__).short_description), request.get_full_path())
        return None


def _preview(task: Any) -> SafeString:
    try:
        return preview_of_trigger(beat_tables.trigger_of(task))
    except RecurringJobsError as error:
        return fragment(errors=[str(error)])


def _loaded(tasks: Iterable[Any], *, using: str) -> list[Any]:
    """Return *tasks* anew, with the rows of their triggers, each of which can be shown."""
    listed = [task.pk for task in tasks]
    found = beat_fires.tasks_by_id(listed, using=using)
    loaded = [found[pk] for pk in listed if pk in found]
    for task in loaded:
        if task.crontab_id is not None:
            # As text: to read the column raises where there is no such zone.
            vars(task.crontab)["timezone"] = task.crontab_zone
    return loaded

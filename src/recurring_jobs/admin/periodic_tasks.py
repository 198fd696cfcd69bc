"""
django-celery-beat's page of periodic tasks, with the permissions that its actions lack.

There, anyone who may look at periodic tasks may also run and disable them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_celery_beat.admin import PeriodicTaskAdmin as StockPeriodicTaskAdmin
from django_celery_beat.models import PeriodicTask

from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import controls

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


class PeriodicTaskAdmin(StockPeriodicTaskAdmin):  # type: ignore[misc]
    """
    Periodic tasks: enabling and disabling need the change permission, running its own.

    Every action leaves a log entry. The form has no inline script and does not read every
    crontab row.
    """

    change_form_template = None
    show_full_result_count = False

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may fire schedules by hand."""
        return request.user.has_perm("recurring_jobs.run_schedule")

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

    @admin.action(permissions=["change"], description=gettext_lazy("Enable selected tasks"))
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        tasks = list(queryset)
        super().enable_tasks(request, queryset)
        self._log(request, tasks, _("Enabled."))

    @admin.action(permissions=["change"], description=gettext_lazy("Disable selected tasks"))
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        tasks = list(queryset)
        super().disable_tasks(request, queryset)
        self._log(request, tasks, _("Disabled."))

    @admin.action(
        permissions=["change"], description=gettext_lazy("Toggle activity of selected tasks")
    )
    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        tasks = list(queryset)
        super().toggle_tasks(request, queryset)
        for task in tasks:
            self._log(request, [task], _("Disabled.") if task.enabled else _("Enabled."))

    @admin.action(permissions=["run"], description=gettext_lazy("Run selected tasks"))
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Fire each task's schedule by hand, with all its options, on the ledger."""
        done = 0
        for task in queryset:
            schedule, _created = Schedule.objects.get_or_create(periodic_task=task)
            try:
                controls.fire_now(schedule)
            except RecurringJobsError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                done += 1
                self._log(request, [task], _("Fired by hand."))
        if done:
            text = ngettext("%(count)d task was fired.", "%(count)d tasks were fired.", done)
            self.message_user(request, text % {"count": done}, messages.SUCCESS)

    def _log(self, request: HttpRequest, tasks: list[Any], sentence: str) -> None:
        for task in tasks:
            self.log_change(request, task, sentence)


def replace_stock_admin(site: admin.AdminSite) -> None:
    """Register the page above in place of django-celery-beat's own, and of no one else's."""
    if not site.is_registered(PeriodicTask):
        return
    if type(site.get_model_admin(PeriodicTask)) is StockPeriodicTaskAdmin:
        site.unregister(PeriodicTask)
        site.register(PeriodicTask, PeriodicTaskAdmin)


replace_stock_admin(admin.site)

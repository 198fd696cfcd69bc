"""The pages of the rows that periodic tasks point to: crontabs, intervals, solar, clocked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import CharField, ExpressionWrapper, F
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat import admin as stock
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from recurring_jobs.admin import shown
from recurring_jobs.admin.bases import BoundedMixin, ModelAdmin, StyledMixin
from recurring_jobs.admin.stock import replaces

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

#: How many periodic tasks of a row are named.
TASKS_SHOWN = 20


class TriggerRowAdmin(BoundedMixin, StyledMixin, ModelAdmin):
    """
    A row that says when, with the periodic tasks that point to it.

    django-celery-beat's own page has a form for each of them, with the arguments, however
    many they are.
    """

    #: The column of PeriodicTask that points here.
    pointed_to_by = ""
    readonly_fields = ("used_by",)
    actions = None

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        # Nothing uses a new one.
        return fields if obj is not None else [each for each in fields if each != "used_by"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether *obj* may be deleted: not while tasks would be deleted with it."""
        if obj is not None and self._tasks_of(obj).exists():
            return False
        return bool(super().has_delete_permission(request, obj))

    @admin.display(description=gettext_lazy("periodic tasks"))
    def used_by(self, obj: Any) -> SafeString | str:
        # Names alone: a whole row would be shown with its trigger.
        found = list(self._tasks_of(obj).order_by("name").only("name")[: TASKS_SHOWN + 1])
        links = [(shown.link(self.admin_site, task, task.name),) for task in found[:TASKS_SHOWN]]
        if not links:
            return shown.NOTHING
        more = _("and more") if len(found) > TASKS_SHOWN else ""
        listed = format_html_join("", "<li>{}</li>", links)
        return format_html('<ul class="recurring-jobs-list">{}</ul>{}', listed, more)

    def _tasks_of(self, obj: Any) -> QuerySet[Any]:
        tasks: QuerySet[Any] = PeriodicTask.objects.filter(**{self.pointed_to_by: obj.pk})
        return tasks


@replaces(CrontabSchedule, stock.CrontabScheduleAdmin)
class CrontabScheduleAdmin(TriggerRowAdmin):
    """Crontabs; one whose zone does not exist can be seen, and mended."""

    pointed_to_by = "crontab"
    list_display = ("expression", "zone")
    fields = (
        *("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone"),
        "used_by",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # As text: to read the column raises for all rows where one has a zone that is none.
        rows: QuerySet[Any] = super().get_queryset(request).defer("timezone")
        zoned: QuerySet[Any] = rows.annotate(zone=ExpressionWrapper(F("timezone"), CharField()))
        return zoned

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        return None if row is None else _readable(row)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        changes.result_list = [_readable(row) for row in changes.result_list]
        return changes

    @admin.display(description=gettext_lazy("crontab"))
    def expression(self, obj: Any) -> SafeString:
        names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
        return format_html("<code>{}</code>", " ".join(getattr(obj, name) for name in names))

    @admin.display(description=gettext_lazy("time zone"))
    def zone(self, obj: Any) -> str:
        return str(obj.zone)


def _readable(row: Any) -> Any:
    vars(row)["timezone"] = row.zone
    return row


@replaces(IntervalSchedule, stock.IntervalScheduleAdmin)
class IntervalScheduleAdmin(TriggerRowAdmin):
    """Intervals."""

    pointed_to_by = "interval"
    fields = ("every", "period", "used_by")


@replaces(SolarSchedule, stock.SolarScheduleAdmin)
class SolarScheduleAdmin(TriggerRowAdmin):
    """Events of the sun."""

    pointed_to_by = "solar"
    fields = ("event", "latitude", "longitude", "used_by")


@replaces(ClockedSchedule, stock.ClockedScheduleAdmin)
class ClockedScheduleAdmin(TriggerRowAdmin):
    """Single moments."""

    pointed_to_by = "clocked"
    fields = ("clocked_time", "used_by")

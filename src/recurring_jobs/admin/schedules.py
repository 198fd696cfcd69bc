# ruff: noqa: ARG002  the signatures of the bases
"""The page of schedules: what fires when, and what became of it."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recurring_jobs.admin import shown
from recurring_jobs.admin.action_pages import ObjectActionsMixin
from recurring_jobs.admin.bases import BoundedMixin, ModelAdmin, StyledMixin
from recurring_jobs.admin.fires import latest_fires, outcome, outcome_table, with_runs
from recurring_jobs.admin.rights import VIEW_ARGUMENTS, GuardedMixin, sees_arguments
from recurring_jobs.admin.schedule_actions import KeepMine, TakeCode, field_words
from recurring_jobs.admin.schedule_controls import Backfill, Pause, Resume, RunNow, SkipNext
from recurring_jobs.admin.searches import SearchedOnceMixin
from recurring_jobs.admin.sparklines import last_outcomes, sparkline
from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import beat_fires, beat_tables, drift, upcoming
from recurring_jobs.recurrence.preview import next_times

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

#: How many fires to come, and how many past ones, a page shows.
FIRES_SHOWN = 10


class StateFilter(admin.SimpleListFilter):
    """Filter schedules by whether, and why not, they fire."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _kind, _query) in _STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> QuerySet[Schedule]:
        state = _STATES.get(self.value() or "")
        return queryset.filter(state[2]) if state else queryset


class OwnerFilter(admin.SimpleListFilter):
    """Filter schedules by who made them."""

    title = gettext_lazy("owner")
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("code", gettext_lazy("the code")), ("person", gettext_lazy("a person"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> QuerySet[Schedule]:
        if self.value() == "code":
            return queryset.exclude(declared_in="")
        return queryset.filter(declared_in="") if self.value() == "person" else queryset


@admin.register(Schedule)
class ScheduleAdmin(
    ObjectActionsMixin, GuardedMixin, SearchedOnceMixin, BoundedMixin, StyledMixin, ModelAdmin
):
    """Schedules, whoever made them, with what comes next and what came last."""

    guarded = {"arguments": VIEW_ARGUMENTS}
    object_actions = (
        *(RunNow(), Pause(), Resume(), SkipNext(), Backfill()),
        *(TakeCode(), KeepMine()),
    )
    list_display = ("name_and_words", "state_and_owner", "last_fire", "next_fire")
    list_per_page = 50  # of each the last sixty fires are told
    list_filter = (StateFilter, OwnerFilter)
    empty_text = gettext_lazy(
        "No schedule yet: declare one in code and run setup_periodic_tasks, or add a periodic task."
    )
    list_select_related = ("periodic_task",)
    ordering = ("periodic_task__name",)
    search_fields = ("periodic_task__name", "periodic_task__task")
    readonly_fields = (
        "name",
        "state",
        "task",
        "arguments",
        "queue",
        "trigger",
        "zone",
        "next_fire",
        "owner",
        "changed_by_hand",
        "changed_but_hidden",
        "withdrawn_at",
        "set_aside_reason",
        "pause",
        "counts",
        "next_fires",
        "last_fires",
    )
    fieldsets = (
        (None, {"fields": ("name", "state", "pause", "trigger", "zone", "next_fire", "owner")}),
        (
            gettext_lazy("Next ten fires"),
            {"fields": ("next_fires",), "classes": ("recurring-jobs-whole",)},
        ),
        (
            gettext_lazy("Last ten fires"),
            {"fields": ("last_fires",), "classes": ("recurring-jobs-whole",)},
        ),
        (
            gettext_lazy("Policies"),
            {
                "fields": (
                    *("misfire", "grace", "catchup_window", "max_catchup"),
                    *("overlap", "jitter", "remaining_fires", "pause_after_failures", "counts"),
                )
            },
        ),
        (
            gettext_lazy("Task"),
            {"fields": ("task", "arguments", "queue", "soft_time_limit", "time_limit")},
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a schedule comes with its periodic task

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may fire schedules by hand."""
        return request.user.has_perm("recurring_jobs.run_schedule")

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may pause, resume and skip."""
        return request.user.has_perm("recurring_jobs.pause_schedule")

    def has_backfill_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may fire the times of a range again."""
        return request.user.has_perm("recurring_jobs.backfill_schedule")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets: list[Any] = list(super().get_fieldsets(request, obj))
        if obj is not None and drift.drift_of(obj):
            field = "changed_by_hand" if sees_arguments(request) else "changed_but_hidden"
            section = {"fields": (field,), "classes": ("recurring-jobs-whole",)}
            fieldsets.insert(1, (_("Changed by hand"), section))
        return fieldsets

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changes = super().get_changelist_instance(request)
        rows = cast("QuerySet[Schedule]", changes.result_list)
        shown_rows = list(rows.select_related(None))
        # Not by select_related: one zone that does not exist would spoil the whole list.
        beat_fires.load_tasks(shown_rows, using=changes.queryset.db)
        _attach_last_fires(shown_rows)
        _attach_outcomes(shown_rows)
        changes.result_list = shown_rows
        return changes

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        schedule = super().get_object(request, object_id, from_field)
        if schedule is not None:
            beat_fires.load_tasks([schedule], using=str(schedule._state.db))
        return schedule

    @admin.display(description=gettext_lazy("name"), ordering="periodic_task__name")
    def name(self, obj: Schedule) -> str:
        return str(obj.periodic_task.name)

    @admin.display(description=gettext_lazy("name"), ordering="periodic_task__name")
    def name_and_words(self, obj: Schedule) -> SafeString:
        html = '{} <span class="recurring-jobs-words">{}</span>'  # both are in the link
        return format_html(html, self.name(obj), self.trigger(obj))

    @admin.display(description=gettext_lazy("state and owner"), ordering="declared_in")
    def state_and_owner(self, obj: Schedule) -> SafeString:
        state, owner = self.state(obj), self.owner(obj)
        return format_html('{}<div class="recurring-jobs-quiet">{}</div>', state, owner)

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: Schedule) -> SafeString:
        label, kind, _query = _STATES[obj.state]
        return format_html("{} {}", shown.badge(kind, label), obj.set_aside_reason)

    @admin.display(description=gettext_lazy("pause"))
    def pause(self, obj: Schedule) -> SafeString | str:
        if not obj.is_paused:
            return shown.NOTHING
        until = shown.moment(obj.paused_until) if obj.paused_until else _("somebody resumes it")
        return format_html(
            _("since {}, by {}, until {}. {}"),
            shown.moment(obj.paused_at),
            obj.paused_by or _("the scheduler"),
            until,
            obj.pause_reason,
        )

    @admin.display(description=gettext_lazy("fires so far"))
    def counts(self, obj: Schedule) -> str:
        return _("%(taken)d taken, %(missed)d missed, %(skipped)d skipped, %(dropped)d dropped") % {
            "taken": obj.taken_count,
            "missed": obj.missed_count,
            "skipped": obj.skipped_count,
            "dropped": obj.dropped_count,
        }

    @admin.display(description=gettext_lazy("fires"))
    def trigger(self, obj: Schedule) -> str:
        try:
            return beat_tables.trigger_of(obj.periodic_task).describe(_)
        except RecurringJobsError as error:
            return str(error)

    @admin.display(description=gettext_lazy("time zone"))
    def zone(self, obj: Schedule) -> str:
        try:
            return beat_tables.trigger_of(obj.periodic_task).timezone or shown.NOTHING
        except RecurringJobsError:
            return shown.NOTHING

    @admin.display(description=gettext_lazy("next fire"), ordering="next_fire_at")
    def next_fire(self, obj: Schedule) -> SafeString | str:
        return shown.moment(obj.next_fire_at if obj.periodic_task.enabled else None)

    @admin.display(description=gettext_lazy("last fires"))
    def last_fire(self, obj: Schedule) -> SafeString | str:
        fire = getattr(obj, "last_fire_shown", None)
        if fire is None:
            return shown.NOTHING
        outcomes = sparkline(getattr(obj, "outcomes_shown", ()))
        return format_html("{} {} {}", outcomes, outcome(fire), shown.moment(fire.nominal_at))

    @admin.display(description=gettext_lazy("owner"), ordering="declared_in")
    def owner(self, obj: Schedule) -> SafeString | str:
        if not obj.is_declared:
            return _("a person")
        place = format_html("<code>{}</code>", obj.declared_in)
        if any(not each.is_kept for each in drift.drift_of(obj)):
            return format_html("{} {}", place, shown.badge("warn", _("changed by hand")))
        return place

    @admin.display(description=gettext_lazy("fields"))
    def changed_by_hand(self, obj: Schedule) -> SafeString:
        return _drift_table(obj, shows_arguments=True)

    @admin.display(description=gettext_lazy("fields"))
    def changed_but_hidden(self, obj: Schedule) -> SafeString:
        return _drift_table(obj, shows_arguments=False)

    @admin.display(description=gettext_lazy("task"))
    def task(self, obj: Schedule) -> SafeString:
        page = shown.link(self.admin_site, obj.periodic_task, _("edit trigger and arguments"))
        return format_html("<code>{}</code> {}", obj.periodic_task.task, page)

    @admin.display(description=gettext_lazy("arguments"))
    def arguments(self, obj: Schedule) -> SafeString | str:
        return shown.code(f"{obj.periodic_task.args}\n{obj.periodic_task.kwargs}")

    @admin.display(description=gettext_lazy("queue"))
    def queue(self, obj: Schedule) -> str:
        return obj.periodic_task.queue or _("the task's own")

    @admin.display(description=gettext_lazy("times"))
    def next_fires(self, obj: Schedule) -> SafeString | str:
        try:
            trigger = beat_tables.trigger_of(obj.periodic_task)
            times = list(islice(trigger.times_after(timezone.now()), FIRES_SHOWN))
        except RecurringJobsError as error:
            return str(error)
        task = obj.periodic_task
        starts = [upcoming.start_of(obj, task, trigger, at) for at in times] if obj.jitter else None
        table = next_times(times, ZoneInfo(trigger.timezone or "UTC"), starts=starts)
        if obj.periodic_task.enabled:
            return table
        note = _("It is not enabled: these are the times it would fire at.")
        return format_html('<p class="recurring-jobs-quiet">{}</p>{}', note, table)

    @admin.display(description=gettext_lazy("fires"))
    def last_fires(self, obj: Schedule) -> SafeString | str:
        fires = obj.fires.order_by("-nominal_at")[:FIRES_SHOWN]
        return outcome_table(self.admin_site, with_runs(list(fires)))


_STATES: dict[str, tuple[Any, str, Q]] = {
    "set_aside": (gettext_lazy("set aside"), "bad", upcoming.SET_ASIDE),
    "enabled": (
        gettext_lazy("enabled"),
        "good",
        Q(set_aside_reason="", periodic_task__enabled=True),
    ),
    "withdrawn": (
        gettext_lazy("withdrawn"),
        "quiet",
        Q(set_aside_reason="", periodic_task__enabled=False, withdrawn_at__isnull=False),
    ),
    "paused": (
        gettext_lazy("paused"),
        "warn",
        Q(set_aside_reason="", periodic_task__enabled=False, withdrawn_at__isnull=True),
    ),
}


def _drift_table(schedule: Schedule, *, shows_arguments: bool) -> SafeString:
    words = partial(field_words, shows_arguments=shows_arguments)
    rows = [
        {
            "field": each.field,
            "stored": words(each.field, each.stored),
            "declared": words(each.field, each.declared),
            "is_kept": each.is_kept,
        }
        for each in drift.drift_of(schedule)
    ]
    return render_to_string("recurring_jobs/admin/drift.html", {"rows": rows})


def _attach_last_fires(schedules: list[Schedule]) -> None:
    fires = latest_fires(schedules)
    for schedule in schedules:
        schedule.last_fire_shown = fires.get(schedule.pk)  # type: ignore[attr-defined]


def _attach_outcomes(schedules: list[Schedule]) -> None:
    outcomes = last_outcomes(schedules)
    for schedule in schedules:
        schedule.outcomes_shown = outcomes.get(schedule.pk, [])  # type: ignore[attr-defined]

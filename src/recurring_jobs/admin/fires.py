"""The ledger of fires, to look at: what was due when, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recurring_jobs.admin import shown
from recurring_jobs.admin.bases import RecordAdmin
from recurring_jobs.admin.runs import RUN_KINDS
from recurring_jobs.models import Fire, Run, Schedule
from recurring_jobs.recurrence.preview import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.admin import AdminSite
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

#: The colour of each state that a fire without a run can have.
FIRE_KINDS = {
    Fire.State.WAITING: "quiet",
    Fire.State.BUFFERED: "quiet",
    Fire.State.CLAIMED: "busy",
    Fire.State.PUBLISHED: "busy",
    Fire.State.MISSED: "warn",
    Fire.State.SKIPPED: "quiet",
    Fire.State.DROPPED: "warn",
    Fire.State.REFUSED: "bad",
}

#: What the pages of fires tell of runs; their arguments may be long.
_SHOWN_OF_RUNS = ("task", "state", "started_at", "finished_at")


def with_runs(fires: Iterable[Fire]) -> list[Fire]:
    """Return *fires*, each with its run (or None) as ``run_shown``, read in one query."""
    fires = list(fires)
    runs = Run.objects.only(*_SHOWN_OF_RUNS).in_bulk([fire.task_id for fire in fires])
    for fire in fires:
        fire.run_shown = runs.get(fire.task_id)  # type: ignore[attr-defined]
    return fires


def latest_fires(schedules: Iterable[Schedule]) -> dict[int, Fire]:
    """Return the latest fire of each of *schedules* by its primary key, with its run."""
    keys = [schedule.pk for schedule in schedules]
    newest = Schedule.objects.filter(pk__in=keys).values_list(
        *(
            # One look into the unique index per schedule and kind.
            Subquery(
                Fire.objects.filter(schedule=OuterRef("pk"), kind=kind)
                .order_by("-nominal_at")
                .values("pk")[:1]
            )
            for kind in Fire.Kind.values
        )
    )
    found = [pk for row in newest for pk in row if pk is not None]
    fires = with_runs(Fire.objects.filter(pk__in=found).order_by("nominal_at"))
    return {fire.schedule_id: fire for fire in fires}


def outcome(fire: Fire) -> SafeString:
    """Return how *fire* ended, or how far it is: its run's state, else its own."""
    run: Run | None = getattr(fire, "run_shown", None)
    if run is not None:
        ran = Run.State(run.state)
        return shown.badge(RUN_KINDS[ran], ran.label)
    state = Fire.State(fire.state)
    return shown.badge(FIRE_KINDS[state], state.label, fire.reason)


def outcome_table(site: AdminSite, fires: Iterable[Fire]) -> SafeString:
    """Return a table of *fires*, as ``with_runs`` gives them, with what became of each."""
    rows = []
    for fire in fires:
        run: Run | None = getattr(fire, "run_shown", None)
        sent_at = fire.published_at or (fire.claimed_at if run else None)
        rows.append(
            {
                "fire": shown.link(site, fire, words_of(timezone.localtime(fire.nominal_at))),
                "kind": fire.get_kind_display(),
                "delay": shown.duration(sent_at - fire.nominal_at) if sent_at else shown.NOTHING,
                "took": shown.duration(run.took if run else None),
                "outcome": outcome(fire),
                "run": shown.link(site, run, _("run")) if run else shown.NOTHING,
                "reason": fire.reason,
            }
        )
    return render_to_string("recurring_jobs/admin/fires.html", {"rows": rows})


@admin.register(Fire)
class FireAdmin(RecordAdmin):
    """Each nominal time of each schedule."""

    list_display = ("nominal_time", "schedule_name", "outcome", "kind", "delay", "stands_for")
    list_display_links = ("nominal_time",)
    list_filter = ("state", "kind")
    empty_text = gettext_lazy("Nothing has fired yet. The overview says whether a beat is alive.")
    list_select_related = ("schedule__periodic_task",)
    ordering = ("-pk",)  # the last to be claimed first, which a large table tells at once
    found_by = "task_id"
    search_fields = ("task_id__exact", "schedule__periodic_task__name__startswith")
    search_help_text = gettext_lazy("A task id, or the beginning of a schedule's name.")
    fieldsets = (
        (None, {"fields": ("schedule_link", "nominal_time", "kind", "outcome", "reason", "run")}),
        (
            gettext_lazy("On record"),
            {"fields": ("stands_for", "claimed", "published", "delay", "sent_again")},
        ),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        changes.result_list = with_runs(changes.result_list)
        return changes

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        fire = super().get_object(request, object_id, from_field)
        return None if fire is None else with_runs([fire])[0]

    @admin.display(description=gettext_lazy("nominal time"), ordering="nominal_at")
    def nominal_time(self, obj: Fire) -> SafeString | str:
        return shown.moment(obj.nominal_at)

    @admin.display(description=gettext_lazy("schedule"), ordering="schedule__periodic_task__name")
    def schedule_name(self, obj: Fire) -> str:
        return str(obj.schedule.periodic_task.name)

    @admin.display(description=gettext_lazy("schedule"))
    def schedule_link(self, obj: Fire) -> SafeString | str:
        return shown.link(self.admin_site, obj.schedule, obj.schedule.periodic_task.name)

    @admin.display(description=gettext_lazy("outcome"))
    def outcome(self, obj: Fire) -> SafeString:
        return outcome(obj)

    @admin.display(description=gettext_lazy("claimed at"))
    def claimed(self, obj: Fire) -> SafeString | str:
        return shown.moment(obj.claimed_at)

    @admin.display(description=gettext_lazy("published at"))
    def published(self, obj: Fire) -> SafeString | str:
        return shown.moment(obj.published_at)

    @admin.display(description=gettext_lazy("sent after"))
    def delay(self, obj: Fire) -> str:
        return shown.duration(obj.published_at - obj.nominal_at if obj.published_at else None)

    @admin.display(description=gettext_lazy("sent again at"))
    def sent_again(self, obj: Fire) -> SafeString | str:
        is_awaited = obj.state == Fire.State.PUBLISHED and getattr(obj, "run_shown", None) is None
        return shown.moment(obj.due_at if is_awaited else None)

    @admin.display(description=gettext_lazy("run"))
    def run(self, obj: Fire) -> SafeString | str:
        run: Run | None = getattr(obj, "run_shown", None)
        if run is None:
            return format_html("<code>{}</code>", obj.task_id)
        return shown.link(self.admin_site, run)

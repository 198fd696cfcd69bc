# ruff: noqa: ARG002  the signature of the base
"""The page of locks: which run keeps others of its task and key waiting, and to break that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recurring_jobs.admin import shown
from recurring_jobs.admin.action_pages import ObjectActionsMixin
from recurring_jobs.admin.actions import ObjectAction
from recurring_jobs.admin.bases import RecordAdmin
from recurring_jobs.admin.filters import TaskFilter
from recurring_jobs.admin.result_texts import short_id
from recurring_jobs.admin.rights import VIEW_ARGUMENTS, GuardedMixin
from recurring_jobs.exceptions import LockChangedError
from recurring_jobs.models import Run, TaskLock
from recurring_jobs.runs import locks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


class Break(ObjectAction):
    """Take a lock from the run that has it."""

    name = "break"
    permission = "break"
    label = gettext_lazy("Break")
    bulk_label = gettext_lazy("Break selected locks")

    def applies_to(self, obj: Any) -> bool:
        return bool(obj.owner)

    def question(self, count: int) -> str:
        text = ngettext(
            "Break this lock? If its run is still at work, another may begin beside it.",
            "Break these %(count)d locks? Where a run is still at work, another may begin "
            "beside it.",
            count,
        )
        return text % {"count": count}

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        if not locks.break_lock(obj):
            raise LockChangedError(obj)
        sentence = _("The lock of %(lock)s was taken from run %(run_id)s.")
        return sentence % {"lock": obj, "run_id": obj.owner}

    def summary(self, count: int) -> str:
        text = ngettext("%(count)d lock was broken.", "%(count)d locks were broken.", count)
        return text % {"count": count}


class HeldFilter(admin.SimpleListFilter):
    """Show the locks that a run has, unless all are asked for."""

    title = gettext_lazy("state")
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [("all", _("All, free ones too"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        return [{**first, "display": _("Held")}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() == "all" else queryset.exclude(owner="")


@admin.register(TaskLock)
class TaskLockAdmin(ObjectActionsMixin, GuardedMixin, RecordAdmin):
    """What keeps runs of one task and key from being at work at once."""

    guarded = {"key": VIEW_ARGUMENTS}  # which is made of them

    object_actions = (Break(),)
    list_display = ("task", "state_badge", "key", "taken", "worker", "run_short")
    list_filter = (HeldFilter, TaskFilter)
    empty_text = gettext_lazy("No run has a lock. Tasks with no_overlap take one.")
    ordering = ("-taken_at",)
    search_fields = ("owner__exact", "task__startswith")
    search_help_text = gettext_lazy("A task id, or the beginning of a task's name.")
    fieldsets = (
        (None, {"fields": ("task", "key", "state_badge", "run_link", "worker")}),
        (gettext_lazy("Times"), {"fields": ("taken", "lease", "token")}),
    )

    def has_break_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may break locks."""
        return request.user.has_perm("recurring_jobs.break_tasklock")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changes = super().get_changelist_instance(request)
        locks = list(changes.result_list)
        runs = Run.objects.only("pk").in_bulk([lock.owner for lock in locks if lock.owner])
        for lock in locks:
            lock.run_shown = runs.get(lock.owner)
        changes.result_list = locks
        return changes

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, obj: TaskLock) -> SafeString:
        if not obj.owner:
            return shown.badge("quiet", _("free"))
        if obj.lease_until <= timezone.now():
            return shown.badge("bad", _("lease over"), _("The next run takes it."))
        if not obj.worker:
            return shown.badge("warn", _("between attempts"))
        return shown.badge("busy", _("at work"))

    @admin.display(description=gettext_lazy("taken"), ordering="taken_at")
    def taken(self, obj: TaskLock) -> SafeString | str:
        return shown.moment(obj.taken_at)

    @admin.display(description=gettext_lazy("lease until"))
    def lease(self, obj: TaskLock) -> SafeString | str:
        return shown.moment(obj.lease_until)

    @admin.display(description=gettext_lazy("run"))
    def run_short(self, obj: Any) -> SafeString | str:
        text = short_id(obj.owner)
        return shown.link(self.admin_site, obj.run_shown, text) if obj.run_shown else text

    @admin.display(description=gettext_lazy("run"))
    def run_link(self, obj: TaskLock) -> SafeString | str:
        run = Run.objects.filter(pk=obj.owner).first() if obj.owner else None
        return shown.link(self.admin_site, run, obj.owner) if run else obj.owner or shown.NOTHING

# ruff: noqa: ARG002  the signatures of the base
"""What a person can do to a schedule: run it now, enable it, disable it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import router, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recurring_jobs.admin.actions import ObjectAction
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import beat_tables, ledger

if TYPE_CHECKING:
    from django.http import HttpRequest


class RunNow(ObjectAction):
    """Fire a schedule once more, at this moment."""

    name = "run_now"
    permission = "run"
    label = gettext_lazy("Run now")
    bulk_label = gettext_lazy("Run selected schedules now")

    def question(self, count: int) -> str:
        text = ngettext(
            "Send the task of this schedule to a worker now? Its next fire stays as it is.",
            "Send the tasks of these %(count)d schedules to a worker now? "
            "Their next fires stay as they are.",
            count,
        )
        return text % {"count": count}

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        fire = ledger.fire_now(obj)
        return _("Schedule %(schedule)s was fired by hand, as task %(task_id)s.") % {
            "schedule": obj.periodic_task.name,
            "task_id": fire.task_id,
        }

    def summary(self, count: int) -> str:
        text = ngettext("%(count)d schedule was fired.", "%(count)d schedules were fired.", count)
        return text % {"count": count}


class Enable(ObjectAction):
    """Let a schedule fire, from its next time on."""

    name = "enable"
    permission = "change"
    label = gettext_lazy("Enable")
    bulk_label = gettext_lazy("Enable selected schedules")
    needs_confirmation = False

    def applies_to(self, obj: Any) -> bool:
        return not obj.periodic_task.enabled

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        _switch(obj, is_enabled=True)
        return _("Schedule %(schedule)s was enabled.") % {"schedule": obj.periodic_task.name}

    def summary(self, count: int) -> str:
        text = ngettext(
            "%(count)d schedule was enabled.", "%(count)d schedules were enabled.", count
        )
        return text % {"count": count}


class Disable(ObjectAction):
    """Keep a schedule from firing until it is enabled again."""

    name = "disable"
    permission = "change"
    label = gettext_lazy("Disable")
    bulk_label = gettext_lazy("Disable selected schedules")
    needs_confirmation = False

    def applies_to(self, obj: Any) -> bool:
        return bool(obj.periodic_task.enabled)

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        _switch(obj, is_enabled=False)
        return _("Schedule %(schedule)s was disabled.") % {"schedule": obj.periodic_task.name}

    def summary(self, count: int) -> str:
        text = ngettext(
            "%(count)d schedule was disabled.", "%(count)d schedules were disabled.", count
        )
        return text % {"count": count}


def _switch(schedule: Schedule, *, is_enabled: bool) -> None:
    # Through update(): a periodic task that its model would not save can still be disabled.
    using = router.db_for_write(Schedule, instance=schedule)
    task = schedule.periodic_task
    rows = type(task)._default_manager.using(using).filter(pk=task.pk)
    with transaction.atomic(using=using):
        rows.update(enabled=is_enabled, date_changed=timezone.now())
        # Beat computes the next fire from now on, so that a pause is never caught up.
        Schedule.objects.using(using).filter(pk=schedule.pk).update(next_fire_at=None)
        beat_tables.bump(using=using)
    task.enabled = is_enabled

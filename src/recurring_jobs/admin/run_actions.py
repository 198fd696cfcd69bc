# ruff: noqa: ARG002  the signatures of the base
"""What a person can do to a run: cancel it while it goes on, send it again when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recurring_jobs.admin.actions import ObjectAction
from recurring_jobs.admin.arguments import ArgumentsForm, edited
from recurring_jobs.admin.rights import sees_arguments
from recurring_jobs.exceptions import ArgumentsNotHeldError
from recurring_jobs.inspection import cancel_run
from recurring_jobs.inspection.apps import broker_of, loaded_app
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs import resending, stopping

if TYPE_CHECKING:
    from django.http import HttpRequest


class CancelForm(forms.Form):
    """Whether a run at work is only asked to end."""

    kill = forms.BooleanField(
        label=gettext_lazy("kill it where it is at work"),
        required=False,
        help_text=gettext_lazy(
            "Else its task is asked to end, and decides itself when; many never look."
        ),
    )


class Cancel(ObjectAction):
    """Keep a run from beginning, ask it to end, or kill it."""

    name = "cancel"
    permission = "cancel"
    label = gettext_lazy("Cancel")
    bulk_label = gettext_lazy("Cancel selected runs")

    def applies_to(self, obj: Any) -> bool:
        return obj.state in {Run.State.QUEUED, Run.State.RUNNING, Run.State.RETRYING}

    def question(self, count: int) -> str:
        text = ngettext(
            "Cancel this run? What is not at work does not begin.",
            "Cancel these %(count)d runs? What is not at work does not begin.",
            count,
        )
        return text % {"count": count}

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form | None:
        return CancelForm(data) if obj.state == Run.State.RUNNING else None

    def form_for_many(self, request: HttpRequest, data: Any = None) -> forms.Form | None:
        return CancelForm(data)

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        by = request.user.get_username()
        outcome = cancel_run(obj, by=by, kill=options.get("kill", False))
        sentences = {
            stopping.Cancelled.ENDED: _("Run %(run)s was cancelled."),
            stopping.Cancelled.ASKED: _("Run %(run)s was asked to end."),
            stopping.Cancelled.KILLED: _("The worker of run %(run)s was told to kill it."),
        }
        return sentences[outcome] % {"run": obj}

    def summary(self, count: int) -> str:
        text = ngettext(
            "%(count)d run was cancelled, or asked to end.",
            "%(count)d runs were cancelled, or asked to end.",
            count,
        )
        return text % {"count": count}


class SendAgain(ObjectAction):
    """Send the task of a run that has ended once more, with its arguments or with others."""

    name = "send_again"
    permission = "requeue"
    label = gettext_lazy("Send again")
    bulk_label = gettext_lazy("Send selected again")

    def run_of(self, obj: Any) -> Run | None:
        """Return the run that *obj* is, or is about."""
        return obj if isinstance(obj, Run) else None

    def applies_to(self, obj: Any) -> bool:
        run = self.run_of(obj)
        return run is not None and run.is_over and open_letter(run.pk) is None

    def question(self, count: int) -> str:
        text = ngettext(
            "Send this task to a worker again, as a run of its own?",
            "Send these %(count)d tasks to a worker again, each as it was?",
            count,
        )
        return text % {"count": count}

    def notice(self, obj: Any) -> str:
        run = self.run_of(obj)
        return capfirst(why_not(run))

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> forms.Form | None:
        run = self.run_of(obj)
        if run is None or not sees_arguments(request):
            return None  # then it is sent as it was
        return ArgumentsForm(data, run.args, run.kwargs)

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        run = self.run_of(obj)
        if run is None:
            raise ArgumentsNotHeldError(obj.task_id)
        changed = edited(options, run.args, run.kwargs)
        with broker_of(loaded_app()):
            task_id = resending.send_again(run, **changed)
        sentence = (
            _("Task %(task)s was sent again with edited arguments, as %(task_id)s.")
            if changed
            else _("Task %(task)s was sent again as %(task_id)s.")
        )
        return sentence % {"task": run.task, "task_id": task_id}

    def summary(self, count: int) -> str:
        text = ngettext("%(count)d task was sent again.", "%(count)d tasks were sent again.", count)
        return text % {"count": count}


def open_letter(task_id: str) -> DeadLetter | None:
    """Return the dead letter of the run *task_id* that waits for a person, if there is one."""
    return DeadLetter.objects.open().filter(task_id=task_id).first()


def why_not(run: Run | None) -> str:
    """Return why *run* is not sent again as it is; empty where it can be."""
    if run is None:
        return _("No run is kept of it, so its arguments are not known as they were sent.")
    return resending.not_sendable_reason(run)

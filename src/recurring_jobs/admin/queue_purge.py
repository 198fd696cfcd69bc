"""Removes what waits in a queue, from the overview: asked first, and on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recurring_jobs.admin.bases import MixinBase
from recurring_jobs.admin.once import Sending, new_token
from recurring_jobs.conf import conf
from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.inspection import consumed_queues, loaded_app, purge_queues, queue_sizes
from recurring_jobs.inspection.liveness import count_up_to
from recurring_jobs.models import Run

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

PERMISSION: Final = "recurring_jobs.purge_queue"
_NAME: Final = "recurring_jobs_run_purge_queue"


class PurgesMixin(MixinBase):
    """Serve the address that purges a queue, below the list of runs."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.purge_view)
        return [path("purge-queue/", view, name=_NAME), *super().get_urls()]

    def has_purge_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may remove what waits in queues."""
        return request.user.has_perm(PERMISSION)

    def purge_view(self, request: HttpRequest) -> HttpResponse:
        """Answer a POST from the overview: say what would be lost, then remove it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_purge_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        back = reverse(
            "admin:app_list", args=[self.opts.app_label], current_app=self.admin_site.name
        )
        queue = request.POST.get("queue", "")
        try:
            if "confirmed" not in request.POST:
                return self._question(request, queue, back)
            return self._purge(request, queue, back)
        except RecurringJobsError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(back)

    def _question(self, request: HttpRequest, queue: str, back: str) -> HttpResponse:
        app = loaded_app()
        if queue not in consumed_queues(app):
            # Redis keeps other things under names, and would delete them as well.
            messages.error(request, _("The project has no queue %(queue)s.") % {"queue": queue})
            return HttpResponseRedirect(back)
        waiting = queue_sizes(app, [queue])[queue]
        if not waiting:
            messages.info(request, _("Nothing waits in queue %(queue)s.") % {"queue": queue})
            return HttpResponseRedirect(back)
        text = ngettext(
            "Remove the %(count)d message that waits in queue %(queue)s, for good? "
            "What it was to do is not done.",
            "Remove the %(count)d messages that wait in queue %(queue)s, for good? "
            "What they were to do is not done.",
            waiting,
        )
        context = {
            **self.admin_site.each_context(request),
            "title": _("Purge a queue"),
            "subtitle": None,
            "opts": self.opts,
            "media": self.media,
            "question": text % {"count": waiting, "queue": queue},
            "notice": _notice(queue),
            "hidden_fields": {"queue": queue},
            "once": new_token(),
            "back_url": back,
        }
        setattr(request, "current_app", self.admin_site.name)  # noqa: B010  read by {% url %}
        return TemplateResponse(request, "admin/recurring_jobs/confirm_purge.html", context)

    def _purge(self, request: HttpRequest, queue: str, back: str) -> HttpResponse:
        app = loaded_app()
        if queue not in consumed_queues(app):
            return self._question(request, queue, back)
        sending = Sending(request)
        before = sending.begin(back)
        if before is not None:
            return before
        try:
            removed = purge_queues(app, [queue])[queue]
        except RecurringJobsError:
            sending.refused()
            raise
        text = ngettext(
            "%(count)d message was removed from queue %(queue)s.",
            "%(count)d messages were removed from queue %(queue)s.",
            removed,
        )
        sentence = text % {"count": removed, "queue": queue}
        _record(request, queue, sentence)
        messages.success(request, sentence)
        sending.done(sentence, back)
        return HttpResponseRedirect(back)


def purge_url(request: HttpRequest, site: str) -> str:
    """Return where the person behind *request* may purge queues; empty where they may not."""
    if not request.user.has_perm(PERMISSION):
        return ""
    try:
        return reverse(f"admin:{_NAME}", current_app=site)
    except NoReverseMatch:  # a site without our page of runs
        return ""


def _notice(queue: str) -> str:
    if conf.resend_after is not None:
        return _("Fires and runs on record are sent again after a while. To end a run, cancel it.")
    waiting = count_up_to(Run.objects.filter(state=Run.State.QUEUED, queue=queue))
    text = ngettext(
        "%(count)d run on record waits in it, and stays queued until somebody cancels it.",
        "%(count)d runs on record wait in it, and stay queued until somebody cancels them.",
        waiting,
    )
    return text % {"count": waiting} if waiting else ""


def _record(request: HttpRequest, queue: str, sentence: str) -> None:
    # As a deletion, so that the log leads to no page: a queue has none.
    user: Any = request.user
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(Run),
        object_id=queue,
        object_repr=_("queue %(queue)s") % {"queue": queue[:150]},
        action_flag=DELETION,
        change_message=sentence,
    )

"""Offers what can be done to rows: POST only, by permission, confirmed, once, and on record."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import select_template
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recurring_jobs.admin.bases import MixinBase
from recurring_jobs.admin.once import Sending, new_token, with_token
from recurring_jobs.exceptions import RecurringJobsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from django.db.models import Model, QuerySet
    from django.forms import Form
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from recurring_jobs.admin.actions import ObjectAction


#: Rows that one bulk action takes; each is named in the confirmation that is sent back.
MOST_AT_ONCE = 500
#: Rows shown by name, and errors shown in full, before "and … more".
MOST_SHOWN = 10


class ObjectActionsMixin(MixinBase):
    """
    Offer ``object_actions`` on the page of a row and above the list.

    An admin class of a theme, or a host, may have a form template of its own; ours stands
    on it.
    """

    object_actions: tuple[ObjectAction, ...] = ()
    change_form_template: ClassVar[str | None] = "admin/recurring_jobs/actions_change_form.html"
    confirm_template = "admin/recurring_jobs/confirm_action.html"

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        if self.actions is not None:  # None is how a subclass turns all actions off
            self.actions = [*self.actions, *_bulks(self.object_actions)]
        # Of the class, which may be a theme's.
        self.action_form = with_token(self.action_form)  # type: ignore[misc]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<path:object_id>/{action.name}/",
                self.admin_site.admin_view(_view(self, action)),
                name=self._url_name(action.name),
            )
            for action in self.object_actions
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        tools = self._tools(request, object_id)
        context = {"recurring_jobs_tools": tools, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        label, name = self.opts.app_label, self.opts.model_name
        chosen = getattr(super(), "change_form_template", None)
        usual = [f"admin/{label}/{name}/change_form.html", f"admin/{label}/change_form.html"]
        found = select_template([*([chosen] if chosen else usual), "admin/change_form.html"])
        context["recurring_jobs_form"] = found
        return super().render_change_form(request, context, *args, **kwargs)

    def may(self, request: HttpRequest, action: ObjectAction, obj: Any = None) -> bool:
        """Return whether the person behind *request* may see the rows and do *action*."""
        has_permission = getattr(self, f"has_{action.permission}_permission")
        return bool(has_permission(request)) and self.has_view_permission(request, obj)

    def act_on_one(
        self, request: HttpRequest, action: ObjectAction, object_id: str
    ) -> HttpResponse:
        """Answer a POST from the page of one row: ask first, then act and go back."""
        if not self.may(request, action):
            raise PermissionDenied
        sending = Sending(request)
        before = sending.answer_before(self._list_url())
        if before is not None:  # also where that took the row away
            return before
        obj = self._row(request, action, object_id)
        is_confirmed = "confirmed" in request.POST or not action.needs_confirmation
        if not action.applies_to(obj) and (action.is_strict or not is_confirmed):
            # No button leads here, but a page that was opened before may.
            text = _("This cannot be done to %(row)s as it is now.")
            self.message_user(request, text % {"row": action.title_of(obj)}, messages.ERROR)
            return HttpResponseRedirect(self._page_of(obj))
        try:
            form = action.form(request, obj, request.POST if is_confirmed else None)
        except (RecurringJobsError, ValueError) as problem:  # no rule, zone or start to read
            return self._refusal(request, action, obj, None, str(problem))
        if not is_confirmed or (form is not None and not form.is_valid()):
            return self._confirmation(request, action, [obj], form)
        options = form.cleaned_data if form else {}
        preview, error = _preview(action, obj, options)
        if preview and request.POST.get("previewed") != _digest(preview):
            return self._confirmation(request, action, [obj], form, preview)
        if not error:
            before = sending.begin(self._page_of(obj))
            if before is not None:
                return before
            sentence, error = self._try(request, action, obj, options)
        if error:
            sending.refused()
            return self._refusal(request, action, obj, form, error)
        self.message_user(request, sentence, messages.SUCCESS)
        url = self._page_of(action.leads_to(obj))
        sending.done(sentence, url)
        return HttpResponseRedirect(url)

    def act_on_many(
        self, request: HttpRequest, action: ObjectAction, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        """Answer a POST from the list: ask first, then act on each row and count."""
        if not self.may(request, action):
            raise PermissionDenied
        rows = list(queryset[: MOST_AT_ONCE + 1])
        if len(rows) > MOST_AT_ONCE:
            text = _("Too many are selected. Select at most %(most)d at once.")
            self.message_user(request, text % {"most": MOST_AT_ONCE}, messages.ERROR)
            return None
        is_confirmed = "confirmed" in request.POST or not action.needs_confirmation
        form = action.form_for_many(request, request.POST if is_confirmed else None)
        if not is_confirmed or (form is not None and not form.is_valid()):
            return self._confirmation(request, action, rows, form)
        sending = Sending(request)
        before = sending.begin(request.get_full_path())
        if before is not None:
            return before
        options = form.cleaned_data if form else {}
        outcomes = [self._try(request, action, row, options) for row in rows]
        errors = [error for _sentence, error in outcomes if error]
        done = len(rows) - len(errors)
        if done:
            sentence = action.summary(done)
            self.message_user(request, sentence, messages.SUCCESS)
            sending.done(sentence, request.get_full_path())
        else:
            sending.refused()
        self._report(request, errors)
        return None

    def _row(self, request: HttpRequest, action: ObjectAction, object_id: str) -> Any:
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.may(request, action, obj):
            raise PermissionDenied
        return obj

    def _refusal(
        self, request: HttpRequest, action: ObjectAction, obj: Any, form: Form | None, error: str
    ) -> HttpResponse:
        if form is not None:
            form.add_error(None, error)
            return self._confirmation(request, action, [obj], form)
        self.message_user(request, error, messages.ERROR)
        return HttpResponseRedirect(self._page_of(obj))

    def _try(
        self, request: HttpRequest, action: ObjectAction, obj: Any, options: dict[str, Any]
    ) -> tuple[str, str]:
        """Return what was done, and the error where it was not."""
        try:
            sentence = action.perform(request, obj, options)
        except RecurringJobsError as error:
            return "", str(error)
        self.log_change(request, obj, sentence)
        return sentence, ""

    def _report(self, request: HttpRequest, errors: list[str]) -> None:
        for error in errors[:MOST_SHOWN]:
            self.message_user(request, error, messages.ERROR)
        hidden = len(errors) - MOST_SHOWN
        if hidden > 0:
            text = ngettext(
                "%(count)d more could not be done.", "%(count)d more could not be done.", hidden
            )
            self.message_user(request, text % {"count": hidden}, messages.ERROR)

    def _confirmation(
        self,
        request: HttpRequest,
        action: ObjectAction,
        rows: list[Any],
        form: Form | None,
        preview: str = "",
    ) -> TemplateResponse:
        is_bulk = "action" in request.POST
        context = {
            **self.admin_site.each_context(request),
            "title": action.bulk_label if is_bulk else action.label,
            "subtitle": None,
            "opts": self.opts,
            "media": self.media,
            "action": action,
            "question": action.question(len(rows)),
            "notice": "" if is_bulk else action.notice(rows[0]),
            "rows": rows,
            "row_name": _name(action, rows[0]) if rows else "",
            "shown": [action.title_of(row) for row in rows[:MOST_SHOWN]],
            "hidden_count": max(0, len(rows) - MOST_SHOWN),
            "form": form,
            "preview": preview,
            "previewed": _digest(preview),
            "is_bulk": is_bulk,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "action_name": request.POST.get("action", ""),
            "once": new_token(),
            "back_url": request.get_full_path() if is_bulk else self._page_of(rows[0]),
        }
        setattr(request, "current_app", self.admin_site.name)  # noqa: B010  read by {% url %}
        return TemplateResponse(request, self.confirm_template, context)

    def _tools(self, request: HttpRequest, object_id: str) -> list[dict[str, Any]]:
        allowed = [action for action in self.object_actions if self.may(request, action)]
        obj = self.get_object(request, unquote(object_id)) if allowed else None
        if obj is None:
            return []
        return [
            {
                "label": action.label,
                "name": action.name,
                "url": self._url_of(obj, action.name),
                "once": "" if action.needs_confirmation else new_token(),
            }
            for action in allowed
            if action.applies_to(obj) and self.may(request, action, obj)
        ]

    def _page_of(self, obj: Any) -> str:
        name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
        try:
            return reverse(name, args=[quote(obj.pk)], current_app=self.admin_site.name)
        except NoReverseMatch:  # of a model that has no pages
            return self._list_url()

    def _list_url(self) -> str:
        name = f"admin:{self._url_name('changelist')}"
        return reverse(name, current_app=self.admin_site.name)

    def _url_of(self, obj: Any, name: str) -> str:
        return reverse(
            f"admin:{self._url_name(name)}",
            args=[quote(obj.pk)],
            current_app=self.admin_site.name,
        )

    def _url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"


def _view(owner: ObjectActionsMixin, action: ObjectAction) -> Callable[..., HttpResponse]:
    def view(request: HttpRequest, object_id: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return owner.act_on_one(request, action, object_id)

    return view


def _name(action: ObjectAction, row: Any) -> str:
    """Return how *row* is named where only text can stand."""
    title = action.title_of(row)
    return str(row) if hasattr(title, "__html__") else str(title)


def _preview(action: ObjectAction, obj: Any, options: dict[str, Any]) -> tuple[str, str]:
    """Return what is to be agreed to, and the error where there is one."""
    try:
        return action.preview(obj, options), ""
    except RecurringJobsError as error:
        return "", str(error)


def _digest(preview: str) -> str:
    """Return what says that this preview was seen, and not that of other options."""
    return sha256(preview.encode()).hexdigest()[:16]


def _bulks(actions: Iterable[ObjectAction]) -> Iterator[Callable[..., HttpResponse | None]]:
    return (_bulk(action) for action in actions if action.is_for_many)


def _bulk(action: ObjectAction) -> Callable[..., HttpResponse | None]:
    def act(owner: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        answer: HttpResponse | None = owner.act_on_many(request, action, queryset)
        return answer

    act.__name__ = f"{action.name}_selected"
    return admin.action(permissions=[action.permission], description=action.bulk_label)(act)

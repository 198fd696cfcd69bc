# ruff: noqa: ARG002  Django's signatures
"""Who sees what is on a page: arguments and tracebacks need permissions of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recurring_jobs.admin.bases import MixinBase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

#: What tasks were given, and what they returned.
VIEW_ARGUMENTS = "recurring_jobs.view_arguments"
VIEW_TRACEBACKS = "recurring_jobs.view_tracebacks"


def sees_arguments(request: HttpRequest) -> bool:
    """Return whether the person behind *request* may see what tasks are given and return."""
    return request.user.has_perm(VIEW_ARGUMENTS)


class GuardedMixin(MixinBase):
    """
    Show the fields of ``guarded`` only to whoever has the permission that stands beside each.

    Others read in their place which permission that needs. It covers the page and the list.
    """

    guarded: ClassVar[dict[str, str]] = {}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets: Any = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets  # of a row that is not there yet, nothing is to be hidden
        return [
            (title, {**options, "fields": self._allowed(request, options["fields"])})
            for title, options in fieldsets
        ]

    def get_list_display(self, request: HttpRequest) -> Any:
        names = super().get_list_display(request)
        return [name for name in names if self._sees(request, str(name))]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        names = list(super().get_readonly_fields(request, obj))
        shown = flatten_fieldsets(self.get_fieldsets(request, obj))
        hidden = [name for name in ("hidden_arguments", "hidden_tracebacks") if name in shown]
        return [*(name for name in names if self._sees(request, str(name))), *hidden]

    @admin.display(description=gettext_lazy("arguments"))
    def hidden_arguments(self, obj: Any) -> SafeString:
        return _hidden(VIEW_ARGUMENTS)

    @admin.display(description=gettext_lazy("tracebacks"))
    def hidden_tracebacks(self, obj: Any) -> SafeString:
        return _hidden(VIEW_TRACEBACKS)

    def _sees(self, request: HttpRequest, name: str) -> bool:
        needed = self.guarded.get(name)
        return needed is None or request.user.has_perm(needed)

    def _allowed(self, request: HttpRequest, fields: Iterable[Any]) -> tuple[Any, ...]:
        """Return *fields*, with one note in place of all that need the same permission."""
        named = (name if self._sees(request, str(name)) else self._note(name) for name in fields)
        return tuple(dict.fromkeys(named))

    def _note(self, name: str) -> str:
        needs_arguments = self.guarded[name] == VIEW_ARGUMENTS
        return "hidden_arguments" if needs_arguments else "hidden_tracebacks"


def _hidden(permission: str) -> SafeString:
    text = _("Hidden: this needs the permission {}.")
    html = format_html(text, format_html("<code>{}</code>", permission))
    return format_html('<span class="recurring-jobs-quiet">{}</span>', html)

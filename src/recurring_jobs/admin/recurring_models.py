# ruff: noqa: ARG002  Django's signatures
"""The admin for a host's own recurring model: its rule in words, and the rows made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, quote, unquote
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Media
from django.forms.widgets import Script
from django.http import HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recurring_jobs.admin import shown
from recurring_jobs.admin.action_pages import ObjectActionsMixin
from recurring_jobs.admin.bases import ModelAdmin, StyledMixin
from recurring_jobs.admin.months import month_calendar
from recurring_jobs.admin.series_actions import OCCURRENCE_ACTIONS, actions_for
from recurring_jobs.recurrence.fields import SET_ASIDE
from recurring_jobs.recurrence.layout import (
    Layout,
    is_one_table_model,
    is_template_model,
    layout_of,
)
from recurring_jobs.recurrence.options import start_of
from recurring_jobs.recurrence.preview import fragment, preview_of
from recurring_jobs.recurrence.rows import series_of

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

#: How many rows a page shows.
ROWS_SHOWN = 20

_RULE_FIELDS = ("recurrence_rule", "recurrence_timezone")
_SHOWN_FIELDS = (
    "recurrence_problem",
    "recurrence_origin",
    "recurrence_preview",
    "recurrence_month",
    "recurrence_rows",
)


class RecurrenceFilter(admin.SimpleListFilter):
    """Filter rows by their part in a recurrence."""

    title = gettext_lazy("recurrence")
    parameter_name = "recurrence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        parts = [
            ("template", gettext_lazy("templates")),
            ("occurrence", gettext_lazy("occurrences")),
            ("set_aside", gettext_lazy("set aside")),
            ("none", gettext_lazy("not recurring")),
        ]
        model: type[Model] = model_admin.model
        absent = set()
        if not is_one_table_model(model):
            absent.add("occurrence")
        if not is_template_model(model):
            absent.add("set_aside")
        return [part for part in parts if part[0] not in absent]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        model: type[Model] = queryset.model
        is_one_table = is_one_table_model(model)
        match self.value():
            case "template":
                return queryset.filter(recurrence_rule__isnull=False)
            case "occurrence" if is_one_table:
                return queryset.filter(recurrence_parent__isnull=False)
            case "set_aside" if is_template_model(model):
                return queryset.filter(recurrence_due_at=SET_ASIDE)
            case "none":
                once = queryset.filter(recurrence_rule=None)
                return once.filter(recurrence_parent=None) if is_one_table else once
        return queryset


class SeriesActionsMixin(ObjectActionsMixin, StyledMixin):
    """Offer the edits of a series on a page, above the form."""


class OccurrenceModelAdminMixin(SeriesActionsMixin):
    """
    Skip, move and split on the pages of occurrences that have a table of their own.

    For an admin class of a theme: ``class LessonAdmin(OccurrenceModelAdminMixin, ThemeAdmin)``.
    """

    object_actions = OCCURRENCE_ACTIONS


class OccurrenceModelAdmin(OccurrenceModelAdminMixin, ModelAdmin):
    """The admin for a model with ``OccurrenceModelMixin``: register it, or subclass it."""


class RecurringModelAdminMixin(SeriesActionsMixin):
    """
    Show rules in words, the times to come and the rows made, with a preview while typing.

    For an admin class of a theme: ``class TaskAdmin(RecurringModelAdminMixin, ThemeAdmin)``.
    Columns, filter and the section "Recurrence" are added to what the host declares; a
    rule that cannot be read is refused by the form with a sentence. The edits of a series
    are offered above the form.
    """

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        self.object_actions = (*self.object_actions, *actions_for(model))
        super().__init__(model, admin_site)

    @property
    def media(self) -> Media:
        scripts: Any = [
            Script(f"recurring_jobs/{name}.js", type="module") for name in ("preview", "month")
        ]
        return super().media + Media(js=scripts)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "recurrence_rule":  # one line, as a rule, and no prose
            kwargs["widget"] = AdminTextareaWidget({"rows": 3, "spellcheck": "false", "dir": "ltr"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.recurrence_preview_view)
        own = path("recurrence-preview/", view, name=self._preview_name())
        return [own, *super().get_urls()]

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None:
            obj.recurrence_query = request.GET  # which month the page is asked for
        return obj

    def get_list_display(self, request: HttpRequest) -> Any:
        return _with(super().get_list_display(request), "recurrence_words", "recurrence_next")

    def get_list_filter(self, request: HttpRequest) -> Any:
        return _with(super().get_list_filter(request), RecurrenceFilter)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return _with(super().get_readonly_fields(request, obj), *_shown_for(obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        names = flatten_fieldsets(fieldsets)
        if self.fieldsets or self.fields:  # the host's own order stays; ours comes after it
            ours = [name for name in _shown_for(obj) if name not in names]
            return [*fieldsets, (_("Recurrence"), {"fields": ours})] if ours else fieldsets
        ours = [name for name in (*_RULE_FIELDS, *_shown_for(obj)) if name in names]
        rest = [name for name in names if name not in ours]
        return [(None, {"fields": rest}), (_("Recurrence"), {"fields": ours})]

    def recurrence_preview_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the words and the next times of what is typed, as a piece of a page."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        if not (self.has_view_or_change_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        try:
            return HttpResponse(_preview(self._typed(request)))
        except ValidationError as error:
            return HttpResponse(fragment(errors=error.messages))

    @admin.display(description=gettext_lazy("recurrence"))
    def recurrence_words(self, obj: Any) -> SafeString | str:
        if getattr(obj, "recurrence_set_aside", ""):
            badge = shown.badge("bad", _("set aside"))
            return format_html("{} {}", badge, obj.recurrence_set_aside)
        if obj.is_occurrence:
            page = self._page_of_key(obj.recurrence_parent_id)
            return format_html('<a href="{}">{}</a>', page, _("occurrence"))
        try:
            return obj.describe_recurrence() or shown.NOTHING
        except ValueError as error:
            return str(error)

    @admin.display(description=gettext_lazy("next occurrence"))
    def recurrence_next(self, obj: Any) -> SafeString | str:
        try:
            return shown.moment(obj.next_occurrence())
        except ValueError:
            return shown.NOTHING

    @admin.display(description=gettext_lazy("set aside"))
    def recurrence_problem(self, obj: Any) -> SafeString:
        text = _("No rows are made from it until it is saved again, or its rows are made now.")
        return format_html("{} {}", shown.badge("bad", obj.recurrence_set_aside), text)

    @admin.display(description=gettext_lazy("made from"))
    def recurrence_origin(self, obj: Any) -> SafeString:
        template = shown.link(self.admin_site, obj.recurrence_parent)
        return format_html("{} <code>{}</code>", template, obj.recurrence_id or "")

    @admin.display(description=gettext_lazy("what the rule says"))
    def recurrence_preview(self, obj: Any) -> SafeString:
        return format_html(
            '<div class="recurring-jobs-preview" aria-live="polite" data-url="{}"'
            ' data-fields="{}" data-object="{}">{}</div>',
            reverse(f"admin:{self._preview_name()}", current_app=self.admin_site.name),
            " ".join((*_RULE_FIELDS, self._start)),
            "" if obj is None or obj.pk is None else obj.pk,
            _preview(obj),
        )

    @admin.display(description=gettext_lazy("calendar"))
    def recurrence_month(self, obj: Any) -> SafeString | str:
        if not obj.is_template:
            return shown.NOTHING
        try:
            return month_calendar(self.admin_site, obj, obj.recurrence_query, timezone.now())
        except ValueError as error:
            return str(error)

    @admin.display(description=gettext_lazy("occurrences"))
    def recurrence_rows(self, obj: Any) -> SafeString:
        layout = self._layout
        model, start = layout.occurrence, layout.start.target
        rows = model._default_manager.filter(recurrence_parent=obj.pk)
        newest = list(rows.order_by(f"-{start.name}")[: ROWS_SHOWN + 1])
        listed = [
            {
                "row": shown.link(self.admin_site, row),
                "at": shown.moment(start.value_from_object(row)),
            }
            for row in reversed(newest[:ROWS_SHOWN])
        ]
        context = {
            "rows": listed,
            "has_more": len(newest) > ROWS_SHOWN,
            "all_url": self._list_url_of(obj),
        }
        return render_to_string("recurring_jobs/admin/occurrences.html", context)

    def _typed(self, request: HttpRequest) -> Any:
        pk = request.GET.get("object", "")
        stored = self.get_object(request, unquote(pk)) if pk else None
        if stored is not None and not self.has_view_or_change_permission(request, stored):
            raise PermissionDenied
        typed = self.model()
        start = self._start
        for name in (*_RULE_FIELDS, start):
            setattr(typed, name, getattr(stored or typed, name))
        fields = self.get_form(request)().fields
        for name in (*_RULE_FIELDS, start):
            given = [key for key in request.GET if key == name or key.startswith(f"{name}_")]
            if name in fields and given:
                field = fields[name]
                raw = field.widget.value_from_datadict(request.GET, {}, name)
                setattr(typed, name, field.clean(raw))
        return typed

    @property
    def _start(self) -> str:
        model: type[Model] = self.model
        return start_of(model)

    @property
    def _layout(self) -> Layout:
        model: type[Model] = self.model
        return layout_of(model)

    def _preview_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_recurrence_preview"

    def _page_of_key(self, pk: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[quote(pk)], current_app=self.admin_site.name)

    def _list_url_of(self, template: Any) -> str:
        opts = self._layout.occurrence._meta
        name = f"admin:{opts.app_label}_{opts.model_name}_changelist"
        try:
            url = reverse(name, current_app=self.admin_site.name)
        except NoReverseMatch:  # the occurrences have a table of their own, and no pages
            return ""
        query = {f"recurrence_parent__{template._meta.pk.name}__exact": template.pk}
        return f"{url}?{urlencode(query)}"


class RecurringModelAdmin(RecurringModelAdminMixin, ModelAdmin):
    """
    The admin for a model whose rows may carry a rule: register it, or subclass it.

    For ``RecurringModelMixin``; for ``RecurringTemplateMixin``, whose occurrences are linked
    to where their model is registered as well; and for ``RecurrenceRuleMixin``, which has
    no rows to show.
    """


def _with(declared: Any, *names: Any) -> list[Any]:
    return [*declared, *(name for name in names if name not in declared)]


def _shown_for(obj: Any) -> list[str]:
    if obj is None:
        return ["recurrence_preview"]
    has_pattern = not obj.is_occurrence or obj.is_template
    is_shown = {
        "recurrence_problem": bool(getattr(obj, "recurrence_set_aside", "")),
        "recurrence_origin": obj.is_occurrence,
        "recurrence_preview": has_pattern,
        "recurrence_month": obj.is_template,
        "recurrence_rows": has_pattern and is_template_model(type(obj)),
    }
    return [name for name in _SHOWN_FIELDS if is_shown[name]]


def _preview(row: Any) -> SafeString:
    if row is None or not row.recurrence_rule:
        return fragment()
    try:
        return preview_of(series_of(row), timezone.now())
    except ValueError as error:  # a rule, a zone or a start that cannot be read
        return fragment(errors=[str(error)])

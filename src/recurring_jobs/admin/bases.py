# ruff: noqa: ARG002  Django's signatures
"""The classes that the admin pages of this package stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.forms import Media
    from django.http import HttpRequest

    # ModelAdmin is generic for type checkers only.
    ModelAdmin = admin.ModelAdmin[Any]
    MixinBase = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin
    MixinBase = object

#: Longer search terms than this are cut before they reach the database.
LONGEST_SEARCH = 200


class StyledMixin(MixinBase):
    """Bring the style sheet of this package to the pages of a model."""

    @property
    def media(self) -> Media:
        from django.forms import Media

        return super().media + Media(css={"all": ["recurring_jobs/admin.css"]})


class BoundedMixin(MixinBase):
    """Keep a list cheap: no count of the whole table, no search term without end."""

    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, search_term[:LONGEST_SEARCH])


class RecordAdmin(BoundedMixin, StyledMixin, ModelAdmin):
    """
    A page for rows that only the machinery writes: looked at, never added nor edited.

    Deleting needs the delete permission, as everywhere in the admin. A subclass says in
    ``fieldsets`` what is shown.
    """

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return flatten_fieldsets(self.fieldsets or ())

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

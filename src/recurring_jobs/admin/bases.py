# ruff: noqa: ARG002  Django's signatures
"""The classes that the admin pages of this package stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import flatten_fieldsets
from django.core.paginator import Paginator
from django.utils.functional import cached_property

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.forms import Media
    from django.http import HttpRequest

    # These are generic for type checkers only.
    ModelAdmin = admin.ModelAdmin[Any]
    MixinBase = admin.ModelAdmin[Any]
    AnyPaginator = Paginator[Any]
else:
    ModelAdmin = admin.ModelAdmin
    MixinBase = object
    AnyPaginator = Paginator

#: More rows than this are not listed: a filter or a search finds the others.
LONGEST_LIST = 10_000
#: Longer search terms than this are cut before they reach the database.
LONGEST_SEARCH = 200


class StyledMixin(MixinBase):
    """Bring the style sheet of this package to the pages of a model."""

    @property
    def media(self) -> Media:
        from django.forms import Media

        return super().media + Media(css={"all": ["recurring_jobs/admin.css"]})


class BoundedPaginator(AnyPaginator):
    """Pages of the first LONGEST_LIST rows: no more of them are counted, nor listed."""

    @cached_property
    def count(self) -> int:
        """How many rows are listed."""
        return min(self._counted, LONGEST_LIST)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than are listed."""
        return self._counted > LONGEST_LIST

    @cached_property
    def _counted(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)  # a change list has no other
        return rows.order_by()[: LONGEST_LIST + 1].count()


class BoundedMixin(MixinBase):
    """Keep a list cheap: no count of the whole table, no search term without end."""

    paginator = BoundedPaginator
    #: A column with an index of its own: what it finds is not looked for elsewhere.
    found_by = ""
    #: Further columns that links from other pages filter by.
    linked_by: tuple[str, ...] = ()
    #: What stands in place of rows while there is none at all.
    empty_text: Any = ""
    show_full_result_count = False

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        try:
            return super().get_changelist_instance(request)
        except DisallowedModelAdminLookup as error:
            # Leads back to the list, as any other address that somebody made up.
            raise IncorrectLookupParameters from error

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """
        Return whether the address may filter by *lookup*: only by what the page offers.

        Any other would tell, letter by letter, what is in columns that are not shown.
        """
        filters = self.get_list_filter(request)
        columns = {each for each in filters if isinstance(each, str)}
        parameters = {getattr(each, "parameter_name", None) for each in filters}
        return lookup in parameters or lookup.partition("__")[0] in {*columns, *self.linked_by}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term[:LONGEST_SEARCH]
        if self.found_by and self._has(queryset, term):
            return queryset.filter(**{self.found_by: term}), False
        return super().get_search_results(request, queryset, term)

    def _has(self, queryset: QuerySet[Any], term: str) -> bool:
        is_storable = bool(term) and "\x00" not in term
        return is_storable and queryset.filter(**{self.found_by: term}).exists()


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

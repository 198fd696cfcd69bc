"""
A search for a part of a word, which no index tells: the table is read once for it.

Django reads it for the count and again for the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib.admin.views.main import SEARCH_VAR
from django.utils.functional import cached_property

from recurring_jobs.admin import bases

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.core.paginator import Paginator
    from django.db.models import QuerySet
    from django.http import HttpRequest


#: More keys than this are not named in a query.
_MOST_NAMED = 1000


class FoundPaginator(bases.BoundedPaginator):
    """Pages of rows of which the keys are read at once, in the order of the list."""

    @cached_property
    def _keys(self) -> list[Any]:
        rows = cast("QuerySet[Any]", self.object_list)
        return list(rows.values_list("pk", flat=True)[: bases.LONGEST_LIST + 1])

    @property
    def _counted(self) -> int:
        return len(self._keys)

    def narrow(self, changes: ChangeList) -> None:
        """Have *changes* ask for its rows by key, and not search for them again."""
        keys = self._keys[: bases.LONGEST_LIST]
        if len(self._keys) <= _MOST_NAMED:  # a date hierarchy asks for the years of all
            changes.queryset = changes.queryset.filter(pk__in=keys)
        if changes.multi_page and not (changes.show_all and changes.can_show_all):
            page = self.page(changes.page_num)
            keys = keys[page.start_index() - 1 : page.end_index()]
        changes.result_list = cast("QuerySet[Any]", self.object_list).filter(pk__in=keys)


class SearchedOnceMixin(bases.MixinBase):
    """Read the rows of a search by the keys that it found. It stands before BoundedMixin."""

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Any], per_page: int, *args: Any, **kw: Any
    ) -> Paginator[Any]:
        if request.GET.get(SEARCH_VAR):
            return FoundPaginator(queryset, per_page, *args, **kw)
        return super().get_paginator(request, queryset, per_page, *args, **kw)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changes = super().get_changelist_instance(request)
        if isinstance(changes.paginator, FoundPaginator):
            changes.paginator.narrow(changes)
        return changes

# ruff: noqa: ARG002  Django's signatures
"""List filters that stay cheap however many rows a table has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

#: How many of the newest rows are looked at for the values to offer.
ROWS_LOOKED_AT = 1000
#: How many values a filter offers.
MOST_CHOICES = 50


class RecentValuesFilter(admin.SimpleListFilter):
    """
    Offer the values that one column has in the newest rows.

    Django's own filter reads the distinct values of the whole table at each page view.
    A value that is in the address but not among the newest rows works all the same.
    """

    field_name: str
    #: What tells the newest rows by an index, where the order of the list has none.
    newest_by = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        order = [self.newest_by] if self.newest_by else model_admin.get_ordering(request)
        newest = (
            model_admin.get_queryset(request)
            .order_by(*(order or ["-pk"]))
            .values_list(self.field_name, flat=True)[:ROWS_LOOKED_AT]
        )
        values = sorted({str(value) for value in newest if value})[:MOST_CHOICES]
        chosen = self.value()
        if chosen and chosen not in values:
            values.append(str(chosen))
        return [(value, value) for value in values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        if "\x00" in value:  # PostgreSQL refuses it, and no row can hold it
            return queryset.none()
        return queryset.filter(**{self.field_name: value})


class TaskFilter(RecentValuesFilter):
    """Filter by the name of the task."""

    title = _("task")
    parameter_name = "task"
    field_name = "task"

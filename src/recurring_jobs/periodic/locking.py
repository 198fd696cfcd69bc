"""Rows held against other beats, as far as the database can."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.db import connections
from django.db.models import Model

if TYPE_CHECKING:
    from django.db.models import QuerySet

_Row = TypeVar("_Row", bound=Model)


def locked(rows: QuerySet[_Row], *, waits: bool = False) -> QuerySet[_Row]:
    """
    Return *rows* locked against others, where the database can.

    Those that are locked already are passed over, unless the caller *waits* for them.
    """
    features = connections[rows.db].features
    if not features.has_select_for_update:
        return rows
    skips = features.has_select_for_update_skip_locked and not waits
    return rows.select_for_update(skip_locked=skips)

"""What is stored, to compare it with what is stored later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model


def rows_of(models: Iterable[type[Model]]) -> list[Any]:
    """Return all rows of the tables of *models*, as the database gives them."""
    found = []
    quoted = connection.ops.quote_name
    with connection.cursor() as cursor:
        for meta in (model._meta for model in models):
            key = meta.pk.column
            cursor.execute(f"SELECT * FROM {quoted(meta.db_table)} ORDER BY {quoted(key)}")
            found.append(cursor.fetchall())
    return found

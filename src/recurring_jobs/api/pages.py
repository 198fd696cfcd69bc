"""Lists that come in pages: by key, so that the last page costs what the first one does."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db.models import Q

from recurring_jobs.api.kinds import Key, Kind, is_storable, whole_number

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

_M = TypeVar("_M", bound="Model")

#: How many rows one page tells at most, and unless the caller says otherwise.
LARGEST_PAGE, USUAL_PAGE = 1000, 100


def _read_place(value: Any) -> tuple[datetime, Any]:
    """Return time and key of the last row of the page before."""
    try:
        at, key = json.loads(base64.urlsafe_b64decode(value.encode("ascii")))
        place = datetime.fromisoformat(at).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        place, key = None, None
    if place is None or type(key) not in {str, int} or not is_storable(str(key)):
        message = "must be what 'next_after' of the page before says."
        raise ValueError(message)
    return place, key


LIMIT: Final = Key("limit", whole_number(1, LARGEST_PAGE), "How many at most.", default=USUAL_PAGE)
AFTER: Final = Key(
    "after",
    Kind({"type": "string", "maxLength": 512}, _read_place),
    "Where the page begins: next_after of the page before.",
)


def cut(rows: QuerySet[_M], limit: int) -> tuple[list[_M], bool]:
    """Return the first *limit* of *rows*, and whether there are more."""
    found = list(rows[: limit + 1])
    return found[:limit], len(found) > limit


def newest_first(
    rows: QuerySet[_M], time: str, *, after: tuple[datetime, Any] | None, limit: int
) -> tuple[list[_M], str | None]:
    """
    Return one page of *rows*, the newest by the field *time* first, and where the next begins.

    *after* is that of the page before. Rows made meanwhile move no page.
    """
    if after is not None:
        at, key = after
        # The first condition is for the index, the second for rows of the same time.
        later = Q(**{f"{time}__lt": at}) | Q(**{time: at, "pk__lt": _key_of(rows, key)})
        rows = rows.filter(later, **{f"{time}__lte": at})
    shown, is_more = cut(rows.order_by(f"-{time}", "-pk"), limit)
    return shown, _place(shown[-1], time) if is_more else None


def _key_of(rows: QuerySet[Any], key: str | int) -> Any:
    return rows.model._meta.pk.to_python(key)


def _place(row: Any, time: str) -> str:
    text = json.dumps([getattr(row, time).isoformat(), row.pk])
    return base64.urlsafe_b64encode(text.encode()).decode()

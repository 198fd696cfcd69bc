"""The view of templates: which rows were made from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import DateTimeField
from django.http import HttpResponse, JsonResponse

from recurring_jobs.api import pages
from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.kinds import Key, instant, text
from recurring_jobs.api.problems import Problem
from recurring_jobs.exceptions import UnknownRecurringModelError
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.occurrences import recurring_model

if TYPE_CHECKING:
    from datetime import date, datetime

    from django.db.models import QuerySet

    from recurring_jobs.api.calls import Call
    from recurring_jobs.recurrence.layout import Layout

_SINCE = Key("since", instant(), "None that starts before.")
# The column is no longer, and its unique index gives the rows in this order.
_AFTER = Key("after", text(16), "Where the page begins: next_after of the page before.")


@endpoint(
    "GET",
    action="view_template",
    answers={200: "Occurrences"},
    problems=("unknown-template",),
    query=(_SINCE, pages.LIMIT, _AFTER),
)
def occurrences(call: Call, label: str, pk: str) -> HttpResponse:
    """List the rows that were made from one template, by nominal time."""
    missing = Problem("unknown-template", "There is no template of this model and id.")
    caller = call.admit(label)
    asked = call.query()
    found = _template(label, pk)
    if found is None or not call.visible(found, caller).exists():
        raise missing
    model: Any = found.model
    layout = layout_of(model)
    rows = _rows(layout, found.get(), asked["since"])
    if asked["after"] is not None:
        rows = rows.filter(recurrence_id__gt=asked["after"])
    shown, is_more = pages.cut(rows.order_by("recurrence_id"), asked["limit"])
    following = shown[-1].recurrence_id if is_more else None
    told = [_facts(each, layout) for each in shown]
    return JsonResponse({"occurrences": told, "next_after": following})


def _template(label: str, pk: str) -> QuerySet[Any] | None:
    """Return the one template as a queryset, which may be empty; None for what cannot be."""
    try:
        model: Any = recurring_model(label)
        key = model._meta.pk.to_python(pk)
        model._meta.pk.run_validators(key)
    except (UnknownRecurringModelError, ValidationError):
        return None
    if "\x00" in pk:
        return None
    found: QuerySet[Any] = model._default_manager.filter(pk=key, recurrence_rule__isnull=False)
    return found


def _rows(layout: Layout, template: Any, since: datetime | None) -> QuerySet[Any]:
    rows: QuerySet[Any] = layout.occurrence._default_manager.filter(
        recurrence_parent=template, recurrence_id__isnull=False
    )
    if since is None:
        return rows
    start = layout.start.target
    is_instant = isinstance(start, DateTimeField)
    return rows.filter(**{f"{start.name}__gte": since if is_instant else since.date()})


def _facts(row: Any, layout: Layout) -> dict[str, Any]:
    start: date | None = getattr(row, layout.start.target.name)
    return {
        "id": str(row.pk),
        "nominal_time": row.recurrence_id,
        "timezone": row.recurrence_timezone,
        "starts_at": start and start.isoformat(),
    }

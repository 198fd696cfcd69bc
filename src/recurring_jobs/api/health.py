"""The views of health: whether all is well, and whether this process answers at all."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.kinds import Key, choice, many
from recurring_jobs.inspection import DATABASE_PARTS, health

if TYPE_CHECKING:
    from recurring_jobs.api.calls import Call

_PARTS = Key("part", many(choice(DATABASE_PARTS)), "Only these parts.")


@endpoint("GET", answers={200: "Health", 503: "Health"}, query=(_PARTS,))
def health_of_all(call: Call) -> HttpResponse:
    """
    Tell whether each part is well: 200 where all are, else 503.

    Open to anybody, as it tells nothing but yes and no, and asks nothing but the database.
    """
    asked = _PARTS.read({"part": call.request.GET.getlist("part")})
    parts = health(timezone.now(), asked)
    is_well = all(part.is_well for part in parts)
    told: dict[str, Any] = {
        "is_well": is_well,
        "parts": {part.name: part.is_well for part in parts},
    }
    return JsonResponse(told, status=HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE)


@endpoint("GET", answers={200: "Alive"})
def alive(call: Call) -> HttpResponse:  # noqa: ARG001  as every view
    """Tell that this process answers; nothing else is asked, not even the database."""
    return JsonResponse({"is_alive": True})

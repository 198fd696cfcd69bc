"""The figures for Prometheus, to those who may have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.problems import Problem
from recurring_jobs.exceptions import ExtraMissingError

if TYPE_CHECKING:
    from recurring_jobs.api.calls import Call


@endpoint("GET", action="metrics", answers={200: "text/plain"}, problems=("not-installed",))
def metrics(call: Call) -> HttpResponse:
    """Tell the figures of the database, in the form that the Accept header asks for."""
    if call.admit().tasks is not None:
        raise Problem("not-allowed", "This token is limited to tasks; the figures are of all.")
    try:
        from recurring_jobs.metrics import metrics_text  # needs the extra
    except ExtraMissingError as error:
        raise Problem("not-installed", str(error)) from None
    text, content_type = metrics_text(call.request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=content_type)

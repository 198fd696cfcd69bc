"""The views of the API: each parses, asks one service, and tells what it answered."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from recurring_jobs.api.access import admit
from recurring_jobs.api.bodies import read_trigger_body
from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.problems import Problem
from recurring_jobs.exceptions import (
    BrokerAwayError,
    InvalidArgumentError,
    UnknownHealthPartError,
    UnknownTaskError,
)
from recurring_jobs.inspection import (
    DATABASE_PARTS,
    Mode,
    health,
    loaded_app,
    run_status,
    trigger_task,
    triggerable_task,
    with_result,
)


@endpoint("POST")
def trigger(request: HttpRequest, name: str) -> HttpResponse:
    """Start one run of the task *name*: 202 when it is queued, 200 when it was executed here."""
    caller = admit(request, "trigger", name)
    if not caller.may_see(name):
        raise Problem("not-allowed", "This token does not allow this task.")
    app = loaded_app()
    try:
        triggerable_task(app, name)
        body = read_trigger_body(request)
        triggered = trigger_task(app, name, body.args, body.kwargs, body.mode)
    except UnknownTaskError as error:
        raise Problem("unknown-task", str(error)) from None
    except InvalidArgumentError as error:
        raise Problem("invalid-argument", str(error), argument=error.argument) from None
    except BrokerAwayError:
        # The error itself names the broker's address, which is not the caller's business.
        detail = "The broker is away, so nothing was sent. Try again later."
        raise Problem("broker-away", detail, headers={"Retry-After": "5"}) from None
    status_url = reverse("recurring_jobs_api:run", args=[triggered.id], current_app=_space(request))
    told = {**triggered.as_dict(), "status_url": status_url}
    if body.mode is Mode.IN_PROCESS:
        return JsonResponse(told)
    return JsonResponse(told, status=202, headers={"Location": status_url})


@endpoint("GET", "HEAD")
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Tell the state of a run, and its result where it succeeded and the result is kept."""
    status = run_status(run_id)
    caller = admit(request, "status", status.task if status else "")
    if status is None or not caller.may_see(status.task):
        raise Problem("unknown-run", "There is no run of this id.")
    return JsonResponse(with_result(status, loaded_app()).as_dict())


@endpoint("GET", "HEAD")
def health_of_all(request: HttpRequest) -> HttpResponse:
    """
    Tell whether each part is well: 200 where all are, else 503.

    Open to anybody, as it tells nothing but yes and no, and asks nothing but the database.
    """
    asked = request.GET.getlist("part")
    for name in asked:
        if name not in DATABASE_PARTS:
            error = UnknownHealthPartError(name, DATABASE_PARTS)
            raise Problem("invalid-argument", str(error), argument="part")
    parts = health(timezone.now(), asked)
    is_well = all(part.is_well for part in parts)
    told = {"is_well": is_well, "parts": {part.name: part.is_well for part in parts}}
    return JsonResponse(told, status=200 if is_well else 503)


def _space(request: HttpRequest) -> str | None:
    return request.resolver_match.namespace if request.resolver_match else None

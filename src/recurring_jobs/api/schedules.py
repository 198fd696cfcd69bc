"""The views of schedules: what fires when, and what a person does to it, over HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse

from recurring_jobs.api.access import Caller, admit
from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.problems import Problem
from recurring_jobs.api.schedule_bodies import (
    read_backfill,
    read_empty,
    read_overlap,
    read_page,
    read_pause,
)
from recurring_jobs.api.schedule_facts import fire_facts, schedule_facts, with_fires
from recurring_jobs.exceptions import BackfillTooLongError, NoNextFireError, RecurringJobsError
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import controls

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_TRIGGER_ROWS = ("interval", "crontab", "solar", "clocked")


@endpoint("GET", "HEAD")
def schedules(request: HttpRequest) -> HttpResponse:
    """Tell the schedules that the caller may see, by primary key, a page at a time."""
    caller = admit(request, "view_schedule", "")
    page = read_page(request)
    rows = _rows().filter(pk__gt=page.after).order_by("pk")
    if page.name:
        rows = rows.filter(periodic_task__name=page.name)
    found = list(rows[: page.limit + 1])
    shown = found[: page.limit]
    told = [schedule_facts(row) for row in shown if caller.may_see(row.periodic_task.task)]
    following = shown[-1].pk if len(found) > page.limit else None
    return JsonResponse({"schedules": told, "next_after": following})


@endpoint("GET", "HEAD")
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell one schedule, with its next ten fires and its last ten."""
    row, _caller = _find(request, "view_schedule", pk)
    return JsonResponse(with_fires(row))


@endpoint("POST")
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause a schedule, for a reason and perhaps until a time."""
    row, caller = _find(request, "change_schedule", pk)
    body = read_pause(request)
    _do(lambda: controls.pause(row, reason=body.reason, by=caller.name, until=body.until))
    return _told(pk)


@endpoint("POST")
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a schedule fire again."""
    row, _caller = _find(request, "change_schedule", pk)
    read_empty(request)
    _do(lambda: controls.resume(row))
    return _told(pk)


@endpoint("POST")
def skip_next(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave out the next fire of a schedule, and tell that one."""
    row, caller = _find(request, "change_schedule", pk)
    read_empty(request)
    fire = _do(lambda: controls.skip_next(row, by=caller.name))
    if fire is None:
        raise Problem("not-possible", str(NoNextFireError(row.periodic_task.name)))
    return JsonResponse(fire_facts(fire))


@endpoint("POST")
def run_now(request: HttpRequest, pk: int) -> HttpResponse:
    """Fire a schedule once more at this moment, and tell the fire."""
    row, _caller = _find(request, "run_schedule", pk)
    overlap = read_overlap(request)
    try:
        fire = controls.fire_now(row, overlap=overlap)
    except RecurringJobsError:
        # The error itself may name the broker's address, which is not the caller's business.
        detail = "The broker is away, so nothing was sent. Try again later."
        raise Problem("broker-away", detail, headers={"Retry-After": "5"}) from None
    return JsonResponse(fire_facts(fire), status=HTTPStatus.ACCEPTED)


@endpoint("POST")
def backfill(request: HttpRequest, pk: int) -> HttpResponse:
    """Fire each time of a range, or with ``preview`` tell which those are."""
    row, _caller = _find(request, "run_schedule", pk)
    body = read_backfill(request)
    if body.is_preview:
        times = _do(lambda: controls.backfill_times(row, body.start, body.end))
        return JsonResponse({"count": len(times), "times": [at.isoformat() for at in times]})
    fires = _do(
        lambda: controls.backfill(row, body.start, body.end, overlap=body.overlap, every=body.every)
    )
    told = {"count": len(fires), "times": [fire.nominal_at.isoformat() for fire in fires]}
    return JsonResponse(told, status=HTTPStatus.ACCEPTED)


def _rows() -> Any:
    names = (f"periodic_task__{name}" for name in _TRIGGER_ROWS)
    return Schedule.objects.select_related("periodic_task", *names)


def _find(request: HttpRequest, action: str, pk: int) -> tuple[Schedule, Caller]:
    """Return the schedule and who asks; one that the caller may not see is unknown."""
    row: Schedule | None = _rows().filter(pk=pk).first()
    task = row.periodic_task.task if row else ""
    caller = admit(request, action, task)
    if row is None or not caller.may_see(task):
        raise Problem("unknown-schedule", "There is no schedule of this id.")
    return row, caller


def _do(act: Callable[[], _T]) -> _T:
    try:
        return act()
    except BackfillTooLongError as error:
        raise Problem("invalid-argument", str(error), argument="end") from None
    except RecurringJobsError as error:
        raise Problem("not-possible", str(error)) from None


def _told(pk: int) -> HttpResponse:
    return JsonResponse(schedule_facts(_rows().get(pk=pk)))

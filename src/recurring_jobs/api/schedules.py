"""The views of schedules: what fires when, and what a person does to it, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from recurring_jobs.api import pages
from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.problems import Problem, broker_away
from recurring_jobs.api.repetition import once
from recurring_jobs.api.schedule_bodies import (
    AFTER,
    EACH_OVERLAP,
    END,
    EVERY,
    NAME,
    OVERLAP,
    PREVIEW,
    REASON,
    START,
    UNTIL,
)
from recurring_jobs.api.schedule_facts import fire_facts, schedule_facts, with_fires
from recurring_jobs.exceptions import (
    BackfillTooLongError,
    FireNotSentError,
    NoNextFireError,
    NotFiredError,
    RecurringJobsError,
)
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import beat_fires, controls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from recurring_jobs.api.access import Caller
    from recurring_jobs.api.calls import Call

_T = TypeVar("_T")
#: Where the name of a schedule's task is.
_TASK = "periodic_task__task"


@endpoint(
    "GET",
    action="view_schedule",
    answers={200: "Schedules"},
    query=(NAME, pages.LIMIT, AFTER),
)
def schedules(call: Call) -> HttpResponse:
    """List the schedules that the caller may see, by id."""
    caller = call.admit()
    asked = call.query()
    rows = call.visible(_rows(), caller, task=_TASK).filter(pk__gt=asked["after"]).order_by("pk")
    if asked["name"] is not None:
        rows = rows.filter(periodic_task__name=asked["name"])
    shown, is_more = pages.cut(rows, asked["limit"])
    beat_fires.load_tasks(shown, using=rows.db)
    following = shown[-1].pk if is_more else None
    told = [schedule_facts(row) for row in shown]
    return JsonResponse({"schedules": told, "next_after": following})


@endpoint(
    "GET",
    action="view_schedule",
    answers={200: "ScheduleWithFires"},
    problems=("unknown-schedule",),
)
def schedule(call: Call, pk: int) -> HttpResponse:
    """Tell one schedule, with its next ten fires and its last ten."""
    row, _caller = _find(call, pk)
    return JsonResponse(with_fires(row))


@endpoint(
    "POST",
    action="pause_schedule",
    answers={200: "Schedule"},
    problems=("unknown-schedule", "not-possible"),
    body=(REASON, UNTIL),
)
def pause(call: Call, pk: int) -> HttpResponse:
    """Keep a schedule from firing, for a reason and perhaps until a time."""
    row, caller = _find(call, pk)
    body = call.body()
    until = body["until"]
    if until is not None and until <= timezone.now():
        raise UNTIL.problem("has passed.")
    _do(lambda: controls.pause(row, reason=body["reason"], by=caller.name, until=until))
    return _told(pk)


@endpoint(
    "POST",
    action="pause_schedule",
    answers={200: "Schedule"},
    problems=("unknown-schedule", "not-possible"),
    body=(),
)
def resume(call: Call, pk: int) -> HttpResponse:
    """Let a schedule fire again, from its next time on."""
    row, _caller = _find(call, pk)
    call.body()
    _do(lambda: controls.resume(row))
    return _told(pk)


@endpoint(
    "POST",
    action="pause_schedule",
    answers={200: "Fire"},
    problems=("unknown-schedule", "not-possible"),
    body=(),
    is_keyed=True,
)
def skip_next(call: Call, pk: int) -> HttpResponse:
    """Leave out the next fire of a schedule, and tell that one."""
    row, caller = _find(call, pk)
    return once(call, caller, lambda _run_id: _skip_next(call, row, caller), may_resume=False)


@endpoint(
    "POST",
    action="run_schedule",
    answers={202: "Fire"},
    problems=("unknown-schedule", "not-possible", "broker-away"),
    body=(OVERLAP,),
    is_keyed=True,
)
def run_now(call: Call, pk: int) -> HttpResponse:
    """Fire a schedule once more at this moment, and tell the fire."""
    row, caller = _find(call, pk)
    return once(call, caller, lambda _run_id: _run_now(call, row), may_resume=False)


@endpoint(
    "POST",
    action="backfill_schedule",
    answers={200: "Times", 202: "Times"},
    problems=("unknown-schedule", "not-possible"),
    body=(START, END, EACH_OVERLAP, EVERY, PREVIEW),
    is_keyed=True,
)
def backfill(call: Call, pk: int) -> HttpResponse:
    """Fire each time of a range, or with preview tell which those are."""
    row, caller = _find(call, pk)
    return once(call, caller, lambda _run_id: _backfill(call, row), may_resume=True)


def _skip_next(call: Call, row: Schedule, caller: Caller) -> HttpResponse:
    call.body()
    fire = _do(lambda: controls.skip_next(row, by=caller.name))
    if fire is None:
        raise Problem("not-possible", str(NoNextFireError(row.periodic_task.name)))
    return JsonResponse(fire_facts(fire))


def _run_now(call: Call, row: Schedule) -> HttpResponse:
    body = call.body()
    try:
        fire = controls.fire_now(row, overlap=body["overlap"])
    except NotFiredError as error:
        raise Problem("not-possible", str(error)) from None
    except FireNotSentError:
        raise broker_away() from None
    return JsonResponse(fire_facts(fire), status=HTTPStatus.ACCEPTED)


def _backfill(call: Call, row: Schedule) -> HttpResponse:
    body = call.body()
    start, end = body["start"], body["end"]
    if body["preview"]:
        times = _do(lambda: controls.backfill_times(row, start, end))
        return _told_times(times, HTTPStatus.OK)
    every = timedelta(seconds=body["every"])
    fires = _do(lambda: controls.backfill(row, start, end, overlap=body["overlap"], every=every))
    return _told_times([fire.nominal_at for fire in fires], HTTPStatus.ACCEPTED)


def _rows() -> Any:
    return Schedule.objects.select_related("periodic_task")


def _find(call: Call, pk: int) -> tuple[Schedule, Caller]:
    missing = Problem("unknown-schedule", "There is no schedule of this id.")
    row, caller = call.find(_rows().filter(pk=pk), task=_TASK, missing=missing)
    beat_fires.load_tasks([row], using=str(row._state.db))
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


def _told_times(times: Sequence[datetime], status: HTTPStatus) -> HttpResponse:
    told = {"count": len(times), "times": [at.isoformat() for at in times]}
    return JsonResponse(told, status=status)

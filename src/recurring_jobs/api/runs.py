"""The views of runs: what ran, what runs, and to have one end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from recurring_jobs.api import pages
from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.kinds import Key, choice, flag, instant, text, whole_number
from recurring_jobs.api.problems import Problem, broker_away
from recurring_jobs.api.run_facts import run_facts, with_arguments
from recurring_jobs.exceptions import BrokerAwayError, RunEndedError
from recurring_jobs.inspection import cancel_run, loaded_app, stored_result
from recurring_jobs.models import Run

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from recurring_jobs.api.access import Caller
    from recurring_jobs.api.calls import Call

_TASK = Key("task", text(255), "The name of a task.")
_STATE = Key("state", choice(Run.State.values), "How far the run is.")
_SCHEDULE = Key("schedule", whole_number(1, 2**63 - 1), "The id of a schedule that fired it.")
_SINCE = Key("since", instant(), "No run that was queued before.")
_KILL = Key(
    "kill", flag(), "Whether the process of a run that is at work is killed.", default=False
)


@endpoint(
    "GET",
    action="status",
    answers={200: "Runs"},
    query=(_TASK, _STATE, _SCHEDULE, _SINCE, pages.LIMIT, pages.AFTER),
)
def runs(call: Call) -> HttpResponse:
    """List the runs that the caller may see, the newest first."""
    caller = call.admit()
    asked = call.query()
    rows = call.visible(_matching(asked), caller, task="task")
    shown, following = pages.newest_first(
        rows, "created_at", after=asked["after"], limit=asked["limit"]
    )
    return JsonResponse({"runs": [run_facts(each) for each in shown], "next_after": following})


@endpoint("GET", action="status", answers={200: "Run"}, problems=("unknown-run",))
def run(call: Call, run_id: str) -> HttpResponse:
    """Tell the state of a run, and to who may see arguments also these and the result."""
    row, caller = _find(call, run_id)
    return JsonResponse(_told(row, caller))


@endpoint(
    "POST",
    action="cancel",
    answers={200: "Run"},
    problems=("unknown-run", "not-possible", "broker-away"),
    body=(_KILL,),
)
def cancel(call: Call, run_id: str) -> HttpResponse:
    """End a run that waits, or ask one that is at work to end."""
    row, caller = _find(call, run_id)
    is_kill = call.body()["kill"]
    try:
        cancel_run(row, by=caller.name, kill=is_kill)
    except RunEndedError as error:
        raise Problem("not-possible", str(error)) from None
    except BrokerAwayError:
        raise broker_away() from None
    return JsonResponse(with_arguments(row, caller))


def _matching(asked: dict[str, Any]) -> QuerySet[Run]:
    fields = {"task": "task", "state": "state", "schedule": "fire__schedule_id"}
    wanted = {field: asked[name] for name, field in fields.items() if asked[name] is not None}
    if asked["since"] is not None:
        wanted["created_at__gte"] = min(asked["since"], timezone.now())
    return Run.objects.select_related("fire").filter(**wanted)


def _find(call: Call, run_id: str) -> tuple[Run, Caller]:
    rows = Run.objects.select_related("fire")
    # PostgreSQL would raise for a null character.
    found = rows.none() if "\x00" in run_id else rows.filter(pk=run_id)
    missing = Problem("unknown-run", "There is no run of this id.")
    return call.find(found, task="task", missing=missing)


def _told(row: Run, caller: Caller) -> dict[str, Any]:
    told = with_arguments(row, caller)
    if "args" in told:
        has_result, result = stored_result(loaded_app(), row)
        if has_result:
            told["result"] = result
    return told

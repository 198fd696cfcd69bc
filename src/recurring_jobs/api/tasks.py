"""The view of tasks: to start a run of one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from django.http import HttpResponse, JsonResponse

from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.kinds import Key, array, choice, mapping
from recurring_jobs.api.problems import Problem, broker_away
from recurring_jobs.api.rates import count_trigger
from recurring_jobs.api.repetition import once
from recurring_jobs.exceptions import (
    BrokerAwayError,
    InvalidArgumentError,
    UnknownTaskError,
)
from recurring_jobs.inspection import (
    Mode,
    loaded_app,
    trigger_task,
    triggerable_task,
)

if TYPE_CHECKING:
    from recurring_jobs.api.access import Caller
    from recurring_jobs.api.calls import Call

_MODES: Final = tuple(each.value for each in Mode)
_ARGS = Key("args", array(), "Positional arguments.", default=[])
_KWARGS = Key("kwargs", mapping(), "Arguments by name.", default={})
_MODE = Key(
    "mode",
    choice(_MODES),
    "Whether it goes to the queue, or is executed in the web process and waited for.",
    default=Mode.QUEUED.value,
)


@endpoint(
    "POST",
    action="trigger",
    answers={202: "Triggered", 200: "Triggered"},
    problems=("unknown-task", "broker-away"),
    body=(_ARGS, _KWARGS, _MODE),
    is_keyed=True,
)
def trigger(call: Call, name: str) -> HttpResponse:
    """Start one run of a task: 202 when it is queued, 200 when it was executed here."""
    caller = call.admit(name)
    if not caller.may_see(name):
        raise Problem("not-allowed", "This token does not allow this task.")
    return once(call, caller, lambda run_id: _trigger(call, caller, name, run_id), may_resume=True)


def _trigger(call: Call, caller: Caller, name: str, run_id: str) -> HttpResponse:
    app = loaded_app()
    try:
        triggerable_task(app, name)
        count_trigger(caller, name)
        body = call.body()
        mode = Mode(body["mode"])
        triggered = trigger_task(app, name, body["args"], body["kwargs"], mode, run_id=run_id)
    except UnknownTaskError as error:
        raise Problem("unknown-task", str(error)) from None
    except InvalidArgumentError as error:
        raise Problem("invalid-argument", str(error), argument=error.argument) from None
    except BrokerAwayError:
        raise broker_away() from None
    status_url = call.address("run", triggered.id)
    told = {**triggered.as_dict(), "status_url": status_url}
    if mode is Mode.IN_PROCESS:
        return JsonResponse(told)
    return JsonResponse(told, status=HTTPStatus.ACCEPTED, headers={"Location": status_url})

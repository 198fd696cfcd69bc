"""The views of dead letters: what gave up, to be sent again or discarded."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpResponse, JsonResponse

from recurring_jobs.api import pages
from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.kinds import Key, array, choice, instant, mapping, text, whole_number
from recurring_jobs.api.letter_facts import letter_facts, with_details
from recurring_jobs.api.problems import Problem, broker_away
from recurring_jobs.api.repetition import once
from recurring_jobs.exceptions import BrokerAwayError, InvalidArgumentError, NotSendableError
from recurring_jobs.inspection import requeue_letter, requeue_letters
from recurring_jobs.models import DeadLetter
from recurring_jobs.runs import dead_letters

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from recurring_jobs.api.access import Caller
    from recurring_jobs.api.calls import Call

#: How many letters one request sends again at most.
MOST_AT_ONCE: Final = 100

_TASK = Key("task", text(255), "The name of a task.")
_EXCEPTION = Key("exception", text(255), "The type of the exception, as exception_type says it.")
_SINCE = Key("since", instant(), "None that failed before.")
_STATE = Key(
    "state",
    choice(DeadLetter.State.values),
    "What became of it.",
    default=DeadLetter.State.OPEN.value,
)
_AT_MOST = Key("limit", whole_number(1, MOST_AT_ONCE), "How many at most.", default=MOST_AT_ONCE)
_ARGS = Key("args", array(), "Positional arguments in the place of those that were sent.")
_KWARGS = Key("kwargs", mapping(), "Arguments by name in the place of those that were sent.")


@endpoint(
    "GET",
    action="view_dead_letter",
    answers={200: "DeadLetters"},
    query=(_TASK, _EXCEPTION, _STATE, _SINCE, pages.LIMIT, pages.AFTER),
)
def letters(call: Call) -> HttpResponse:
    """List the dead letters that the caller may see, the newest first; open ones by default."""
    caller = call.admit()
    asked = call.query()
    rows = call.visible(_matching(asked), caller, task="task")
    shown, following = pages.newest_first(
        rows.defer("tracebacks"), "failed_at", after=asked["after"], limit=asked["limit"]
    )
    told = [letter_facts(each) for each in shown]
    return JsonResponse({"dead_letters": told, "next_after": following})


@endpoint(
    "GET",
    action="view_dead_letter",
    answers={200: "DeadLetterDetails"},
    problems=("unknown-dead-letter",),
)
def letter(call: Call, pk: int) -> HttpResponse:
    """Tell one dead letter: its arguments and tracebacks to who may see these."""
    row, caller = _find(call, pk)
    return JsonResponse(with_details(row, caller))


@endpoint(
    "POST",
    action="requeue_dead_letter",
    answers={202: "Requeued"},
    problems=("unknown-dead-letter", "not-possible", "broker-away"),
    body=(_ARGS, _KWARGS),
    is_keyed=True,
)
def requeue(call: Call, pk: int) -> HttpResponse:
    """Send one dead letter again, with its arguments or others; once, however often asked."""
    row, caller = _find(call, pk)
    return once(call, caller, lambda _run_id: _requeue(call, row, caller), may_resume=True)


@endpoint(
    "POST",
    action="requeue_dead_letter",
    answers={202: "RequeuedMany"},
    problems=("broker-away",),
    body=(_TASK, _EXCEPTION, _SINCE, _AT_MOST),
    is_keyed=True,
)
def requeue_many(call: Call) -> HttpResponse:
    """Send open dead letters again, each once and as it was, the oldest first."""
    caller = call.admit()
    return once(call, caller, lambda _run_id: _requeue_many(call, caller), may_resume=True)


@endpoint(
    "POST",
    action="discard_dead_letter",
    answers={200: "DeadLetter"},
    problems=("unknown-dead-letter", "not-possible"),
    body=(),
)
def discard(call: Call, pk: int) -> HttpResponse:
    """Close one dead letter without sending it."""
    row, caller = _find(call, pk)
    call.body()
    if not dead_letters.discard(row, by=caller.name) and row.state != DeadLetter.State.DISCARDED:
        detail = f"It was sent again, as run {row.requeued_as}. Nothing was done."
        raise Problem("not-possible", detail)
    return JsonResponse(letter_facts(row))


def _requeue(call: Call, row: DeadLetter, caller: Caller) -> HttpResponse:
    body = call.body()
    is_edited = body["args"] is not None or body["kwargs"] is not None
    if is_edited and not caller.allows("view_arguments", row.task):
        raise Problem("not-allowed", "To send other arguments needs the right view_arguments.")
    try:
        run_id = requeue_letter(row, args=body["args"], kwargs=body["kwargs"], by=caller.name)
    except InvalidArgumentError as error:
        raise Problem("invalid-argument", str(error), argument=error.argument) from None
    except NotSendableError as error:
        raise Problem("not-possible", str(error)) from None
    except BrokerAwayError:
        raise broker_away() from None
    told = {"id": row.pk, "run_id": run_id, "status_url": call.address("run", run_id)}
    return JsonResponse(told, status=HTTPStatus.ACCEPTED)


def _requeue_many(call: Call, caller: Caller) -> HttpResponse:
    body = call.body()
    wanted = _matching({**body, "state": DeadLetter.State.OPEN.value})
    rows = call.visible(wanted, caller, task="task")
    # What cannot be sent comes last, so that it is never all that there is.
    oldest = rows.order_by("-is_sendable", "failed_at", "pk").values_list("pk", flat=True)
    chosen = list(oldest[: body["limit"]])
    try:
        done = requeue_letters(DeadLetter.objects.filter(pk__in=chosen), by=caller.name)
    except BrokerAwayError:
        raise broker_away() from None
    told = {
        "sent": done.task_ids,
        "refused": [str(error) for error in done.refused],
        "is_more": bool(done.task_ids) and rows.exclude(pk__in=chosen).exists(),
    }
    return JsonResponse(told, status=HTTPStatus.ACCEPTED)


def _matching(asked: dict[str, Any]) -> QuerySet[DeadLetter]:
    fields = {
        "task": "task",
        "exception": "exception_type",
        "state": "state",
        "since": "failed_at__gte",
    }
    wanted = {field: asked[name] for name, field in fields.items() if asked[name] is not None}
    return DeadLetter.objects.filter(**wanted)


def _find(call: Call, pk: int) -> tuple[DeadLetter, Caller]:
    rows = DeadLetter.objects.filter(pk=pk)
    missing = Problem("unknown-dead-letter", "There is no dead letter of this id.")
    return call.find(rows, task="task", missing=missing)

"""What every view of the API has in common: its declaration, and its problems told."""

from __future__ import annotations

import logging
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol

from django.db import InterfaceError, OperationalError, transaction
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from recurring_jobs.api.calls import Call, Operation
from recurring_jobs.api.problems import Problem
from recurring_jobs.exceptions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest, HttpResponse

    from recurring_jobs.api.kinds import Key

_P = ParamSpec("_P")
logger = logging.getLogger(__name__)


class Endpoint(Protocol[_P]):
    """A view as ``urls`` names it."""

    operation: Operation

    def __call__(
        self, request: HttpRequest, /, *args: _P.args, **kwargs: _P.kwargs
    ) -> HttpResponse:
        """Answer *request*."""


def endpoint(
    method: str,
    *,
    action: str = "",
    answers: Mapping[int, str],
    problems: tuple[str, ...] = (),
    query: tuple[Key, ...] = (),
    body: tuple[Key, ...] | None = None,
    is_keyed: bool = False,
) -> Callable[[Callable[Concatenate[Call, _P], HttpResponse]], Endpoint[_P]]:
    """
    Make a view of what answers a call; see Operation for what is declared of it.

    The middleware's CSRF check is left to ``access.admit``, since tokens need none. A
    request is no transaction: a run must be on record before its message is sent.
    """
    operation = Operation(
        method=method,
        action=action,
        answers=answers,
        problems=problems,
        query=query,
        body=body,
        is_keyed=is_keyed,
    )

    def decorate(answer: Callable[Concatenate[Call, _P], HttpResponse]) -> Endpoint[_P]:
        @csrf_exempt
        @never_cache
        @transaction.non_atomic_requests
        @wraps(answer)
        def view(request: HttpRequest, /, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponse:
            try:
                if request.method not in operation.methods:
                    raise _method_problem(operation.methods)
                _refuse_unknown(request, operation)
                call = Call(request, operation)
                return _noted(call, answer(call, *args, **kwargs))
            except Problem as problem:
                _note_refused(request, operation, problem)
                return problem.as_response()
            except (OperationalError, InterfaceError) as error:
                return _database_problem(request, error).as_response()

        view.operation = operation  # type: ignore[attr-defined]  # functions take attributes
        return view  # type: ignore[return-value]  # as the line above made it

    return decorate


@csrf_exempt
@never_cache
def no_address(_request: HttpRequest) -> HttpResponse:
    """Tell that nothing is at this address."""
    return Problem("unknown-address", "There is nothing at this address.").as_response()


def _method_problem(methods: tuple[str, ...]) -> Problem:
    allowed = ", ".join(methods)
    return Problem("method-not-allowed", f"Use {allowed}.", headers={"Allow": allowed})


def _noted(call: Call, told: HttpResponse) -> HttpResponse:
    """Leave a line of who has changed what, and return the answer."""
    if call.operation.method == "POST" and call.caller is not None:
        facts = {"caller": call.caller.id, "status": told.status_code}
        logger.info(
            "recurring_jobs.api.changed", extra={**_place(call.request, call.operation), **facts}
        )
    return told


def _note_refused(request: HttpRequest, operation: Operation, problem: Problem) -> None:
    """Leave a line of who was not let in."""
    if problem.kind in {"not-authenticated", "not-allowed", "csrf-failed", "too-many-requests"}:
        facts = {**_place(request, operation), "problem": problem.kind}
        logger.warning("recurring_jobs.api.refused", extra=facts)


def _place(request: HttpRequest, operation: Operation) -> dict[str, str]:
    return {
        "action": operation.action,
        "path": request.path[:500],
        "address": request.META.get("REMOTE_ADDR", ""),
    }


def _refuse_unknown(request: HttpRequest, operation: Operation) -> None:
    # A misspelt filter is not to pass for one that was left out.
    known = [key.name for key in operation.query]
    for name in request.GET:
        if name not in known:
            detail = f"{name[:80]!r} is not a known key.{did_you_mean(name[:80], known)}"
            raise Problem("invalid-argument", detail, argument=name[:80])


def _database_problem(request: HttpRequest, error: Exception) -> Problem:
    # Its text may name the server and its user: that is for the log of the project.
    logger.error("recurring_jobs.api.database_away", extra={"path": request.path}, exc_info=error)
    detail = "The database does not answer. Try again later."
    return Problem("database-away", detail, headers={"Retry-After": "5"})

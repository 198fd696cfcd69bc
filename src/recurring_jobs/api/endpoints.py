"""What every view of the API has in common."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from django.db import transaction
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from recurring_jobs.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

_P = ParamSpec("_P")


def endpoint(
    *methods: str,
) -> Callable[
    [Callable[Concatenate[HttpRequest, _P], HttpResponse]],
    Callable[Concatenate[HttpRequest, _P], HttpResponse],
]:
    """
    Let *methods* through to a view, and tell the problems it raises.

    The middleware's CSRF check is left to ``access.admit``, since tokens need none. A
    request is no transaction: a run must be on record before its message is sent.
    """

    def decorate(
        view: Callable[Concatenate[HttpRequest, _P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, _P], HttpResponse]:
        @csrf_exempt
        @never_cache
        @transaction.non_atomic_requests
        @wraps(view)
        def answer(request: HttpRequest, /, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponse:
            try:
                if request.method not in methods:
                    raise _method_problem(methods)
                return view(request, *args, **kwargs)
            except Problem as problem:
                return problem.as_response()

        return answer

    return decorate


def _method_problem(methods: tuple[str, ...]) -> Problem:
    allowed = ", ".join(methods)
    return Problem("method-not-allowed", f"Use {allowed}.", headers={"Allow": allowed})

"""Who may do what: a token, the host's own rule, or a user with the permission."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NoReturn

from django.middleware.csrf import CsrfViewMiddleware
from django.utils.module_loading import import_string

from recurring_jobs.api.problems import Problem
from recurring_jobs.conf import SHORTEST_TOKEN, conf

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

#: The permission that a session user needs for each action.
PERMISSIONS = {
    "trigger": "recurring_jobs.trigger_run",
    "status": "recurring_jobs.view_run",
    "view_schedule": "recurring_jobs.view_schedule",
    "change_schedule": "recurring_jobs.change_schedule",
    "run_schedule": "recurring_jobs.run_schedule",
}


@dataclass(frozen=True)
class Caller:
    """Somebody who was let in to one action."""

    #: Patterns of the task names that this caller is limited to; None: all.
    tasks: tuple[str, ...] | None = None
    #: The user, or the client of the token; empty where the host let somebody in.
    name: str = ""

    def may_see(self, task: str) -> bool:
        """Return whether *task* is among those the caller is limited to."""
        return self.tasks is None or any(fnmatchcase(task, each) for each in self.tasks)


def admit(request: HttpRequest, action: str, task: str) -> Caller:
    """
    Return the caller of *request* if it may do *action*, a key of PERMISSIONS, on *task*.

    A token of RECURRING_JOBS["API_TOKENS"] is tried first; then the callable of
    API_AUTHORIZE decides, where one is set; else the permissions of the session's user
    do. Raise Problem: 401 for nobody, 403 for a caller without the right or a session
    without its CSRF token.
    """
    client = _client_of(request)
    if client is not None:
        return _admit_client(*client, action)
    if conf.api_authorize:
        return _admit_by_host(request, action, task)
    if "Authorization" in request.headers or not _is_authenticated(request):
        _refuse_nobody()
    _enforce_csrf(request)
    if not request.user.has_perm(PERMISSIONS[action]):
        _refuse_known(f"This needs the permission {PERMISSIONS[action]}.")
    return Caller(name=_name_of(request))


def _client_of(request: HttpRequest) -> tuple[str, Mapping[str, Any]] | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    given = token.strip().encode()
    found = None
    for name, client in conf.api_tokens.items():
        # All are compared, so that the time taken tells nothing.
        if _is_token_of(client, given):
            found = name, client
    return found


def _is_token_of(client: object, given: bytes) -> bool:
    token = client.get("token") if isinstance(client, Mapping) else None
    if not isinstance(token, str) or len(token) < SHORTEST_TOKEN:
        return False
    return secrets.compare_digest(token.encode(), given)


def _admit_client(name: str, client: Mapping[str, Any], action: str) -> Caller:
    allowed = client.get("allow", ())
    if isinstance(allowed, str) or action not in allowed:
        _refuse_known(f"This token does not allow {action!r}.")
    return Caller(tuple(client["tasks"]) if "tasks" in client else None, name)


def _admit_by_host(request: HttpRequest, action: str, task: str) -> Caller:
    authorize: Callable[[HttpRequest, str, str], object] = import_string(conf.api_authorize)
    if _is_authenticated(request) and "Authorization" not in request.headers:
        _enforce_csrf(request)
    # Only True opens: a coroutine that nobody awaited is true as well.
    if authorize(request, action, task) is True:
        return Caller(name=_name_of(request))
    if _is_authenticated(request):
        _refuse_known("The project does not allow this.")
    return _refuse_nobody()


def _name_of(request: HttpRequest) -> str:
    return request.user.get_username() if _is_authenticated(request) else ""


def _is_authenticated(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated)


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check, giving its reason back instead of a page."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:  # noqa: ARG002  Django's hook
        return reason


def _enforce_csrf(request: HttpRequest) -> None:
    check = _CsrfCheck(_unused)
    check.process_request(request)
    reason = check.process_view(request, _unused, (), {})
    if reason:
        raise Problem("csrf-failed", f"{reason} Send the token in the header X-CSRFToken.")


def _unused(request: HttpRequest) -> HttpResponseBase:
    raise NotImplementedError(request)


def _refuse_nobody() -> NoReturn:
    detail = "Log in, or send a token in the header Authorization: Bearer <token>."
    raise Problem("not-authenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def _refuse_known(detail: str) -> NoReturn:
    raise Problem("not-allowed", detail)

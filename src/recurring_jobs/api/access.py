"""Who may do what: a token, the host's own rule, or a user with the permission."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.module_loading import import_string

from recurring_jobs.api.problems import Problem
from recurring_jobs.conf import SHORTEST_TOKEN, conf

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

#: The permission that a session user needs for each action.
PERMISSIONS: Final = {
    "trigger": "recurring_jobs.trigger_run",
    "status": "recurring_jobs.view_run",
    "cancel": "recurring_jobs.cancel_run",
    "view_arguments": "recurring_jobs.view_arguments",
    "view_tracebacks": "recurring_jobs.view_tracebacks",
    "view_schedule": "recurring_jobs.view_schedule",
    "run_schedule": "recurring_jobs.run_schedule",
    "pause_schedule": "recurring_jobs.pause_schedule",
    "backfill_schedule": "recurring_jobs.backfill_schedule",
    "view_dead_letter": "recurring_jobs.view_deadletter",
    "requeue_dead_letter": "recurring_jobs.requeue_deadletter",
    "discard_dead_letter": "recurring_jobs.discard_deadletter",
    # Of a template, the right to view its model: ``permission_for`` says which that is.
    "view_template": "",
    "metrics": "recurring_jobs.view_metrics",
}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody who was let in to one action."""

    #: What tells this caller from all others, from one request to the next.
    id: str
    #: The user, or the client of the token; empty where the host let somebody in.
    name: str = ""
    #: Patterns of the task names that this caller is limited to; None: all.
    tasks: tuple[str, ...] | None = None
    #: Whether it may do another action, too, on a task.
    allows: Callable[[str, str], bool]

    def may_see(self, task: str) -> bool:
        """Return whether *task* is among those the caller is limited to."""
        return self.tasks is None or bool(re.search(self.tasks_as_regex(), task))

    def tasks_as_regex(self) -> str:
        """
        Return the patterns as one expression that Python and each database read alike.

        >>> Caller(id="", tasks=("pricing.*", "shop.a?"), allows=bool).tasks_as_regex()
        '^(pricing\\\\..*|shop\\\\.a.)$'
        """
        return f"^({'|'.join(map(_regex_of, self.tasks or ()))})$"


def admit(request: HttpRequest, action: str, subject: str) -> Caller:
    """
    Return the caller of *request* if it may do *action*, a key of PERMISSIONS, on *subject*.

    The subject is the name of a task, or the label of a model of templates. A token of
    RECURRING_JOBS["API_TOKENS"] is tried first; then the callable of API_AUTHORIZE decides,
    where one is set; else the permissions of the session's user do. Raise Problem: 401 for
    nobody, 403 for a caller without the right or a session without its CSRF token.
    """
    client = _client_of(request)
    if client is not None:
        return _admit_client(*client, action)
    if conf.api_authorize:
        return _admit_by_host(request, action, subject)
    if "Authorization" in request.headers or not _is_authenticated(request):
        _refuse_nobody()
    _enforce_csrf(request)
    may = partial(_user_may, request)
    if not may(action, subject):
        needed = PERMISSIONS[action] or "to view the model of the template"
        _refuse_known(f"This needs the permission {needed}.")
    return Caller(id=_id_of(request), name=_name_of(request), allows=may)


def permission_for(action: str, subject: str) -> str:
    """Return the permission that a user needs for *action* on *subject*."""
    if action != "view_template":
        return PERMISSIONS[action]
    try:
        model = apps.get_model(subject)
    except (LookupError, ValueError):
        return ""  # There is no such model, and only who may do anything is told so.
    return f"{model._meta.app_label}.{get_permission_codename('view', model._meta)}"


def _client_of(request: HttpRequest) -> tuple[str, Mapping[str, Any]] | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip()
    if scheme.lower() != "bearer" or len(given) < SHORTEST_TOKEN:
        return None
    digest = hashlib.sha256(given.encode()).hexdigest()
    found = None
    for name, client in conf.api_tokens.items():
        # All are compared, so that the time taken tells nothing.
        if _is_digest_of(client, digest):
            found = name, client
    return found


def _is_digest_of(client: object, digest: str) -> bool:
    kept = client.get("sha256") if isinstance(client, Mapping) else None
    if not isinstance(kept, str) or not kept.isascii():
        return False
    return secrets.compare_digest(kept.lower(), digest)


def _admit_client(name: str, client: Mapping[str, Any], action: str) -> Caller:
    allowed = client.get("allow", ())
    rights = frozenset() if isinstance(allowed, str) else frozenset(allowed)
    if action not in rights:
        _refuse_known(f"This token does not allow {action!r}.")
    tasks = tuple(client["tasks"]) if "tasks" in client else None
    return Caller(id=f"token:{name}", name=name, tasks=tasks, allows=lambda act, _: act in rights)


def _admit_by_host(request: HttpRequest, action: str, subject: str) -> Caller:
    if _is_authenticated(request) and "Authorization" not in request.headers:
        _enforce_csrf(request)
    may = partial(_host_lets, request)
    if may(action, subject):
        return Caller(id=_id_of(request), name=_name_of(request), allows=may)
    if _is_authenticated(request):
        _refuse_known("The project does not allow this.")
    return _refuse_nobody()


def _user_may(request: HttpRequest, action: str, subject: str) -> bool:
    return request.user.has_perm(permission_for(action, subject))


def _host_lets(request: HttpRequest, action: str, subject: str) -> bool:
    authorize: Callable[[HttpRequest, str, str], object] = import_string(conf.api_authorize)
    # Only True opens: a coroutine that nobody awaited is true as well.
    return authorize(request, action, subject) is True


def _id_of(request: HttpRequest) -> str:
    if _is_authenticated(request):
        return f"user:{request.user.pk}"
    return f"address:{request.META.get('REMOTE_ADDR', '')}"


def _name_of(request: HttpRequest) -> str:
    return request.user.get_username() if _is_authenticated(request) else ""


def _is_authenticated(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated)


def _regex_of(pattern: str) -> str:
    wild = {"*": ".*", "?": "."}
    return "".join(wild.get(char) or re.escape(char) for char in pattern)


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

"""Errors as RFC 9457 problem details: a stable type, a sentence, and what to do next."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import JsonResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Each kind of problem with its status and its title. The names keep their meaning.
KINDS: dict[str, tuple[HTTPStatus, str]] = {
    "not-authenticated": (HTTPStatus.UNAUTHORIZED, "Not authenticated"),
    "not-allowed": (HTTPStatus.FORBIDDEN, "Not allowed"),
    "csrf-failed": (HTTPStatus.FORBIDDEN, "CSRF check failed"),
    "unknown-address": (HTTPStatus.NOT_FOUND, "Unknown address"),
    "unknown-task": (HTTPStatus.NOT_FOUND, "Unknown task"),
    "unknown-run": (HTTPStatus.NOT_FOUND, "Unknown run"),
    "unknown-schedule": (HTTPStatus.NOT_FOUND, "Unknown schedule"),
    "unknown-dead-letter": (HTTPStatus.NOT_FOUND, "Unknown dead letter"),
    "unknown-template": (HTTPStatus.NOT_FOUND, "Unknown template"),
    "key-in-use": (HTTPStatus.CONFLICT, "Key in use"),
    "key-reused": (HTTPStatus.CONFLICT, "Key reused"),
    "not-possible": (HTTPStatus.CONFLICT, "Not possible"),
    "method-not-allowed": (HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed"),
    "body-too-large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Body too large"),
    "not-json": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Not JSON"),
    "invalid-body": (HTTPStatus.BAD_REQUEST, "Invalid body"),
    "invalid-argument": (HTTPStatus.BAD_REQUEST, "Invalid argument"),
    "too-many-requests": (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
    "not-installed": (HTTPStatus.NOT_IMPLEMENTED, "Not installed"),
    "broker-away": (HTTPStatus.SERVICE_UNAVAILABLE, "Broker away"),
    "database-away": (HTTPStatus.SERVICE_UNAVAILABLE, "Database away"),
}


class Problem(Exception):  # noqa: N818  RFC 9457's word
    """Why a request is refused, on its way to the caller."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.facts = facts
        super().__init__(detail)

    def as_response(self) -> JsonResponse:
        """Return the response that tells the caller."""
        status, title = KINDS[self.kind]
        told = {
            "type": f"urn:problem-type:recurring-jobs:{self.kind}",
            "title": title,
            "status": status.value,
            "detail": self.detail,
            **self.facts,
        }
        return JsonResponse(
            told, status=status, headers=self.headers, content_type="application/problem+json"
        )


def broker_away() -> Problem:
    """
    Return the problem that the broker is away.

    The error itself names the broker's address, which is not the caller's business.
    """
    detail = "The broker is away, so nothing was sent. Try again later."
    return Problem("broker-away", detail, headers={"Retry-After": "5"})

"""Reading what a caller sends: one small, shallow JSON object with known keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import UnreadablePostError

from recurring_jobs.api.kinds import is_storable, kind_of
from recurring_jobs.api.problems import Problem
from recurring_jobs.exceptions import did_you_mean

if TYPE_CHECKING:
    from django.http import HttpRequest

LARGEST_BODY = 64 * 1024
DEEPEST_NESTING = 20


def read_object(request: HttpRequest, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the object that is sent. Raise Problem for none, and for other *keys* than these."""
    # A page of another site can make a browser send forms, but not JSON, unasked.
    if request.content_type != "application/json":
        detail = "Send a JSON object, with the header Content-Type: application/json."
        raise Problem("not-json", detail)
    try:
        body = json.loads(read_bytes(request), parse_constant=_refuse_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Problem("invalid-body", f"The body is not JSON: {_reason(error)}.") from None
    if not isinstance(body, dict):
        raise Problem("invalid-body", f"The body must be an object, not {kind_of(body)}.")
    _check_values(body)
    for key in body:
        if key not in keys:
            near = did_you_mean(key[:80], keys)
            raise Problem("invalid-body", f"{key[:80]!r} is not a known key.{near} {_known(keys)}")
    return body


def read_bytes(request: HttpRequest) -> bytes:
    """Return the bytes that are sent. Raise Problem for too many."""
    declared = str(request.META.get("CONTENT_LENGTH") or "0")
    if declared.isdecimal() and int(declared[:12]) > LARGEST_BODY:
        raise _too_large()
    try:
        body = request.body
    except RequestDataTooBig:
        raise _too_large() from None
    except UnreadablePostError:
        raise Problem("invalid-body", "The body ended before it was complete.") from None
    if len(body) > LARGEST_BODY:
        raise _too_large()
    return body


def _known(keys: tuple[str, ...]) -> str:
    if not keys:
        return "Send an empty object."
    *others, last = keys
    return f"Known are {', '.join(others)} and {last}." if others else f"Known is {last}."


def _check_values(body: dict[str, Any]) -> None:
    level: list[Any] = [body]
    for _ in range(DEEPEST_NESTING + 1):
        if not all(map(is_storable, _texts(level))):
            detail = "The body holds text that cannot be stored: a NUL or half a character."
            raise Problem("invalid-body", detail)
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise _too_deep()


def _texts(values: list[Any]) -> list[str]:
    keys = [key for each in values if isinstance(each, dict) for key in each]
    return keys + [each for each in values if isinstance(each, str)]


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error) if isinstance(error, _ConstantError) else "a number is too long"


class _ConstantError(ValueError):
    """NaN or an infinity, which Python reads and JSON does not have."""


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON number"
    raise _ConstantError(message)


def _too_large() -> Problem:
    return Problem("body-too-large", f"The body may have up to {LARGEST_BODY} bytes.")


def _too_deep() -> Problem:
    return Problem("invalid-body", f"The body may be nested up to {DEEPEST_NESTING} deep.")

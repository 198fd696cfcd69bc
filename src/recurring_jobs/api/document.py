"""The OpenAPI document, made from what each view declares of itself."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.http.request import HttpHeaders

import recurring_jobs
from recurring_jobs.api.endpoints import endpoint
from recurring_jobs.api.problems import KINDS
from recurring_jobs.api.repetition import HEADER, KEY_PATTERN, LONGEST_KEY
from recurring_jobs.api.schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from recurring_jobs.api.calls import Call, Operation
    from recurring_jobs.api.kinds import Key

_PLACE: Final = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")
_PLACES: Final[dict[str, dict[str, Any]]] = {
    "int": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
    "str": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
    "path": {"type": "string", "minLength": 1},
}
#: The problems that any request for an operation may meet, beside what it declares.
_OF_ALL: Final = ("method-not-allowed", "invalid-argument", "database-away")
_OF_CALLERS: Final = ("not-authenticated", "not-allowed", "too-many-requests")
_OF_BODIES: Final = ("csrf-failed", "not-json", "body-too-large", "invalid-body")
_OF_KEYS: Final = ("key-in-use", "key-reused")


@endpoint("GET", answers={200: "Document"})
def openapi(call: Call) -> HttpResponse:
    """Tell this document."""
    root = call.address("openapi").removesuffix("openapi.json")
    return JsonResponse(document(root))


def document(root: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the API that is mounted at *root*."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Recurring jobs",
            "summary": "Tasks, runs, schedules, dead letters and templates of a Django project.",
            "version": recurring_jobs.__version__,
        },
        "servers": [{"url": root.rstrip("/") or "/"}],
        "paths": {
            each.path: {each.operation.method.lower(): _operation(each)} for each in addresses()
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME},
                "csrf": {
                    "type": "apiKey",
                    "in": "header",
                    "name": HttpHeaders.parse_header_name(settings.CSRF_HEADER_NAME),
                },
            },
        },
    }


class Address(NamedTuple):
    """One line of ``urls``, with what its view declares."""

    name: str
    route: str
    operation: Operation
    about: str

    @property
    def path(self) -> str:
        """The route as OpenAPI writes it."""
        return "/" + _PLACE.sub(r"{\g<name>}", self.route)


def addresses() -> Iterator[Address]:
    """Yield each address of the API, but for the one of what has none."""
    from recurring_jobs.api.urls import urlpatterns  # which names this module's own view

    for pattern in urlpatterns:
        operation = getattr(pattern.callback, "operation", None)
        if operation is not None:
            about = (pattern.callback.__doc__ or "").strip().partition("\n")[0]
            yield Address(str(pattern.name), str(pattern.pattern), operation, about)


def problems_of(operation: Operation) -> tuple[str, ...]:
    """Return each kind of problem that *operation* may answer."""
    found = [*_OF_ALL, *operation.problems]
    if operation.action:
        found += _OF_CALLERS
    if operation.body is not None:
        found += _OF_BODIES
    if operation.is_keyed:
        found += _OF_KEYS
    return tuple(dict.fromkeys(found))


def _operation(address: Address) -> dict[str, Any]:
    operation = address.operation
    told: dict[str, Any] = {
        "operationId": address.name,
        "summary": address.about,
        "parameters": [*_places(address.route), *_query(operation.query)],
        "responses": _responses(operation),
        "security": _security(operation),
    }
    if operation.is_keyed:
        told["parameters"].append(_KEY_HEADER)
    if operation.body is not None:
        told["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _body(operation.body)}},
        }
    return told


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if not operation.action:
        return []
    # A change that a browser sends along with its cookie needs the token against forgery, too.
    session: dict[str, list[str]] = {"session": []}
    return [{"token": []}, session if operation.method == "GET" else {**session, "csrf": []}]


_KEY_HEADER: Final[dict[str, Any]] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Sent again with the same key, the request is done once.",
    "schema": {"type": "string", "maxLength": LONGEST_KEY, "pattern": KEY_PATTERN},
}


def _places(route: str) -> Iterator[dict[str, Any]]:
    for place in _PLACE.finditer(route):
        schema = _PLACES[place["kind"] or "str"]
        yield {"name": place["name"], "in": "path", "required": True, "schema": schema}


def _query(keys: Iterable[Key]) -> Iterator[dict[str, Any]]:
    for key in keys:
        told = {"name": key.name, "in": "query", "required": key.is_required}
        yield {**told, "description": key.about, "schema": _schema(key)}


def _body(keys: Iterable[Key]) -> dict[str, Any]:
    keys = tuple(keys)
    return {
        "type": "object",
        "properties": {key.name: {**_schema(key), "description": key.about} for key in keys},
        "required": [key.name for key in keys if key.is_required],
        "additionalProperties": False,
    }


def _schema(key: Key) -> dict[str, Any]:
    given = {} if key.default is None else {"default": key.default}
    return {**key.kind.schema, **given}


def _responses(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, name in operation.answers.items():
        found[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": _content(name),
        }
    for status, kinds in _by_status(problems_of(operation)).items():
        problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
        told = found.setdefault(str(status), {"description": "", "content": {}})
        told["description"] = ", ".join(filter(None, [told["description"], *kinds]))
        told["content"]["application/problem+json"] = problem
    return dict(sorted(found.items()))


def _content(name: str) -> dict[str, Any]:
    if "/" in name:  # a media type of its own
        return {name: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _by_status(kinds: Iterable[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for kind in kinds:
        found.setdefault(KINDS[kind][0].value, []).append(kind)
    return found

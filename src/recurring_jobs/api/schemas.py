"""What the API answers, as JSON Schema, for the document; the tests hold the views to it."""

from __future__ import annotations

from typing import Any, Final

from recurring_jobs.api.problems import KINDS
from recurring_jobs.inspection import DATABASE_PARTS
from recurring_jobs.models import DeadLetter, Fire, Run
from recurring_jobs.periodic.models import Schedule

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_FLAG: Final[Schema] = {"type": "boolean"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_ANYTHING: Final[Schema] = {}


def _or_null(schema: Schema) -> Schema:
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"oneOf": [schema, {"type": "null"}]}


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _one_of(values: Any) -> Schema:
    return {"type": "string", "enum": [str(value) for value in values]}


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(keys: dict[str, Schema], *, sometimes: dict[str, Schema] | None = None) -> Schema:
    """Return the schema of an object with *keys*, some of which are there *sometimes*."""
    return {
        "type": "object",
        "properties": {**keys, **(sometimes or {})},
        "required": list(keys),
        "additionalProperties": False,
    }


def _page_of(name: str, schema: str, place: Schema) -> Schema:
    return _object({name: _list_of(_named(schema)), "next_after": _or_null(place)})


_RUN: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "task": _TEXT,
    "state": _one_of(Run.State.values),
    "attempt": _COUNT,
    "queued_at": _TIME,
    "started_at": _or_null(_TIME),
    "finished_at": _or_null(_TIME),
    "heartbeat_at": _or_null(_TIME),
    "crashes": _COUNT,
    "progress": _or_null(_named("Progress")),
    "exception": _or_null(_TEXT),
    "schedule": _or_null({"type": "integer"}),
    "cancel_requested_at": _or_null(_TIME),
}
_ARGUMENTS: Final[dict[str, Schema]] = {
    "args": {"type": "array"},
    "kwargs": {"type": "object"},
}
_LETTER: Final[dict[str, Schema]] = {
    "id": {"type": "integer"},
    "run_id": _TEXT,
    "root_id": _TEXT,
    "task": _TEXT,
    "queue": _TEXT,
    "state": _one_of(DeadLetter.State.values),
    "exception_type": _TEXT,
    "attempts": _COUNT,
    "failed_at": _TIME,
    "is_sendable": _FLAG,
    "not_sendable_reason": _TEXT,
    "requeued_as": _or_null(_TEXT),
    "closed_by": _TEXT,
    "closed_at": _or_null(_TIME),
}
_SCHEDULE: Final[dict[str, Schema]] = {
    "id": {"type": "integer"},
    "name": _TEXT,
    "task": _TEXT,
    "state": _TEXT,
    "trigger": _or_null(_TEXT),
    "next_fire_at": _or_null(_TIME),
    "pause": _or_null(_named("Pause")),
    "set_aside_reason": _TEXT,
    "misfire": _one_of(Schedule.Misfire.values),
    "overlap": _one_of(Schedule.Overlap.values),
    "remaining_fires": _or_null(_COUNT),
    "counts": _object({"taken": _COUNT, "missed": _COUNT, "skipped": _COUNT, "dropped": _COUNT}),
}

#: Each schema by the name that operations give it.
SCHEMAS: Final[dict[str, Schema]] = {
    "Document": {"type": "object", "required": ["openapi", "paths"]},
    "Alive": _object({"is_alive": {"const": True}}),
    "Health": _object(
        {"is_well": _FLAG, "parts": _object({}, sometimes=dict.fromkeys(DATABASE_PARTS, _FLAG))}
    ),
    "Triggered": _object(
        {
            "id": _TEXT,
            "task": _TEXT,
            "state": _one_of(Run.State.values),
            "status_url": _TEXT,
        },
        sometimes={"result": _ANYTHING, "exception": _TEXT},
    ),
    "Progress": _object({"done": _COUNT, "total": _or_null(_COUNT), "note": _TEXT}),
    "Run": _object(_RUN, sometimes={**_ARGUMENTS, "result": _ANYTHING}),
    "Runs": _page_of("runs", "Run", _TEXT),
    "Pause": _object(
        {"at": _or_null(_TIME), "until": _or_null(_TIME), "by": _TEXT, "reason": _TEXT}
    ),
    "Fire": _object(
        {
            "nominal_at": _TIME,
            "kind": _one_of(Fire.Kind.values),
            "state": _one_of(Fire.State.values),
            "run_id": _TEXT,
            "stands_for": _COUNT,
            "published_at": _or_null(_TIME),
            "reason": _TEXT,
        }
    ),
    "Schedule": _object(_SCHEDULE),
    "ScheduleWithFires": _object(
        {**_SCHEDULE, "next_fires": _list_of(_TIME), "last_fires": _list_of(_named("Fire"))}
    ),
    "Schedules": _page_of("schedules", "Schedule", {"type": "integer"}),
    "Times": _object({"count": _COUNT, "times": _list_of(_TIME)}),
    "DeadLetter": _object(_LETTER),
    "DeadLetterDetails": _object(
        _LETTER,
        sometimes={**_ARGUMENTS, "exception": _TEXT, "tracebacks": _list_of(_TEXT)},
    ),
    "DeadLetters": _page_of("dead_letters", "DeadLetter", _TEXT),
    "Requeued": _object({"id": {"type": "integer"}, "run_id": _TEXT, "status_url": _TEXT}),
    "RequeuedMany": _object(
        {"sent": _list_of(_TEXT), "refused": _list_of(_TEXT), "is_more": _FLAG}
    ),
    "Occurrence": _object(
        {"id": _TEXT, "nominal_time": _TEXT, "timezone": _TEXT, "starts_at": _or_null(_TEXT)}
    ),
    "Occurrences": _page_of("occurrences", "Occurrence", _TEXT),
    "Problem": _object(
        {
            "type": _one_of(f"urn:problem-type:recurring-jobs:{kind}" for kind in KINDS),
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
        },
        sometimes={"argument": _TEXT},
    ),
}

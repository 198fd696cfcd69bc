"""What a periodic task declares, checked: a plain value that can be compared with the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidDeclarationError, did_you_mean
from recurring_jobs.periodic.triggers import At

if TYPE_CHECKING:
    from recurring_jobs.periodic.triggers import Trigger

MISFIRES = ("latest", "earliest", "all", "skip")


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One periodic task as the code wants it. Made by ``declare``, which checks it."""

    name: str
    task: str
    trigger: Trigger
    source: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    priority: int | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    expires: int | None = None
    description: str = ""
    enabled: bool = True
    one_off: bool = False
    start_time: datetime | None = None
    misfire: str = "latest"

    def values(self) -> dict[str, Any]:
        """Return every field but name and source as JSON values: what is compared and kept."""
        values = {key: getattr(self, key) for key in FIELDS}
        values["trigger"] = self.trigger.spec()
        values["args"] = list(self.args)
        values["start_time"] = None if self.start_time is None else self.start_time.isoformat()
        return values


#: The fields that are compared with the tables, in the order in which a plan shows them.
FIELDS = tuple(each.name for each in fields(Declaration) if each.name not in {"name", "source"})


def declare(
    name: str, task: str, trigger: Trigger, *, source: str, options: Mapping[str, Any]
) -> Declaration:
    """
    Return the declaration of *task* under *name*, its *options* checked and in plain form.

    *trigger* names its time zone; *options* are those of ``periodic_task``. Raise
    InvalidDeclarationError naming the option that is unknown or cannot be.
    """
    values: dict[str, Any] = {}
    for key, read in {"name": _name, "task": _name, **_READERS}.items():
        given = {"name": name, "task": task, **options}
        if key in given:
            try:
                values[key] = read(given[key])
            except _OptionError as error:
                raise InvalidDeclarationError(str(name), source, f"{key} {error}") from None
    for key in options:
        if key not in _READERS:
            problem = f"{key!r} is not an option.{did_you_mean(str(key), _READERS)}"
            raise InvalidDeclarationError(name, source, problem)
    if isinstance(trigger, At):
        values["one_off"] = True  # django-celery-beat demands it of a single time
    if not trigger.can_fire():
        raise InvalidDeclarationError(name, source, f"{trigger} never fires.")
    return Declaration(trigger=trigger, source=source, **values)


class _OptionError(Exception):
    """What is wrong with the value of one option."""


def _name(value: object) -> str:
    text = _text(value)
    if not text:
        raise _OptionError("is missing. Give a text.")
    return text


def _text(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 200:
        message = f"is {value!r}. Give a text of at most 200 characters."
        raise _OptionError(message)
    return value or None


def _description(value: object) -> str:
    if not isinstance(value, str):
        message = f"is {value!r}. Give a text."
        raise _OptionError(message)
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        message = f"is {value!r}. Give True or False."
        raise _OptionError(message)
    return value


def _args(value: object) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        message = f"are {value!r}. Give a list or tuple."
        raise _OptionError(message)
    return tuple(_as_json(list(value)))


def _mapping(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        message = f"are {value!r}. Give a dict with texts as keys."
        raise _OptionError(message)
    plain: dict[str, Any] = _as_json(dict(value))
    return plain


def _as_json(value: object) -> Any:
    """Return *value* as it comes back from JSON, so that tuples and lists compare equal."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        message = f"cannot be kept as JSON: {error}."
        raise _OptionError(message) from None


def _priority(value: object) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= 255):
        return value
    message = f"is {value!r}. Give a number from 0 to 255."
    raise _OptionError(message)


def _expires(value: object) -> int | None:
    if value is None:
        return None
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if (
        isinstance(seconds, int | float)
        and not isinstance(seconds, bool)
        and seconds == int(seconds)
        and 0 < seconds <= 2_147_483_647
    ):
        return int(seconds)
    message = f"is {value!r}. Give a timedelta or a number of whole seconds, at least 1."
    raise _OptionError(message)


def _start_time(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.utcoffset() is None:
        message = f"is {value!r}. Give an aware datetime."
        raise _OptionError(message)
    return value.astimezone(UTC)


def _misfire(value: object) -> str:
    if value in MISFIRES:
        return str(value)
    message = f"is {value!r}. Use one of {', '.join(MISFIRES)}."
    raise _OptionError(message)


_READERS: dict[str, Callable[[object], Any]] = {
    "args": _args,
    "kwargs": _mapping,
    "queue": _text,
    "exchange": _text,
    "routing_key": _text,
    "priority": _priority,
    "headers": _mapping,
    "expires": _expires,
    "description": _description,
    "enabled": _flag,
    "one_off": _flag,
    "start_time": _start_time,
    "misfire": _misfire,
}
#: The names of all options that a declaration may have.
OPTIONS = tuple(_READERS)

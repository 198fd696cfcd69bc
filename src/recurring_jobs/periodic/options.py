"""How each option of a declaration is read: refused, or brought into plain form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

LARGEST_INTEGER = 2_147_483_647
LONGEST_DURATION = timedelta(days=3653)

Reader = Callable[[object], Any]


class OptionError(Exception):
    """What is wrong with the value of one option: the end of a sentence that begins with it."""


def read_name(value: object) -> str:
    """Return a text that is not empty."""
    text = read_text(value)
    if not text:
        raise OptionError("is missing. Give a text.")
    return text


def read_text(value: object) -> str | None:
    """Return a text of at most 200 characters; None for an empty one."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 200:
        message = f"is {value!r}. Give a text of at most 200 characters."
        raise OptionError(message)
    return value or None


def read_prose(value: object) -> str:
    """Return a text of any length."""
    if not isinstance(value, str):
        message = f"is {value!r}. Give a text."
        raise OptionError(message)
    return value


def read_flag(value: object) -> bool:
    """Return True or False, and take nothing else for it."""
    if not isinstance(value, bool):
        message = f"is {value!r}. Give True or False."
        raise OptionError(message)
    return value


def read_args(value: object) -> tuple[Any, ...]:
    """Return a list or tuple as it comes back from JSON."""
    if not isinstance(value, list | tuple):
        message = f"are {value!r}. Give a list or tuple."
        raise OptionError(message)
    return tuple(_as_json(list(value)))


def read_mapping(value: object) -> dict[str, Any]:
    """Return a dict as it comes back from JSON; an empty one for None."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        message = f"are {value!r}. Give a dict with texts as keys."
        raise OptionError(message)
    plain: dict[str, Any] = _as_json(dict(value))
    return plain


def read_priority(value: object) -> int | None:
    """Return a priority of a message, or None."""
    if value is None or (type(value) is int and 0 <= value <= 255):
        return value
    message = f"is {value!r}. Give a number from 0 to 255."
    raise OptionError(message)


def read_seconds(value: object) -> int | None:
    """Return a timedelta or a number as whole seconds, at least one, or None."""
    if value is None:
        return None
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if (
        isinstance(seconds, int | float)
        and not isinstance(seconds, bool)
        and 0 < seconds <= LARGEST_INTEGER
        and seconds == int(seconds)
    ):
        return int(seconds)
    message = f"is {value!r}. Give a timedelta or a number of whole seconds, at least 1."
    raise OptionError(message)


def read_duration(value: object) -> timedelta:
    """Return a timedelta or a number of seconds as a timedelta, from nothing to ten years."""
    duration = value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value <= LARGEST_INTEGER:  # type: ignore[operator]  # it is a number
        duration = timedelta(seconds=value)  # type: ignore[arg-type]
    if isinstance(duration, timedelta) and timedelta(0) <= duration <= LONGEST_DURATION:
        return duration
    message = f"is {value!r}. Give a timedelta or a number of seconds, from 0 to ten years."
    raise OptionError(message)


def read_count(value: object) -> int:
    """Return a whole number from 0 to 1000."""
    if type(value) is int and 0 <= value <= 1000:
        return value
    message = f"is {value!r}. Give a number from 0 to 1000."
    raise OptionError(message)


def read_limit(value: object) -> int | None:
    """Return a whole number from 1 to 1000, or None for no limit."""
    if value is None or (type(value) is int and 1 <= value <= 1000):
        return value
    message = f"is {value!r}. Give a number from 1 to 1000, or None for no limit."
    raise OptionError(message)


def read_total(value: object) -> int | None:
    """Return a whole number from 1 on, or None for no limit."""
    if value is None or (type(value) is int and 1 <= value <= LARGEST_INTEGER):
        return value
    message = f"is {value!r}. Give a number, at least 1, or None for no limit."
    raise OptionError(message)


def read_instant(value: object) -> datetime | None:
    """Return an aware datetime in UTC, or None."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.utcoffset() is None:
        message = f"is {value!r}. Give an aware datetime."
        raise OptionError(message)
    return value.astimezone(UTC)


def one_of(*choices: str) -> Reader:
    """Return a reader that takes one of *choices*."""

    def read(value: object) -> str:
        if value in choices:
            return str(value)
        message = f"is {value!r}. Use one of {', '.join(choices)}."
        raise OptionError(message)

    return read


def as_json(value: Any) -> Any:
    """Return an option's plain form as a JSON value, the same for equal ones."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return list(value) if isinstance(value, tuple) else value


def _as_json(value: object) -> Any:
    """Return *value* as it comes back from JSON, so that tuples and lists compare equal."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        message = f"cannot be kept as JSON: {error}."
        raise OptionError(message) from None

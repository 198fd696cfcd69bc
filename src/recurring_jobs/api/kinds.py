"""What callers may give, in a query or a body: each kind read, and described, in one place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.dateparse import parse_datetime

from recurring_jobs.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Text that every database and every log line can hold.
STORABLE = r"^[^\u0000\ud800-\udfff]*$"


class Kind(NamedTuple):
    """A kind of value: its JSON Schema, and how it is read. *read* raises ValueError."""

    schema: Mapping[str, Any]
    read: Callable[[Any], Any]


class Key(NamedTuple):
    """One thing that a caller may give, by its name."""

    name: str
    kind: Kind
    about: str
    default: Any = None
    is_required: bool = False

    def read(self, given: Mapping[str, Any]) -> Any:
        """Return what *given* holds under the name, or the default. Raise Problem."""
        if self.name not in given:
            if self.is_required:
                raise self.problem("is missing.")
            return self.default
        try:
            return self.kind.read(given[self.name])
        except ValueError as error:
            raise self.problem(str(error)) from None

    def problem(self, what: str) -> Problem:
        """Return the problem that *what* is wrong with the value."""
        return Problem("invalid-argument", f"{self.name!r} {what}", argument=self.name)


def text(most: int) -> Kind:
    """Return the kind of a text of at most *most* characters."""
    words = f"a text of at most {most} characters"

    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) > most or not is_storable(value):
            raise _wrong(words)
        return value

    return Kind({"type": "string", "maxLength": most, "pattern": STORABLE}, read)


def whole_number(least: int, most: int) -> Kind:
    """Return the kind of a whole number; in a query it is written in decimal."""
    words = f"a number from {least} to {most}"

    def read(value: Any) -> int:
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise _wrong(words)
        return value

    return Kind({"type": "integer", "minimum": least, "maximum": most}, read)


def seconds(most: int) -> Kind:
    """Return the kind of a number of seconds, which may have a fraction."""
    words = f"a number of seconds, from 0 to {most}"

    def read(value: Any) -> float:
        if type(value) not in {int, float} or not 0 <= value <= most:
            raise _wrong(words)
        return float(value)

    return Kind({"type": "number", "minimum": 0, "maximum": most}, read)


def flag() -> Kind:
    """Return the kind of true or false."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise _wrong("true or false")
        return value

    return Kind({"type": "boolean"}, read)


def choice(values: Sequence[str]) -> Kind:
    """Return the kind of one of *values*."""
    *others, last = map(repr, values)
    words = f"{', '.join(others)} or {last}" if others else last

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in values:
            raise _wrong(words)
        return value

    return Kind({"type": "string", "enum": list(values)}, read)


def many(kind: Kind) -> Kind:
    """Return the kind of several of one *kind*, in a query: its key is given more than once."""
    schema = {"type": "array", "items": kind.schema}
    return Kind(schema, lambda values: [kind.read(value) for value in values])


def instant() -> Kind:
    """Return the kind of a date and time with an offset; it is read into UTC."""

    def read(value: Any) -> datetime:
        try:
            at = parse_datetime(value) if isinstance(value, str) else None
            if at is not None and at.utcoffset() is not None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # told below, as for what is no time at all
        raise _wrong("a date and time with an offset, as 2026-03-02T09:00:00Z")

    return Kind({"type": "string", "format": "date-time"}, read)


def array() -> Kind:
    """Return the kind of an array of anything."""
    return Kind({"type": "array"}, lambda value: _of_type(value, list, "an array"))


def mapping() -> Kind:
    """Return the kind of an object with any keys."""
    return Kind({"type": "object"}, lambda value: _of_type(value, dict, "an object"))


def kind_of(value: object) -> str:
    """Return what JSON calls *value*, with its article."""
    if value is None:
        return "null"
    names = {bool: "a boolean", dict: "an object", list: "an array", str: "a string"}
    return names.get(type(value), "a number")


def is_storable(value: str) -> bool:
    """Return whether databases take *value*: no NUL and no half of a character."""
    return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _of_type(value: Any, wanted: type, words: str) -> Any:
    if not isinstance(value, wanted):
        message = f"must be {words}, not {kind_of(value)}."
        raise ValueError(message)  # noqa: TRY004  told to the caller, as every wrong value is
    return value


def _wrong(words: str) -> ValueError:
    return ValueError(f"must be {words}.")

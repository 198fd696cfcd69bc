"""What a task says about overlapping runs: whether, by which key, and whether they wait."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from inspect import Parameter, getattr_static, signature
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID

from recurring_jobs.exceptions import OverlapKeyError
from recurring_jobs.runs.arguments import clean_text, redactor_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

#: A run that finds another one at work is recorded as skipped, or comes back later.
SKIP, WAIT = "skip", "wait"

#: Characters of a key that people are shown; a longer one is shown by its hash.
LONGEST_SHOWN = 200


class HeldLock(Protocol):
    """The lock of a run, as its task sees it."""

    token: int

    def is_held(self) -> bool:
        """Return whether no one else has taken the lock since; ask the database."""

    def check(self) -> None:
        """Raise LockLostError where the lock is another's by now."""

    def atomic(self) -> AbstractContextManager[None]:
        """Open a transaction that can only be committed under the lock."""


class OverlapKey(NamedTuple):
    """What two runs have in common that must not run at once."""

    id: str
    task: str
    shown: str


def overlap_policy(task: Any) -> str:
    """Return SKIP or WAIT for a task whose runs must not overlap, else an empty text."""
    value = getattr(task, "no_overlap", False)
    return SKIP if value is True else value or ""


def overlap_key(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> OverlapKey:
    """
    Return the key of a run of *task* with these arguments.

    Raise OverlapKeyError where the arguments do not give one.
    """
    text = _text_of(task, _value_of(task, args, kwargs))
    digest = sha256(f"{task.name}\n{text}".encode()).hexdigest()
    redactor = redactor_for(task)
    redactor.redact(dict(_bound(task, args, kwargs)) if text else {})
    is_shown = len(text) <= LONGEST_SHOWN and redactor.redact_text(text) == text
    return OverlapKey(digest, task.name, clean_text(text) if is_shown else f"sha256:{digest[:12]}")


def problem_of_key(task_class: type) -> str:
    """
    Return what is wrong with the ``overlap_key`` of *task_class* beside its type, or "".
    """
    names = getattr_static(task_class, "overlap_key", None)
    if names is None:
        return ""
    if not getattr(task_class, "no_overlap", False):
        return "is given, but no_overlap is not. Give no_overlap='skip' or 'wait' too."
    if isinstance(names, list | tuple):
        known, takes_any = _parameters(getattr_static(task_class, "run"))
        for name in names:
            if name not in known and not takes_any:
                return f"names {name!r}, which is not an argument of the task."
    return ""


def _value_of(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    chosen = vars(task).get("overlap_key") or getattr_static(task.__class__, "overlap_key", None)
    if chosen is None:
        return None
    if isinstance(chosen, list | tuple):
        bound = _bound(task, args, kwargs)
        return {name: bound.get(name) for name in chosen}
    function = chosen.__func__ if isinstance(chosen, staticmethod | classmethod) else chosen
    given = (task, *args) if _takes_self(function) else args
    try:
        return {"key": function(*given, **kwargs)}
    except TypeError as error:
        raise OverlapKeyError(task.name, f"{error}.") from error


def _bound(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        bound = signature(task.run).bind(*args, **kwargs)
    except TypeError as error:
        raise OverlapKeyError(task.name, f"{error}.") from error
    bound.apply_defaults()
    named = dict(bound.arguments)
    for parameter in signature(task.run).parameters.values():
        if parameter.kind is Parameter.VAR_KEYWORD:
            named |= named.pop(parameter.name, {})
    return named


def _text_of(task: Any, value: Any) -> str:
    if value is None:
        return ""
    try:
        return json.dumps(value, sort_keys=True, default=_plain, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise OverlapKeyError(task.name, f"{error}.") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    # As text, since an id may come as a UUID or as its text, by the serializer.
    if isinstance(value, UUID | Decimal | datetime | date | time):
        return str(value)
    message = f"a {type(value).__name__} has no text that is the same in every process"
    raise TypeError(message)


@lru_cache(maxsize=1024)
def _takes_self(function: Callable[..., Any]) -> bool:
    return next(iter(signature(function).parameters), "") == "self"


def _parameters(run: Any) -> tuple[set[str], bool]:
    function = run.__func__ if isinstance(run, staticmethod | classmethod) else run
    parameters = signature(function).parameters.values()
    takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters)
    return {parameter.name for parameter in parameters}, takes_any

"""The arguments of a task as they are stored: JSON, without secrets, of a bounded size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from kombu.utils.json import dumps

from recurring_jobs.conf import conf
from recurring_jobs.runs.redaction import REDACTED, Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Bytes of JSON that positional and keyword arguments may take together.
LARGEST = 64 * 1024

NOT_JSON = "[not JSON]"
LEFT_OUT = "[left out]"
_MARKS = (REDACTED, NOT_JSON, LEFT_OUT)


@dataclass(frozen=True, slots=True)
class StoredArguments:
    """What is stored of a task's arguments, and why it cannot be sent again, if it cannot."""

    args: list[Any]
    kwargs: dict[str, Any]
    problem: str = ""


def redactor_for(task: Any = None) -> Redactor:
    """Return a redactor for the built-in names, the project's, and those of *task*."""
    return Redactor((*conf.sensitive_keys, *getattr(task, "sensitive", ())))


def redactor_of(task: Any, request: Any) -> Redactor:
    """Return the redactor of *task*, which knows the secrets in the arguments of *request*."""
    redactor = redactor_for(task)
    redactor.redact_positional(request.args or (), parameter_names(task))
    redactor.redact(dict(request.kwargs or {}))
    return redactor


def parameter_names(task: Any) -> tuple[str, ...]:
    """Return the names of the positional parameters of *task*, as far as they are known."""
    return _positional_parameters(getattr(task, "run", None))


def stored_arguments(
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    *,
    redactor: Redactor,
    names: Sequence[str] = (),
) -> StoredArguments:
    """
    Return *args* and *kwargs* as they are stored.

    Dates, UUIDs and decimals are kept in the form that Celery's JSON gives them, so that
    they are themselves again when they are sent again.
    """
    try:
        plain_args = redactor.redact_positional(args or (), names)
        plain_kwargs = redactor.redact(dict(kwargs or {}))
    except RecursionError:
        return StoredArguments([LEFT_OUT], {}, "its arguments hold themselves.")
    try:
        text = dumps([plain_args, plain_kwargs], allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return _not_json(plain_args, plain_kwargs, redactor, str(error))
    if len(text) > LARGEST:
        reason = f"its arguments take {len(text)} bytes of JSON; at most {LARGEST} are kept."
        return StoredArguments([LEFT_OUT], {}, reason)
    if "\\u0000" in text:
        # PostgreSQL's jsonb refuses this character.
        return _not_json(plain_args, plain_kwargs, redactor, "They hold a null character")
    stored_args, stored_kwargs = json.loads(text)
    problem = "secret arguments were not stored." if redactor.has_redacted else ""
    return StoredArguments(stored_args, stored_kwargs, problem)


def is_as_sent(value: Any) -> bool:
    """Return whether nothing in stored *value* stands in the place of something else."""
    if isinstance(value, dict):
        return all(is_as_sent(item) for item in value.values())
    if isinstance(value, list):
        return all(is_as_sent(item) for item in value)
    return not (isinstance(value, str) and value.startswith(_MARKS))


def clean_text(text: str) -> str:
    """Return *text* without what databases refuse: null characters and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=1024)
def _positional_parameters(function: Any) -> tuple[str, ...]:
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(parameter.name for parameter in parameters if parameter.kind in positional)


def _not_json(
    args: list[Any], kwargs: dict[Any, Any], redactor: Redactor, reason: str
) -> StoredArguments:
    def shown(value: Any) -> str:
        if value == REDACTED:
            return REDACTED
        return clean_text(redactor.redact_text(f"{NOT_JSON} {value!r}"))[:1000]

    return StoredArguments(
        [shown(value) for value in args[:100]],
        {clean_text(str(key)): shown(value) for key, value in list(kwargs.items())[:100]},
        f"its arguments are not JSON. {reason.rstrip('.')}.",
    )

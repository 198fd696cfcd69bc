"""The texts of failures: what is kept of an exception, and what travels on to the next attempt."""

from __future__ import annotations

from traceback import format_exception
from typing import TYPE_CHECKING, Any

from recurring_jobs.runs import headers
from recurring_jobs.runs.arguments import clean_text, redactor_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurring_jobs.runs.execution import Execution
    from recurring_jobs.runs.redaction import Redactor

#: How many of them travel along; brokers bound the size of headers.
MOST_KEPT = 5
#: Bytes of each; the end is kept, where the exception stands.
LONGEST_TRACEBACK = 4 * 1024
LONGEST_MESSAGE = 2000


def traceback_text(exc: BaseException, redactor: Redactor) -> str:
    """Return the traceback of *exc*, cut to what is kept, without known secrets."""
    return shortened("".join(format_exception(exc)), redactor)


def shortened(text: str, redactor: Redactor) -> str:
    """Return the end of traceback *text*, without known secrets."""
    data = clean_text(redactor.redact_text(text)).encode()
    if len(data) <= LONGEST_TRACEBACK:
        return data.decode()
    return "…" + data[-LONGEST_TRACEBACK:].decode("utf-8", "ignore")


def message_text(exc: BaseException, redactor: Redactor) -> str:
    """Return the message of *exc*, without known secrets."""
    return clean_text(redactor.redact_text(str(exc)))[:LONGEST_MESSAGE]


def type_name(exc: BaseException) -> str:
    """Return the dotted name of the class of *exc*, without ``builtins.``."""
    return class_name(type(exc))


def class_name(cls: type[BaseException]) -> str:
    """Return the dotted name of *cls*, without ``builtins.``."""
    if cls.__module__ == "builtins":
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


def sentence(execution: Execution, exc: BaseException | None) -> str:
    """Return class and message of *exc* as they are stored with a run."""
    if exc is None:
        return ""
    execution.stored_arguments()  # The redactor learns their secrets.
    return f"{type_name(exc)}: {message_text(exc, execution.redactor)}"


def earlier_tracebacks(of: Mapping[str, Any] | None) -> list[str]:
    """Return the tracebacks of earlier attempts that came with the message."""
    found = (of or {}).get(headers.FAILURES)
    return [str(text) for text in found][-MOST_KEPT:] if isinstance(found, list) else []


def headers_with(exc: BaseException, task: Any, request: Any) -> dict[str, Any]:
    """Return the headers of *request* with the traceback of *exc* added."""
    redactor = redactor_of(task, request)
    known = earlier_tracebacks(request.headers)
    return {
        **(request.headers or {}),
        headers.FAILURES: [*known, traceback_text(exc, redactor)][-MOST_KEPT:],
    }

"""Takes the secrets out of an exception before it leaves its task, whoever keeps it then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import RedactedError
from recurring_jobs.runs.arguments import redactor_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurring_jobs.runs.redaction import Redactor


def without_secrets(exc: Exception, task: Any) -> Exception:
    """
    Return *exc* with the secrets of the present run of *task* redacted in its texts.

    Celery writes the exception into its log, its events and every result back end. It
    stays the same object, so that its class still counts; where its text cannot be
    changed a RedactedError takes its place. The exceptions it came from are changed too.
    """
    redactor = redactor_of(task, task.request)
    for each in reversed(list(_chain(exc))):  # what an exception holds before itself
        _redact(each, redactor)
    if not any(_tells(each, redactor) for each in _chain(exc)):
        return exc
    replacement = RedactedError(type(exc).__qualname__, redactor.redact_text(str(exc)))
    return replacement.with_traceback(exc.__traceback__)


def _chain(exc: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [exc]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, *_held_by(each)]


def _held_by(exc: BaseException) -> list[BaseException]:
    # The members of a group, and what a Retry or a Reject was made for.
    inner = exc.exceptions if isinstance(exc, BaseExceptionGroup) else ()
    values = (*inner, *exc.args, *vars(exc).values())
    return [value for value in values if isinstance(value, BaseException)]


def _redact(exc: BaseException, redactor: Redactor) -> None:
    args = tuple(_redacted(value, redactor) for value in exc.args)
    if args != exc.args:
        exc.args = args
    for name, value in _texts(exc):
        changed = _redacted(value, redactor)
        if changed != value:
            setattr(exc, name, changed)


def _texts(exc: BaseException) -> Iterator[tuple[str, Any]]:
    for name, value in list(vars(exc).items()):
        if isinstance(value, str | list | tuple | dict):
            yield name, value
    for name in ("strerror", "filename", "filename2") if isinstance(exc, OSError) else ():
        if isinstance(getattr(exc, name), str):
            yield name, getattr(exc, name)


def _redacted(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.redact_text(value)
    if isinstance(value, list | tuple) and type(value) in {list, tuple}:
        return type(value)(_redacted(item, redactor) for item in value)
    if isinstance(value, Mapping):
        return {key: _redacted(item, redactor) for key, item in value.items()}
    shown = repr(value)
    hidden = redactor.redact_text(shown)
    return value if hidden == shown else hidden


def _tells(exc: BaseException, redactor: Redactor) -> bool:
    return any(redactor.redact_text(text) != text for text in (str(exc), repr(exc)))

"""What each option of a task may be."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING

from recurring_jobs.exceptions import did_you_mean
from recurring_jobs.runs.losses import OnLost
from recurring_jobs.runs.overlap import SKIP, WAIT

if TYPE_CHECKING:
    from collections.abc import Callable

#: What ``retry_kwargs`` may hold beside these two goes to ``apply_async`` as it is.
RETRY_KWARGS = ("countdown", "max_retries")
MESSAGE_KWARGS = (
    "compression",
    "exchange",
    "expires",
    "link",
    "link_error",
    "priority",
    "queue",
    "routing_key",
    "serializer",
    "soft_time_limit",
    "time_limit",
)


def _not_exceptions(value: object) -> str:
    if not isinstance(value, tuple | list | set | frozenset):
        return f"is {value!r}. Give a tuple of exception classes."
    for each in value:
        if not (isinstance(each, type) and issubclass(each, Exception)):
            return f"holds {each!r}. Give a tuple of exception classes."
    return ""


def _not_a_count(value: object) -> str:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return ""
    return f"is {value!r}. Give a whole number, at least 0, or None for no limit."


def _not_seconds(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value < inf:  # type: ignore[operator]  # it is a number
        return ""
    return f"is {value!r}. Give a number of seconds, at least 0."


def _not_a_backoff(value: object) -> str:
    if isinstance(value, bool) or not _not_seconds(value):
        return ""
    return f"is {value!r}. Give the seconds of the first wait, at least 0, or True for 1."


def _not_a_bool(value: object) -> str:
    return "" if isinstance(value, bool) else f"is {value!r}. Give True or False."


def _not_a_bool_or_none(value: object) -> str:
    return "" if value is None else _not_a_bool(value)


def _not_retry_kwargs(value: object) -> str:
    if not isinstance(value, Mapping):
        return f"is {value!r}. Give a dict."
    allowed = (*RETRY_KWARGS, *MESSAGE_KWARGS)
    for name, each in value.items():
        if name not in allowed:
            return f"holds {name!r}, which is not a known option.{did_you_mean(str(name), allowed)}"
        if name in RETRY_KWARGS:
            problem = _not_a_count(each) if name == "max_retries" else _not_seconds(each)
            if problem:
                return f"holds {name!r}, which {problem}"
    return ""


def _not_names(value: object) -> str:
    if isinstance(value, tuple | list | set | frozenset) and all(
        isinstance(each, str) for each in value
    ):
        return ""
    return f"is {value!r}. Give a tuple of argument names."


def _not_a_policy(value: object) -> str:
    if isinstance(value, bool) or value in {SKIP, WAIT}:
        return ""
    return f"is {value!r}. Give 'skip' (or True), 'wait', or False."


def _not_a_key(value: object) -> str:
    if value is None or callable(value) or isinstance(value, staticmethod | classmethod):
        return ""
    return _not_names(value) and f"is {value!r}. Give argument names, or a function of them."


def _not_a_number_of_crashes(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return ""
    return f"is {value!r}. Give a whole number, at least 1."


def _not_an_end(value: object) -> str:
    if isinstance(value, str) and value in set(OnLost):
        return ""
    known = ", ".join(repr(each.value) for each in OnLost)
    return f"is {value!r}. Give one of {known}."


#: By option: what is wrong with a value, in words; nothing where it can be.
CHECKS: dict[str, Callable[[object], str]] = {
    "acks_late": _not_a_bool_or_none,
    "autoretry_for": _not_exceptions,
    "default_retry_delay": _not_seconds,
    "dont_autoretry_for": _not_exceptions,
    "max_crashes": _not_a_number_of_crashes,
    "max_retries": _not_a_count,
    "no_overlap": _not_a_policy,
    "on_lost": _not_an_end,
    "overlap_key": _not_a_key,
    "overlap_wait_max": _not_seconds,
    "reject_on_worker_lost": _not_a_bool_or_none,
    "retry_backoff": _not_a_backoff,
    "retry_backoff_max": _not_seconds,
    "retry_jitter": _not_a_bool,
    "retry_kwargs": _not_retry_kwargs,
    "sensitive": _not_names,
    "tracked": _not_a_bool,
    "triggerable": _not_a_bool,
}
#: What only a task or a family can say of itself.
_OF_TASKS = {
    "no_overlap",
    "overlap_key",
    "overlap_wait_max",
    "sensitive",
    "tracked",
    "triggerable",
}
#: Those that RECURRING_JOBS["RETRY"] may hold.
OF_SETTINGS = {option: check for option, check in CHECKS.items() if option not in _OF_TASKS}

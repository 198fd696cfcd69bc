"""Declarations as written, not yet checked: from the decorator and from entries in settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import (
    InvalidDeclarationError,
    RecurringJobsError,
    did_you_mean,
)
from recurring_jobs.periodic.declarations import OPTIONS

if TYPE_CHECKING:
    from celery import Celery

#: Keys that an entry of CELERY_BEAT_SCHEDULE has, beside its options.
_ENTRY_KEYS = ("task", "schedule", "args", "kwargs", "options", "relative")
#: Options of ``apply_async`` that can be kept.
_BEAT_OPTIONS = (
    *("queue", "exchange", "routing_key", "priority", "headers", "expires"),
    *("time_limit", "soft_time_limit"),
)
#: What may be written beside the trigger: the options, and the zone of a trigger without one.
WRITABLE = (*OPTIONS, "timezone")


@dataclass(frozen=True)
class Draft:
    """A declaration as written, not yet checked."""

    source: str
    name: str | None
    #: A task, the function that becomes one, or a task's name.
    target: Any
    trigger: object
    options: Mapping[str, Any]
    #: Whether Celery would round a length of time.
    is_relative: bool = False


def settings_drafts(problems: list[RecurringJobsError]) -> list[Draft]:
    """Read RECURRING_JOBS["SCHEDULE"]; entries that cannot be read go to *problems*."""
    source = "RECURRING_JOBS['SCHEDULE']"
    return [
        draft
        for name, entry in conf.schedule.items()
        if (draft := _from_entry(name, entry, source, (*_ENTRY_KEYS, "trigger"), problems))
    ]


def beat_drafts(app: Celery, problems: list[RecurringJobsError]) -> list[Draft]:
    """Read CELERY_BEAT_SCHEDULE; entries that cannot be read go to *problems*."""
    source = "CELERY_BEAT_SCHEDULE"
    return [
        draft
        for name, entry in (app.conf.beat_schedule or {}).items()
        if (draft := _from_entry(name, entry, source, _ENTRY_KEYS, problems))
    ]


def _from_entry(
    name: str,
    entry: object,
    source: str,
    keys: tuple[str, ...],
    problems: list[RecurringJobsError],
) -> Draft | None:
    try:
        return _read_entry(name, entry, source, keys)
    except InvalidDeclarationError as error:
        problems.append(error)
        return None


def _read_entry(name: str, entry: object, source: str, keys: tuple[str, ...]) -> Draft:
    if not isinstance(entry, Mapping):
        raise InvalidDeclarationError(name, source, f"is {entry!r}. Give a dict.")
    allowed = (*keys, *WRITABLE) if "trigger" in keys else keys
    for key in entry:
        if key not in allowed:
            problem = f"{key!r} is not a key.{did_you_mean(str(key), allowed)}"
            raise InvalidDeclarationError(name, source, problem)
    options = {key: entry[key] for key in WRITABLE if key in entry}
    options.update(_beat_options(name, source, entry.get("options") or {}))
    if not entry.get("task"):
        raise InvalidDeclarationError(name, source, "names no task.")
    trigger, is_relative = _trigger_of(name, source, entry), bool(entry.get("relative"))
    return Draft(source, name, entry["task"], trigger, options, is_relative)


def _trigger_of(name: str, source: str, entry: Mapping[str, Any]) -> object:
    given = [key for key in ("trigger", "schedule") if key in entry]
    if len(given) != 1:
        problem = "has both a trigger and a schedule." if given else "has no schedule."
        raise InvalidDeclarationError(name, source, problem)
    return entry[given[0]]


def _beat_options(name: str, source: str, options: Mapping[str, Any]) -> dict[str, Any]:
    read = dict(options)
    if "expire_seconds" in read:
        read["expires"] = read.pop("expire_seconds")
    for key in read:
        if key not in _BEAT_OPTIONS:
            raise InvalidDeclarationError(
                name,
                source,
                f"the option {key!r} cannot be kept: no column holds it."
                " Set it on the task instead.",
            )
    return read

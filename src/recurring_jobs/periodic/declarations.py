"""What a periodic task declares, checked: a plain value that can be compared with the tables."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

from recurring_jobs.exceptions import InvalidDeclarationError, did_you_mean
from recurring_jobs.periodic import policy
from recurring_jobs.periodic.options import (
    OptionError,
    Reader,
    as_json,
    one_of,
    read_args,
    read_count,
    read_duration,
    read_flag,
    read_instant,
    read_limit,
    read_mapping,
    read_name,
    read_priority,
    read_prose,
    read_seconds,
    read_text,
    read_total,
)
from recurring_jobs.periodic.triggers import At

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from recurring_jobs.periodic.triggers import Trigger

MISFIRES = get_args(policy.Misfire)
OVERLAPS = get_args(policy.Overlap)


def _in_task(read: Reader) -> dict[str, Any]:
    """An option that django-celery-beat's PeriodicTask has a column for."""
    return {"read": read}


def _in_schedule(read: Reader) -> dict[str, Any]:
    """An option that our Schedule has a column for, of the same name."""
    return {"read": read, "is_ours": True}


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """
    One periodic task as the code wants it. Made by ``declare``, which checks it.

    A line here and a keyword of ``periodic_task`` make a new option: it is then read,
    checked, compared, stored in the column of its name, and shown as drift.
    """

    name: str
    task: str
    trigger: Trigger
    source: str
    args: tuple[Any, ...] = field(default=(), metadata=_in_task(read_args))
    kwargs: Mapping[str, Any] = field(default_factory=dict, metadata=_in_task(read_mapping))
    queue: str | None = field(default=None, metadata=_in_task(read_text))
    exchange: str | None = field(default=None, metadata=_in_task(read_text))
    routing_key: str | None = field(default=None, metadata=_in_task(read_text))
    priority: int | None = field(default=None, metadata=_in_task(read_priority))
    headers: Mapping[str, Any] = field(default_factory=dict, metadata=_in_task(read_mapping))
    expires: int | None = field(default=None, metadata=_in_task(read_seconds))
    description: str = field(default="", metadata=_in_task(read_prose))
    enabled: bool = field(default=True, metadata=_in_task(read_flag))
    one_off: bool = field(default=False, metadata=_in_task(read_flag))
    start_time: datetime | None = field(default=None, metadata=_in_task(read_instant))
    end_time: datetime | None = field(default=None, metadata=_in_task(read_instant))
    time_limit: int | None = field(default=None, metadata=_in_schedule(read_seconds))
    soft_time_limit: int | None = field(default=None, metadata=_in_schedule(read_seconds))
    misfire: str = field(default="latest", metadata=_in_schedule(one_of(*MISFIRES)))
    grace: timedelta = field(default=policy.GRACE, metadata=_in_schedule(read_duration))
    catchup_window: timedelta = field(
        default=policy.CATCHUP_WINDOW, metadata=_in_schedule(read_duration)
    )
    max_catchup: int = field(default=policy.MAX_CATCHUP, metadata=_in_schedule(read_count))
    overlap: str = field(default="allow", metadata=_in_schedule(one_of(*OVERLAPS)))
    jitter: timedelta = field(default=timedelta(0), metadata=_in_schedule(read_duration))
    remaining_fires: int | None = field(default=None, metadata=_in_schedule(read_total))
    pause_after_failures: int | None = field(default=None, metadata=_in_schedule(read_limit))

    def values(self) -> dict[str, Any]:
        """Return every field but name and source as JSON values: what is compared and kept."""
        values = {key: as_json(getattr(self, key)) for key in FIELDS}
        values["trigger"] = self.trigger.spec()
        return values


#: The fields that are compared with the tables, in the order in which a plan shows them.
FIELDS = tuple(each.name for each in fields(Declaration) if each.name not in {"name", "source"})
_READERS: dict[str, Reader] = {
    each.name: each.metadata["read"] for each in fields(Declaration) if "read" in each.metadata
}
#: The names of all options that a declaration may have.
OPTIONS = tuple(_READERS)
#: Those that stand in our Schedule, in columns of their names.
SCHEDULE_OPTIONS = tuple(each.name for each in fields(Declaration) if "is_ours" in each.metadata)
#: What an option is where nothing is said.
DEFAULTS: dict[str, Any] = {
    each.name: {} if each.default is MISSING else each.default
    for each in fields(Declaration)
    if each.name in _READERS
}


def declare(
    name: str, task: str, trigger: Trigger, *, source: str, options: Mapping[str, Any]
) -> Declaration:
    """
    Return the declaration of *task* under *name*, its *options* checked and in plain form.

    *trigger* names its time zone; *options* are those of ``periodic_task``. Raise
    InvalidDeclarationError naming the option that is unknown or cannot be.
    """
    values: dict[str, Any] = {}
    for key, read in {"name": read_name, "task": read_name, **_READERS}.items():
        given = {"name": name, "task": task, **options}
        if key in given:
            try:
                values[key] = read(given[key])
            except OptionError as error:
                raise InvalidDeclarationError(str(name), source, f"{key} {error}") from None
    for key in options:
        if key not in _READERS:
            problem = f"{key!r} is not an option.{did_you_mean(str(key), _READERS)}"
            raise InvalidDeclarationError(name, source, problem)
    if isinstance(trigger, At):
        values["one_off"] = True  # django-celery-beat demands it of a single time
    declaration = Declaration(trigger=trigger.spread(name), source=source, **values)
    problem = _contradiction(declaration)
    if problem:
        raise InvalidDeclarationError(name, source, problem)
    return declaration


def _contradiction(declared: Declaration) -> str:
    """Return what of *declared* cannot be together, as one sentence; empty for nothing."""
    start, end = declared.start_time, declared.end_time
    soft, hard = declared.soft_time_limit, declared.time_limit
    if not declared.trigger.can_fire():
        return f"{declared.trigger} never fires."
    if start is not None and end is not None and end <= start:
        return "end_time is not after start_time. Give a later one."
    if end is not None and declared.expires is not None:
        return (
            "has both expires and end_time: django-celery-beat keeps only one of them."
            " Leave one out."
        )
    if soft is not None and hard is not None and soft >= hard:
        return "soft_time_limit is not below time_limit, so it would never be reached."
    return ""

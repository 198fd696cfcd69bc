"""Prints declarations in Python for the schedules that people made, so that code can take over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidDeclarationError
from recurring_jobs.periodic.beat_tables import hand_made_tasks, stored_of
from recurring_jobs.periodic.declarations import DEFAULTS, OPTIONS, declare
from recurring_jobs.periodic.triggers import At, Cron, Every, RRule, Solar, trigger_from

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from recurring_jobs.periodic.declarations import Declaration
    from recurring_jobs.periodic.plan import Stored
    from recurring_jobs.periodic.triggers import Trigger

#: What beat stores by itself, and keeps right by itself.
_OF_CELERY = "celery.backend_cleanup"
_INSTANTS = ("start_time", "end_time")
_LINE = 88


def export_declarations(*, now: datetime, using: str, only: Collection[str] | None = None) -> str:
    """
    Return a Python module that declares every schedule that did not come from code.

    Saved as ``schedule.py`` of an app and applied with ``setup_periodic_tasks --adopt``, it
    changes nothing but who owns the rows. With *only*, just those names. A row that cannot
    be read becomes a comment with the reason.
    """
    rows = [
        stored_of(task, now=now)
        for task in hand_made_tasks(using=using)
        if task.name != _OF_CELERY and (only is None or task.name in only)
    ]
    calls = "\n".join(line for row in rows for line in _declaration(row))
    if not calls:
        return "# No such schedule was made by a person.\n"
    names = sorted(
        name for name in ("At", "Cron", "Every", "RRule", "Solar") if f"{name}(" in calls
    )
    times = [
        *(["UTC", "datetime"] if "datetime(" in calls else []),
        *(["timedelta"] if "timedelta(" in calls else []),
    ]
    head = [
        *([f"from datetime import {', '.join(times)}", ""] if times else []),
        f"from recurring_jobs import {', '.join([*names, 'periodic_task'])}",
        "",
    ]
    return "\n".join([*head, calls, ""])


def _declaration(row: Stored) -> Iterator[str]:
    try:
        declared = _declared(row)
    except InvalidDeclarationError as error:
        yield f"# {' '.join(str(error).split())}"
        return
    options = [f"name={row.name!r}", *_options(declared)]
    yield from _call(_trigger(declared.trigger), options, declared.task)


def _declared(row: Stored) -> Declaration:
    spec = row.values["trigger"]
    if "unreadable" in spec:
        raise InvalidDeclarationError(row.name, "the database", spec["unreadable"])
    options = {name: row.values[name] for name in OPTIONS}
    for name in _INSTANTS:
        if options[name] is not None:
            options[name] = datetime.fromisoformat(options[name])
    return declare(
        row.name, row.values["task"], trigger_from(spec), source="the database", options=options
    )


def _call(trigger: str, options: list[str], task: str) -> Iterator[str]:
    line = f"periodic_task({', '.join([trigger, *options])})({task!r})"
    if len(line) <= _LINE:
        yield line
        return
    yield "periodic_task("
    for part in (trigger, *options):
        yield f"    {part},"
    yield f")({task!r})"


def _options(declared: Declaration) -> Iterator[str]:
    for name in OPTIONS:
        value = getattr(declared, name)
        if value == DEFAULTS[name] or (name == "one_off" and isinstance(declared.trigger, At)):
            continue
        yield f"{name}={_python(value)}"


def _trigger(trigger: Trigger) -> str:
    match trigger:
        case Cron() | RRule():
            start = f", start={trigger.start!r}" if isinstance(trigger, RRule) else ""
            text = trigger.text if isinstance(trigger, RRule) else trigger.expression
            name = type(trigger).__name__
            return f"{name}({text!r}{start}, timezone={trigger.timezone!r})"
        case Every():
            return _every(trigger)
        case At():
            return f"At({_python(trigger.at)})"
        case Solar():
            return f"Solar({trigger.event!r}, {trigger.latitude!r}, {trigger.longitude!r})"
    message = f"{trigger!r} cannot be written."
    raise NotImplementedError(message)


def _every(trigger: Every) -> str:
    count, unit = trigger.units()
    shown = f"{unit}={count}"
    if unit == "microseconds":
        shown = f"seconds={trigger.interval.total_seconds()!r}"
    anchor = f", anchor={_python(trigger.anchor)}" if trigger.anchor else ""
    return f"Every({shown}{anchor})"


def _python(value: Any) -> str:
    """Return *value* as it is written in a program."""
    if isinstance(value, datetime):
        at = value.astimezone(UTC)
        parts = [at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond]
        while len(parts) > 3 and not parts[-1]:
            parts.pop()
        return f"datetime({', '.join(map(str, parts))}, tzinfo=UTC)"
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return f"timedelta(seconds={int(seconds) if seconds.is_integer() else seconds!r})"
    return repr(list(value) if isinstance(value, tuple) else value)

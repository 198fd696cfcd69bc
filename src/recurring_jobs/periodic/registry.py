"""Where periodic tasks are declared: on the task, in schedule.py, in settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePath
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import (
    DuplicateDeclarationError,
    InvalidDeclarationError,
    InvalidDeclarationsError,
    RecurringJobsError,
    SettingError,
    UnknownDeclaredTaskError,
    did_you_mean,
)
from recurring_jobs.periodic import policy
from recurring_jobs.periodic.declarations import Declaration, declare
from recurring_jobs.periodic.drafts import WRITABLE, Draft, beat_drafts, settings_drafts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime, timedelta

    from celery import Celery
    from celery.schedules import BaseSchedule

    from recurring_jobs.periodic.triggers import Trigger

__all__ = ["Declaration", "collect_declarations", "load_declarations", "periodic_task"]

_Task = TypeVar("_Task")

_drafts: list[Draft] = []


def periodic_task(  # noqa: PLR0913  the options of a schedule, each by keyword
    trigger: Trigger | BaseSchedule | timedelta | float | str,
    *,
    name: str | None = None,
    args: tuple[Any, ...] | list[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    queue: str | None = None,
    exchange: str | None = None,
    routing_key: str | None = None,
    priority: int | None = None,
    headers: Mapping[str, Any] | None = None,
    expires: float | timedelta | None = None,
    description: str = "",
    enabled: bool = True,
    one_off: bool = False,
    timezone: str | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    time_limit: float | timedelta | None = None,
    soft_time_limit: float | timedelta | None = None,
    misfire: str = "latest",
    grace: float | timedelta = policy.GRACE,
    catchup_window: float | timedelta = policy.CATCHUP_WINDOW,
    max_catchup: int = policy.MAX_CATCHUP,
    overlap: str = "allow",
    jitter: float | timedelta = 0,
    remaining_fires: int | None = None,
    pause_after_failures: int | None = None,
) -> Callable[[_Task], _Task]:
    """
    Declare that a task runs when *trigger* says; ``setup_periodic_tasks`` stores it.

    Stands above or below ``@shared_task``, or takes the name of a task:
    ``periodic_task(Every(hours=1))("app.tasks.clean")``. *name* defaults to the task's.
    *timezone* is that of a trigger that names none. It first fires at *start_time* and no
    more from *end_time* on. *expires* (seconds or timedelta): a run that has not begun by
    then is dropped. *time_limit* and *soft_time_limit* are those of its runs.
    *misfire*: what becomes of fires missed while no beat ran: ``latest``, ``earliest``,
    ``all`` or ``skip``. A fire at most *grace* late is not missed; one later than
    *catchup_window* is never caught up; ``all`` takes at most the *max_catchup* newest.
    *overlap*: what happens while an earlier fire still runs: ``allow``, ``skip``,
    ``buffer_one``, ``buffer_all``, ``cancel_other`` or ``terminate_other``.
    *jitter*: each fire starts up to this much later. *remaining_fires*: after so many fires
    it ends; another number starts the count anew. *pause_after_failures*: so many failed
    runs in a row pause the schedule. What cannot be is refused by
    ``setup_periodic_tasks``, and nothing is stored then.
    """
    given = dict(locals())
    source = _caller()

    def remember(target: _Task) -> _Task:
        options = {key: given[key] for key in WRITABLE}
        _drafts.append(Draft(source, name, target, trigger, options))
        return target

    return remember


def load_declarations(app: Celery | None = None) -> list[Declaration]:
    """
    Return every declaration of the project, by name, with overrides applied and checked.

    Loads the task modules of *app* (by default the current Celery app), and the module
    ``schedule`` of each installed app that has one. Raise
    InvalidDeclarationsError with all that is wrong.
    """
    declarations, problems = collect_declarations(app)
    if problems:
        raise InvalidDeclarationsError(problems)
    return declarations


def collect_declarations(
    app: Celery | None = None,
) -> tuple[list[Declaration], list[RecurringJobsError]]:
    """Return the declarations that can be used, and what is wrong with the others."""
    app = app_with_tasks(app)
    names = _task_names(app)
    problems: list[RecurringJobsError] = []
    drafts: dict[str, Draft] = {}
    for draft in [*_drafts, *settings_drafts(problems), *beat_drafts(app, problems)]:
        task = _task_name(draft.target, names)
        name = task if draft.name is None else draft.name
        if name in drafts:
            problems.append(DuplicateDeclarationError(name, drafts[name].source, draft.source))
        else:
            drafts[name] = replace(draft, name=name, target=task)
    declarations = []
    zone, queues = _timezone(app), _known_queues(app)
    for draft in _overridden(drafts, problems):
        try:
            declarations.append(_checked(draft, app, zone, queues))
        except RecurringJobsError as error:
            problems.append(error)
    return sorted(declarations, key=lambda each: each.name), problems


@contextmanager
def no_declarations() -> Iterator[None]:
    """Forget what decorators declared so far and, at the end, what they declared inside."""
    before = _drafts[:]
    _drafts.clear()
    try:
        yield
    finally:
        _drafts[:] = before


def _caller() -> str:
    """Return where the decorator was written, the same on every machine: by module, not path."""
    frame = sys._getframe(2)  # noqa: SLF001  the cheap way to the line of the declaration
    *packages, module = str(frame.f_globals.get("__name__", "?")).split(".")
    file = PurePath(frame.f_code.co_filename).name
    if file == "__init__.py":
        packages.append(module)
    return "/".join([*packages, file]) + f":{frame.f_lineno}"


def app_with_tasks(app: Celery | None = None) -> Celery:
    """Return *app*, by default the current one, with the task modules of the project loaded."""
    from celery import current_app

    app = current_app if app is None else app
    with _without_system_checks():
        app.loader.import_default_modules()
        autodiscover_modules("schedule")
    app.finalize()
    return app


@contextmanager
def _without_system_checks() -> Iterator[None]:
    """
    Keep Celery from running Django's checks each time task modules are loaded.

    The command has run them already, and a check that reads the declarations would
    call itself. The variable is Celery's own switch for it.
    """
    if "CELERY_SKIP_CHECKS" in os.environ:
        yield
        return
    os.environ["CELERY_SKIP_CHECKS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("CELERY_SKIP_CHECKS", None)


def _task_names(app: Celery) -> dict[int, str]:
    """Return the name of each task by the identity of the function it was made from."""
    names = {}
    for name, task in app.tasks.items():
        function = getattr(task, "__wrapped__", None)
        names[id(getattr(function, "__func__", function))] = name
    return names


def _task_name(target: object, names: Mapping[int, str]) -> str:
    if type(target) is FunctionType:
        return names.get(id(target), f"{target.__module__}.{target.__qualname__}")
    return str(getattr(target, "name", target))


def _overridden(drafts: Mapping[str, Draft], problems: list[RecurringJobsError]) -> list[Draft]:
    overrides = {}
    for name, values in conf.overrides.items():
        if not isinstance(values, Mapping):
            problems.append(
                SettingError("OVERRIDES", f"has {values!r} for {name!r}. Give a dict of options.")
            )
            continue
        overrides[name] = values
        if name != "*" and name not in drafts:
            near = did_you_mean(str(name), drafts)
            problems.append(
                SettingError("OVERRIDES", f"names {name!r}, which is not declared.{near}")
            )
        for key in values:
            if key not in (*WRITABLE, "trigger", "schedule"):
                near = did_you_mean(str(key), (*WRITABLE, "trigger"))
                problems.append(
                    SettingError("OVERRIDES", f"has {key!r} for {name!r}, not an option.{near}")
                )
    return [
        _override(_override(draft, overrides.get("*", {})), overrides.get(name, {}))
        for name, draft in drafts.items()
    ]


def _override(draft: Draft, values: Mapping[str, Any]) -> Draft:
    trigger = values.get("trigger", values.get("schedule", draft.trigger))
    options = {key: value for key, value in values.items() if key in WRITABLE}
    is_relative = draft.is_relative and trigger is draft.trigger
    options = {**draft.options, **options}
    return replace(draft, trigger=trigger, options=options, is_relative=is_relative)


def _checked(
    draft: Draft, app: Celery, project_zone: str, queues: Collection[str] | None
) -> Declaration:
    from recurring_jobs.periodic.celery_schedules import as_trigger
    from recurring_jobs.periodic.triggers import check_timezone

    name, source = str(draft.name), draft.source
    if draft.target not in app.tasks:
        raise UnknownDeclaredTaskError(name, source, draft.target, app.tasks)
    options = dict(draft.options)
    given = options.pop("timezone", None)
    zone = None if given is None else str(given)
    try:
        trigger = as_trigger(
            draft.trigger, app=app, timezone=check_timezone(zone), is_relative=draft.is_relative
        )
        trigger = trigger.in_timezone(zone or project_zone)
    except RecurringJobsError as error:
        raise InvalidDeclarationError(name, source, str(error)) from None
    declaration = declare(name, draft.target, trigger, source=source, options=options)
    queue = declaration.queue
    if queue and queues is not None and queue not in queues:
        near = did_you_mean(queue, queues)
        raise InvalidDeclarationError(name, source, f"the queue {queue!r} is not known.{near}")
    return declaration


def _known_queues(app: Celery) -> Collection[str] | None:
    """Return the queues that a message can go to; None where any name will do."""
    return None if app.conf.task_create_missing_queues else set(app.amqp.queues)


def _timezone(app: Celery) -> str:
    """Return the zone of the project: Celery's where it is set, else Django's."""
    zone: Any = app.conf.timezone
    return str(zone) if zone else settings.TIME_ZONE

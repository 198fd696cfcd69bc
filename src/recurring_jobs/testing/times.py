"""At which times a declaration fires; needs no database and no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from celery import current_app
from django.conf import settings

from recurring_jobs.exceptions import UnknownDeclarationError
from recurring_jobs.periodic.registry import load_declarations
from recurring_jobs.periodic.triggers import Trigger
from recurring_jobs.testing.clock import aware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from recurring_jobs.periodic.registry import Declaration

_JUST_BEFORE = timedelta(microseconds=1)


@dataclass(frozen=True)
class _Times:
    """When something fires, under which name, and between which times at all."""

    name: str
    trigger: Trigger
    start: datetime | None = None
    end: datetime | None = None
    most: int | None = None


def fires_between(declaration: Any, start: datetime, end: datetime) -> list[datetime]:
    """
    Return the nominal times of *declaration* from *start* on and before *end*.

    *declaration* is a trigger, the name of a declaration, or a task that is declared once.
    The times are in the zone that it is read in; jitter is not in them. One that fires a
    certain number of times is taken to begin at *start*. Raise UnknownDeclarationError
    where there is no such declaration or several, ValueError for a time without a zone.
    """
    return _between(_times_of(declaration), aware(start), aware(end))


def assert_fires(
    declaration: Any, *, between: tuple[datetime, datetime], at: Iterable[datetime]
) -> None:
    """
    Raise AssertionError unless *declaration* fires exactly *at* these times.

    *between* is the period looked at; its end is not part of it, as in ``fires_between``.
    The message names each time that is missing or too many.
    """
    times, (start, end) = _times_of(declaration), between
    found, wanted = _between(times, aware(start), aware(end)), [aware(each) for each in at]
    zone = _zone(times)
    lines = [f"- not at {_shown(each, zone)}" for each in wanted if each not in found]
    lines += [f"- also at {_shown(each, zone)}" for each in found if each not in wanted]
    if lines:
        raise AssertionError("\n".join([f"{times.name} fires at other times:", *lines]))


def name_of_task(task: Any) -> str:
    """Return the name of *task*, which may be the task or its name."""
    return str(getattr(task, "name", task))


def _between(times: _Times, start: datetime, end: datetime) -> list[datetime]:
    begin = max(start, times.start or start)
    over = min(end, times.end or end)
    some = islice(times.trigger.times_after(begin - _JUST_BEFORE), times.most)
    zone = _zone(times)
    return [at.astimezone(zone) for at in takewhile(lambda at: at < over, some)]


def _times_of(declaration: Any) -> _Times:
    if isinstance(declaration, Trigger):
        zone: Any = current_app.conf.timezone
        return _Times(str(declaration), declaration.in_timezone(str(zone or settings.TIME_ZONE)))
    declared = _declared(name_of_task(declaration))
    most = 1 if declared.one_off else declared.remaining_fires
    return _Times(
        repr(declared.name), declared.trigger, declared.start_time, declared.end_time, most
    )


def _declared(name: str) -> Declaration:
    known = {each.name: each for each in load_declarations()}
    if name in known:
        return known[name]
    fitting = [each for each in known.values() if each.task == name]
    if len(fitting) == 1:
        return fitting[0]
    raise UnknownDeclarationError(name, known, [each.name for each in fitting])


def _zone(times: _Times) -> ZoneInfo:
    return ZoneInfo(times.trigger.timezone or "UTC")


def _shown(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(" ")

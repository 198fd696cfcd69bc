"""Reading what a caller says about a schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast, get_args

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from recurring_jobs.api.bodies import read_object
from recurring_jobs.api.problems import Problem
from recurring_jobs.periodic import policy

if TYPE_CHECKING:
    from django.http import HttpRequest

#: How many schedules one page tells at most, and unless the caller says otherwise.
LARGEST_PAGE, USUAL_PAGE = 1000, 100
LONGEST_REASON = 1000
_OVERLAPS = get_args(policy.Overlap)


@dataclass(frozen=True)
class PauseBody:
    """Why and until when a schedule is paused."""

    reason: str
    until: datetime | None


@dataclass(frozen=True)
class BackfillBody:
    """Which times are fired again, and how; or only told."""

    start: datetime
    end: datetime
    overlap: policy.Overlap
    every: timedelta
    is_preview: bool


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for."""

    after: int
    limit: int
    name: str


def read_page(request: HttpRequest) -> Page:
    """Return the page that the query names. Raise Problem for what is no number."""
    after, limit = request.GET.get("after", "0"), request.GET.get("limit", str(USUAL_PAGE))
    for key, text, most in (("after", after, 2**63 - 1), ("limit", limit, LARGEST_PAGE)):
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= most):
            raise _problem(key, f"must be a number up to {most}.")
    return Page(int(after), max(1, int(limit)), request.GET.get("name", ""))


def read_pause(request: HttpRequest) -> PauseBody:
    """Return the body of a pause. Raise Problem naming what is wrong with it."""
    body = read_object(request, ("reason", "until"))
    reason, until = body.get("reason", ""), _instant(body, "until")
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON:
        raise _problem("reason", f"must be a text of at most {LONGEST_REASON} characters.")
    if until is not None and until <= timezone.now():
        raise _problem("until", "has passed.")
    return PauseBody(reason, until)


def read_empty(request: HttpRequest) -> None:
    """Raise Problem unless the body is an empty object."""
    read_object(request, ())


def read_overlap(request: HttpRequest) -> policy.Overlap:
    """Return what happens where an earlier fire is still running."""
    return _overlap(read_object(request, ("overlap",)), "allow")


def read_backfill(request: HttpRequest) -> BackfillBody:
    """Return the body of a backfill. Raise Problem naming what is wrong with it."""
    body = read_object(request, ("start", "end", "overlap", "every", "preview"))
    start, end = _instant(body, "start"), _instant(body, "end")
    for key, at in (("start", start), ("end", end)):
        if at is None:
            raise _problem(key, "is missing.")
    every, is_preview = body.get("every", 0), body.get("preview", False)
    if type(every) not in {int, float} or not 0 <= every <= 86_400:
        raise _problem("every", "must be a number of seconds, from 0 to 86400.")
    if not isinstance(is_preview, bool):
        raise _problem("preview", "must be true or false.")
    return BackfillBody(
        cast("datetime", start),
        cast("datetime", end),
        _overlap(body, "buffer_all"),
        timedelta(seconds=every),
        is_preview,
    )


def _overlap(body: dict[str, Any], default: policy.Overlap) -> policy.Overlap:
    chosen = body.get("overlap", default)
    if chosen not in _OVERLAPS:
        raise _problem("overlap", f"must be one of {', '.join(_OVERLAPS)}.")
    return cast("policy.Overlap", chosen)


def _instant(body: dict[str, Any], key: str) -> datetime | None:
    text = body.get(key)
    if text is None:
        return None
    try:
        at = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        raise _problem(key, "must be a date and time with an offset, as 2026-03-02T09:00:00Z.")
    return at


def _problem(key: str, what: str) -> Problem:
    return Problem("invalid-argument", f"{key!r} {what}", argument=key)

"""The shapes of the overview's charts, in units that the page stretches."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from recurring_jobs.admin import shown
from recurring_jobs.inspection.liveness import OVERDUE_AFTER
from recurring_jobs.inspection.outcomes import FAILED_STATES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from recurring_jobs.inspection.coming import Coming
    from recurring_jobs.inspection.outcomes import Hour


def most_runs(hours: Sequence[Hour]) -> int:
    """Return how many runs the fullest of *hours* has."""
    return max(hour.succeeded + hour.failed for hour in hours)


def outcome_bars(hours: Sequence[Hour], runs_url: str) -> list[dict[str, Any]]:
    """
    Return one bar for each of *hours*: ten units wide, the fullest a hundred units high.

    One with failures leads to them, in the list of runs at *runs_url*.
    """
    most = most_runs(hours) or 1
    bars = []
    for place, hour in enumerate(hours):
        # One failure among thousands is still to be seen.
        failed = max(round(100 * hour.failed / most), 2 if hour.failed else 0)
        succeeded = min(round(100 * hour.succeeded / most), 100 - failed)
        counts = {"succeeded": hour.succeeded, "failed": hour.failed}
        words = _("%(hour)s: %(succeeded)d succeeded, %(failed)d failed")
        bars.append(
            {
                "x": 10 * place + 1,
                "failed": failed,
                "failed_y": 100 - failed,
                "succeeded": succeeded,
                "succeeded_y": 100 - failed - succeeded,
                "words": words % {"hour": clock(hour.at), **counts},
                "url": f"{runs_url}?{_failed_within(hour)}" if hour.failed and runs_url else "",
            }
        )
    return bars


def _failed_within(hour: Hour) -> str:
    bounds = {"created_at__gte": hour.at, "created_at__lt": hour.at + timedelta(hours=1)}
    moments = {name: at.isoformat() for name, at in bounds.items()}
    return urlencode({"state__in": ",".join(FAILED_STATES), **moments})


def line(coming: Coming, begin: datetime, now: datetime) -> dict[str, Any]:
    """Return one row of the timeline, whose axis counts minutes from *begin*."""
    schedule = coming.schedule
    times = [at for at in coming.times if at >= begin]
    words = [clock(at) for at in times]
    is_overdue = bool(coming.times) and coming.times[0] < now - OVERDUE_AFTER
    return {
        "name": str(schedule),
        "url": reverse("admin:recurring_jobs_schedule_change", args=[schedule.pk]),
        "marks": [
            {"x": minute(at, begin), "words": clock} for at, clock in zip(times, words, strict=True)
        ],
        "begin": minute(times[0], begin) if times else 0,
        "is_dense": coming.is_dense,
        "next": shown.badge("bad", _("overdue"))
        if is_overdue
        else next(iter(words), shown.NOTHING),
    }


def clock(at: datetime) -> str:
    """Return *at* as a time of day in the current zone."""
    return f"{timezone.localtime(at):%H:%M}"


def minute(at: datetime, begin: datetime) -> int:
    """Return how many whole minutes *at* is from *begin*."""
    return (at - begin) // timedelta(minutes=1)

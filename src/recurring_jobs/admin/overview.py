"""What a person on duty sees first: is it alive, what went wrong, what ran, what comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy

from recurring_jobs.admin import shown
from recurring_jobs.admin.overview_charts import clock, line, minute, most_runs, outcome_bars
from recurring_jobs.admin.overview_liveness import liveness
from recurring_jobs.admin.overview_troubles import troubles
from recurring_jobs.admin.overview_view import View
from recurring_jobs.admin.queue_purge import purge_url
from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.inspection import consumed_queues, loaded_app, queue_sizes
from recurring_jobs.inspection.coming import coming_fires
from recurring_jobs.inspection.outcomes import (
    FIRES_LOOKED_AT,
    RUNS_LOOKED_AT,
    fires_by_weekday,
    outcomes_by_hour,
    task_figures,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

#: How many shades the heat map has beside none.
SHADES: Final = 5

_HOUR = timedelta(hours=1)
#: Hours from one label of the timeline to the next.
_STEP = 3


@dataclass(frozen=True)
class _Piece:
    """A part of the page: whoever has *permission* sees what *facts* gives to the template."""

    name: str
    title: Any
    permission: str
    facts: Callable[[View], dict[str, Any]]


def overview(request: HttpRequest, site: str, now: datetime | None = None) -> dict[str, Any]:
    """
    Return what the overview shows to the user of *request* in the admin site called *site*.

    Pieces that show what the user may not view are left out.
    """
    view = View(request, site, now or timezone.now())
    pieces = [
        {
            "name": piece.name,
            "title": piece.title,
            "body": _rendered(piece, view),
        }
        for piece in _PIECES
        if view.may_see(piece.permission)
    ]
    return {"pieces": pieces, "as_of": shown.moment(view.now)}


def _rendered(piece: _Piece, view: View) -> SafeString:
    return render_to_string(f"recurring_jobs/admin/overview/{piece.name}.html", piece.facts(view))


def _outcomes(view: View) -> dict[str, Any]:
    hours = outcomes_by_hour(view.now)
    return {
        "bars": outcome_bars(hours, view.list_url("run")),
        "labels": [clock(hour.at) for hour in hours[::_STEP]],
        "most": most_runs(hours),
        "succeeded": sum(hour.succeeded for hour in hours),
        "failed": sum(hour.failed for hour in hours),
        "failed_url": view.list_url("run", "state__exact=failed"),
        "url": view.list_url("run"),
    }


def _coming(view: View) -> dict[str, Any]:
    begin = view.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    labels = [clock(begin + number * _STEP * _HOUR) for number in range(24 // _STEP)]
    offsets = {timezone.localtime(begin + number * 24 * _HOUR).utcoffset() for number in (0, 1)}
    coming = coming_fires(begin + 24 * _HOUR, view.now)
    return {
        "labels": labels,
        "now": minute(view.now, begin),
        "rows": [line(each, begin, view.now) for each in coming],
        "clocks_change": len(offsets) > 1,
        "zone": timezone.get_current_timezone_name(),
        "url": view.list_url("schedule", "state=enabled&o=4"),
    }


def _tasks(view: View) -> dict[str, Any]:
    rows = [
        {
            "task": each.task,
            "url": view.list_url("run", urlencode({"task": each.task})),
            "runs": each.runs,
            "failed": each.failed,
            "percent": round(100 * each.failed / each.runs),
            "p50": shown.duration(each.p50),
            "p95": shown.duration(each.p95),
        }
        for each in task_figures(view.now)
    ]
    return {"rows": rows, "most": RUNS_LOOKED_AT}


def _week(view: View) -> dict[str, Any]:
    week = fires_by_weekday(timezone.get_current_timezone())
    most = max(map(max, week))
    days = [
        {
            "name": WEEKDAYS_ABBR[day],
            "hours": [
                {"shade": -(-SHADES * count // most) if most else 0, "count": count}
                for count in hours
            ],
        }
        for day, hours in enumerate(week)
    ]
    return {
        "days": days if most else [],
        "hours": range(24),
        "most": FIRES_LOOKED_AT,
        "url": view.list_url("fire"),
        "zone": timezone.get_current_timezone_name(),
    }


def _queues(view: View) -> dict[str, Any]:
    # Only where it is asked for: a broker that is away must not hold up the page.
    if "queues" not in view.request.GET:
        return {"is_asked": False}
    try:
        app = loaded_app()
        sizes = queue_sizes(app, consumed_queues(app))
    except RecurringJobsError as error:
        return {"is_asked": True, "problem": str(error)}
    purge = purge_url(view.request, view.site)
    token = get_token(view.request) if purge else ""
    return {"is_asked": True, "sizes": sizes, "purge_url": purge, "csrf_token": token}


_PIECES: Final = (
    _Piece("liveness", gettext_lazy("Alive"), "view_schedule", liveness),
    _Piece("troubles", gettext_lazy("Waits for a person"), "view_schedule", troubles),
    _Piece("coming", gettext_lazy("The next 24 hours"), "view_schedule", _coming),
    _Piece("outcomes", gettext_lazy("Runs of the last 24 hours"), "view_run", _outcomes),
    _Piece("tasks", gettext_lazy("Tasks of the last 24 hours"), "view_run", _tasks),
    _Piece("week", gettext_lazy("Fires in a week"), "view_fire", _week),
    _Piece("queues", gettext_lazy("Queues"), "view_run", _queues),
)

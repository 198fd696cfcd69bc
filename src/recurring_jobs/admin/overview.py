"""What a person on duty sees first: is it alive, what went wrong, what ran, what comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from recurring_jobs.admin import shown
from recurring_jobs.admin.overview_charts import clock, line, minute, most_runs, outcome_bars
from recurring_jobs.admin.queue_purge import purge_url
from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.inspection import consumed_queues, loaded_app, queue_sizes
from recurring_jobs.inspection.coming import coming_fires
from recurring_jobs.inspection.liveness import beats, troubles, workers
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
    facts: Callable[[_View], dict[str, Any]]


@dataclass(frozen=True)
class _View:
    """Who looks, when, and what is asked for beside the page itself."""

    request: HttpRequest
    site: str
    now: datetime

    def list_url(self, model: str, query: str = "") -> str:
        """Return the address of a list of the admin, empty where it has none."""
        try:
            url = reverse(f"admin:recurring_jobs_{model}_changelist", current_app=self.site)
        except NoReverseMatch:
            return ""
        return f"{url}?{query}" if query else url

    def may_see(self, permission: str) -> bool:
        return self.request.user.has_perm(f"recurring_jobs.{permission}")


def overview(request: HttpRequest, site: str, now: datetime | None = None) -> dict[str, Any]:
    """
    Return what the overview shows to the user of *request* in the admin site called *site*.

    Pieces that show what the user may not view are left out.
    """
    view = _View(request, site, now or timezone.now())
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


def _rendered(piece: _Piece, view: _View) -> SafeString:
    return render_to_string(f"recurring_jobs/admin/overview/{piece.name}.html", piece.facts(view))


def _liveness(view: _View) -> dict[str, Any]:
    found = beats(view.now)
    sees_workers = view.may_see("view_run")
    at_work = workers(view.now) if sees_workers else []
    return {
        "is_alive": any(beat.is_alive for beat in found),
        "beats": [
            {
                "name": beat.name,
                "state": _life(is_alive=beat.is_alive),
                "age": _ago(beat.age),
                "clock": shown.duration(beat.clock_skew) if beat.has_wrong_clock else "",
            }
            for beat in found
        ],
        "lacks_worker": sees_workers and not any(each.is_alive for each in at_work),
        "workers": [
            {
                "name": each.name,
                "state": _life(is_alive=each.is_alive),
                "queues": each.queues,
                "url": view.list_url("run", "state__exact=running"),
                "age": _ago(each.age),
                "running": each.running,
            }
            for each in at_work
        ],
    }


def _life(*, is_alive: bool) -> SafeString:
    return shown.badge("good", _("alive")) if is_alive else shown.badge("bad", _("silent"))


def _ago(age: timedelta) -> str:
    return _("%(age)s ago") % {"age": shown.duration(age)}


def _troubles(view: _View) -> dict[str, Any]:
    rows = []
    for trouble in troubles(view.now):
        words, model, query = _TROUBLES[trouble.name]
        if view.may_see(f"view_{model}"):
            url = view.list_url(model, query)
            rows.append({"words": words % {"count": trouble.count}, "url": url})
    return {"troubles": rows}


def _outcomes(view: _View) -> dict[str, Any]:
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


def _coming(view: _View) -> dict[str, Any]:
    begin = view.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    labels = [clock(begin + number * _STEP * _HOUR) for number in range(24 // _STEP)]
    offsets = {timezone.localtime(begin + number * 24 * _HOUR).utcoffset() for number in (0, 1)}
    return {
        "labels": labels,
        "now": minute(view.now, begin),
        "rows": [line(each, begin, view.now) for each in coming_fires(begin + 24 * _HOUR)],
        "clocks_change": len(offsets) > 1,
        "zone": timezone.get_current_timezone_name(),
        "url": view.list_url("schedule", "state=enabled&o=4"),
    }


def _tasks(view: _View) -> dict[str, Any]:
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


def _week(view: _View) -> dict[str, Any]:
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


def _queues(view: _View) -> dict[str, Any]:
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


#: What each trouble is called, and the list that shows it.
_TROUBLES: Final[dict[str, tuple[Any, str, str]]] = {
    "overdue": (
        ngettext_lazy("%(count)d schedule is overdue", "%(count)d schedules are overdue", "count"),
        "schedule",
        "state=enabled&o=4",
    ),
    "set_aside": (
        ngettext_lazy(
            "%(count)d schedule cannot be read", "%(count)d schedules cannot be read", "count"
        ),
        "schedule",
        "state=set_aside",
    ),
    "stuck": (
        ngettext_lazy("%(count)d run is stuck", "%(count)d runs are stuck", "count"),
        "run",
        "state__exact=running",
    ),
    "dead_letters": (
        ngettext_lazy(
            "%(count)d dead letter waits for a person",
            "%(count)d dead letters wait for a person",
            "count",
        ),
        "deadletter",
        "state__exact=open",
    ),
    "missed": (
        ngettext_lazy(
            "%(count)d fire was missed in a day", "%(count)d fires were missed in a day", "count"
        ),
        "fire",
        "state__exact=missed",
    ),
    "refused": (
        ngettext_lazy(
            "%(count)d fire could not be sent in a day",
            "%(count)d fires could not be sent in a day",
            "count",
        ),
        "fire",
        "state__exact=refused",
    ),
}

_PIECES: Final = (
    _Piece("liveness", gettext_lazy("Alive"), "view_schedule", _liveness),
    _Piece("troubles", gettext_lazy("Waits for a person"), "view_schedule", _troubles),
    _Piece("coming", gettext_lazy("The next 24 hours"), "view_schedule", _coming),
    _Piece("outcomes", gettext_lazy("Runs of the last 24 hours"), "view_run", _outcomes),
    _Piece("tasks", gettext_lazy("Tasks of the last 24 hours"), "view_run", _tasks),
    _Piece("week", gettext_lazy("Fires in a week"), "view_fire", _week),
    _Piece("queues", gettext_lazy("Queues"), "view_run", _queues),
)

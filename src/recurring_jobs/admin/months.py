"""A month of a template's occurrences, as a table on its page."""

from __future__ import annotations

import re
from calendar import Calendar
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from django.template.loader import render_to_string
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import date_format, get_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from recurring_jobs.admin import shown
from recurring_jobs.recurrence.month import OccurrenceState, month_of
from recurring_jobs.recurrence.rows import series_of

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.http import QueryDict
    from django.utils.safestring import SafeString

    from recurring_jobs.recurrence.month import Entry, Month

#: The word in the address of a page that says which month to show.
PARAMETER: Final = "month"
#: More occurrences of one day than this are counted only.
MOST_A_DAY: Final = 5

_YEARS = range(1900, 2200)
_ASKED = re.compile(r"(\d{4})-(\d{2})")

_STATES: Final[dict[OccurrenceState, tuple[str, Any]]] = {
    OccurrenceState.MADE: ("good", pgettext_lazy("occurrence", "made")),
    OccurrenceState.CHANGED: ("busy", pgettext_lazy("occurrence", "changed")),
    OccurrenceState.MOVED: ("warn", pgettext_lazy("occurrence", "moved")),
    OccurrenceState.SKIPPED: ("bad", pgettext_lazy("occurrence", "skipped")),
    OccurrenceState.EXPECTED: ("quiet", pgettext_lazy("occurrence", "expected")),
    OccurrenceState.ABSENT: ("quiet", gettext_lazy("no row")),
}


def month_calendar(site: AdminSite, template: Any, query: QueryDict, now: datetime) -> SafeString:
    """
    Return the month that *query*, of the page of *template*, asks for; else the present one.

    Raise ValueError for a rule, a zone or a start that cannot be read.
    """
    first = _asked(query.get(PARAMETER, "")) or _present(template, now)
    month = month_of(template, first, now)
    days = [_day(site, day, month, now) for day in _days_of(first)]
    context = {
        "title": date_format(first, "YEAR_MONTH_FORMAT"),
        "weekdays": [
            {"name": WEEKDAYS[day["on"].weekday()], "abbr": WEEKDAYS_ABBR[day["on"].weekday()]}
            for day in days[:7]
        ],
        "weeks": [days[begin : begin + 7] for begin in range(0, len(days), 7)],
        "before": _link(query, first, -1),
        "after": _link(query, first, 1),
        "zone": month.zone.key,
        "is_cut": month.is_cut,
        "has_expected": any(
            entry.state == OccurrenceState.EXPECTED
            for entries in month.entries.values()
            for entry in entries
        ),
    }
    return render_to_string("recurring_jobs/admin/month.html", context)


def _asked(text: str) -> date | None:
    found = _ASKED.fullmatch(text)
    if found is None:
        return None
    year, month = map(int, found.groups())
    return date(year, month, 1) if year in _YEARS and 1 <= month <= 12 else None


def _present(template: Any, now: datetime) -> date:
    series = series_of(template)
    begin = max(series.instant(series.start), now).astimezone(series.zone)
    return date(begin.year, begin.month, 1)


def _days_of(first: date) -> list[date]:
    sunday_first = get_format("FIRST_DAY_OF_WEEK")  # 0 is Sunday, and for Python Monday
    return list(Calendar((int(sunday_first) - 1) % 7).itermonthdates(first.year, first.month))


def _link(query: QueryDict, first: date, step: int) -> dict[str, str] | None:
    number = first.year * 12 + first.month - 1 + step
    other = date(number // 12, number % 12 + 1, 1)
    if other.year not in _YEARS:
        return None
    asked = query.copy()
    asked[PARAMETER] = f"{other:%Y-%m}"
    return {
        "url": f"?{asked.urlencode()}#recurring-jobs-month",
        "title": date_format(other, "YEAR_MONTH_FORMAT"),
    }


def _day(site: AdminSite, on: date, month: Month, now: datetime) -> dict[str, Any]:
    is_other = on.month != month.first.month
    entries = [] if is_other else month.entries.get(on, [])
    return {
        "on": on,
        "iso": on.isoformat(),
        "weekday": WEEKDAYS_ABBR[on.weekday()],
        "is_other": is_other,
        "is_today": on == now.astimezone(month.zone).date(),
        "entries": [_entry(site, entry) for entry in entries[:MOST_A_DAY]],
        "hidden_count": max(0, len(entries) - MOST_A_DAY),
        "clocks_change": on in month.clock_changes and not is_other,
    }


def _entry(site: AdminSite, entry: Entry) -> dict[str, Any]:
    kind, word = _STATES[entry.state]
    if entry.moved_to is not None:
        kind, word = "quiet", _("moved to %(time)s") % {"time": _words(entry.moved_to)}
    elif entry.moved_from is not None:
        word = _("moved from %(time)s") % {"time": _words(entry.moved_from)}
    time = date_format(entry.at, "H:i") if isinstance(entry.at, datetime) else _("all day")
    return {
        "state": entry.state.value,
        "kind": kind,
        "word": word,
        "time": time if entry.row is None else shown.link(site, entry.row, time),
    }


def _words(at: datetime | date) -> str:
    return date_format(at, "D Y-m-d H:i" if isinstance(at, datetime) else "D Y-m-d")

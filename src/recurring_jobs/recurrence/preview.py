"""What a rule says, shown to whoever writes it: its words and next times, or its fault."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.html import format_html
from django.utils.translation import gettext
from django.views.generic import View

from recurring_jobs.conf import conf
from recurring_jobs.recurrence.window import Series
from recurring_jobs.recurrence.zones import zone_named
from recurring_jobs.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from django.http import HttpRequest, QueryDict
    from django.utils.safestring import SafeString

#: How many times to come are shown.
TIMES_SHOWN: Final = 10

#: The name under which the form field looks for the address of RulePreviewView.
PREVIEW_URL_NAME: Final = "recurrence-rule-preview"

#: Before it there is no day in any zone.
_EARLY: Final = datetime(1, 1, 3, tzinfo=UTC)

#: More of a zone or a start that is typed is not read.
_LONGEST_INPUT = 100


def preview(
    rule: str, zone: str, start: datetime | date | None, *, now: datetime | None = None
) -> SafeString:
    """
    Return *rule*, as it was typed, in words, with its next ten times where *start* is known.

    *zone* is a name, empty for the project's. What cannot be read is shown as a sentence.
    """
    if not rule.strip():
        return fragment()
    try:
        there = zone_named(zone)
        parsed = Rule.parse(rule, finest=conf.finest_frequency)
        if start is None:
            return fragment(words=parsed.describe(gettext))
        begin = start.astimezone(there) if isinstance(start, datetime) else start
        return preview_of(Series(parsed, begin, there), now or timezone.now())
    except ValueError as error:
        return fragment(errors=[str(error)])


def preview_of(series: Series, now: datetime) -> SafeString:
    """
    Return *series* in words, with its next ten times.
    """
    times = [each.at for each in islice(series.after(now), TIMES_SHOWN)]
    return fragment(words=series.rule.describe(gettext), times=next_times(times, series.zone))


def fragment(**context: Any) -> SafeString:
    """
    Return the piece of a page that shows *errors*, or *words* and *times*, or how to begin.
    """
    return render_to_string("recurring_jobs/preview.html", context)


class RulePreviewView(View):
    """
    Answer with what a typed rule says, as a piece of a page: for the form field's live preview.

    A host gives it the address that the form field looks for::

        path("rule-preview/", RulePreviewView.as_view(), name="recurrence-rule-preview")

    It reads no row. Whoever is logged in may ask; override has_access() for another answer.
    """

    http_method_names = ["get", "options"]

    def has_access(self) -> bool:
        """
        Return whether the request may ask: by default when somebody is logged in.
        """
        user = getattr(self.request, "user", None)
        return bool(user and user.is_authenticated)

    def get(self, request: HttpRequest) -> HttpResponse:
        if not self.has_access():
            raise PermissionDenied
        typed = request.GET
        rule = _typed(typed, "rule")
        try:
            start = read_start(_typed(typed, "start")[:_LONGEST_INPUT], kind=typed.get("_kind", ""))
        except ValidationError as error:
            return HttpResponse(fragment(errors=error.messages))
        return HttpResponse(preview(rule, _typed(typed, "zone")[:_LONGEST_INPUT], start))


def read_start(text: str, *, kind: str) -> datetime | date | None:
    """
    Return what was typed as a start; a date where *kind* is ``"date"``. Raise ValidationError.
    """
    field = forms.DateField if kind == "date" else forms.DateTimeField
    start: datetime | date | None = field(required=False).clean(text)
    return start


def next_times(
    times: Iterable[datetime | date], zone: tzinfo, *, starts: Iterable[datetime] | None = None
) -> SafeString:
    """
    Return a table of *times* in *zone* and in the current time zone.

    A change of the clocks between two of them, or in the day before the first, is noted.
    Dates are shown as they are.
    *starts* are the instants at which what happens then begins, where those are others.
    """
    here = timezone.get_current_timezone()
    times = list(times)
    rows = [_row(at, zone, here) for at in times]
    for row, start in zip(rows, starts or (), strict=False):
        row["start"] = f"{start.astimezone(zone):%H:%M:%S}"
    before = _offset_before(times[0], zone) if times else ""
    for row in rows:
        row["clocks_change"], before = before != row["offset"], row["offset"]
    context = {
        "rows": rows,
        "zone": str(zone),
        "here": str(here),
        "is_here": str(zone) == str(here) or not any(row["here"] for row in rows),
        "has_start": starts is not None,
        "has_offset": any(row["offset"] for row in rows),
    }
    return render_to_string("recurring_jobs/next_times.html", context)


def words_of(local: datetime) -> SafeString:
    """
    Return *local* as weekday, date and time, such as "Mon 2026-01-05 09:00".

    Seconds are left out where they are zero. No conversion of the zone takes place.
    """
    time = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    return format_html("{} {}", day(local), time)


def day(local: date) -> SafeString:
    """
    Return *local* as weekday and date, in one line however narrow the column is.

    The date is one word for itself, so that its parts keep their order in any script.
    """
    return format_html(
        '<span class="recurring-jobs-day">{} <bdi dir="ltr">{}</bdi></span>',
        WEEKDAYS_ABBR[local.weekday()],
        date.isoformat(local),
    )


def offset_of(local: datetime) -> str:
    """Return the distance of *local* from UTC, such as ``"UTC+02:00"``."""
    offset = local.utcoffset() or timedelta()
    sign = "-" if offset < timedelta() else "+"
    minutes = abs(int(offset.total_seconds())) // 60
    return f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}"


def _offset_before(at: datetime | date, zone: tzinfo) -> str:
    """Return the distance of *zone* from UTC a day before *at*; of dates there is none."""
    if not isinstance(at, datetime):
        return ""
    return offset_of((max(at, _EARLY) - timedelta(days=1)).astimezone(zone))


def _row(at: datetime | date, zone: tzinfo, here: tzinfo) -> dict[str, Any]:
    if not isinstance(at, datetime):
        return {
            "iso": at.isoformat(),
            "local": day(at),
            "offset": "",
            "here": "",
        }
    local = at.astimezone(zone)
    return {
        "iso": at.astimezone(UTC).isoformat(),
        "local": words_of(local),
        "offset": offset_of(local),
        "here": words_of(at.astimezone(here)),
    }


def _typed(typed: QueryDict, role: str) -> str:
    # The address says which input has which role; a date and its time may be two inputs.
    name = typed.get(f"_{role}", "")
    pieces = [typed.get(each, "") for each in (name, f"{name}_0", f"{name}_1")]
    return " ".join(filter(None, pieces)) if name else ""

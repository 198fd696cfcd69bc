"""How values look on the admin pages: moments, durations, states, JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import quote
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from django.contrib.admin import AdminSite
    from django.db.models import Model
    from django.utils.safestring import SafeString

#: Longer texts than this are cut on a page; the database keeps them whole.
LONGEST_TEXT = 20_000

NOTHING = "-"


def moment(at: datetime | date | None) -> SafeString | str:
    """Return *at*, a date or an instant in the current time zone, in words and for programs."""
    if at is None:
        return NOTHING
    if not isinstance(at, datetime):
        return day(at)
    local = timezone.localtime(at)
    return format_html(
        '<time class="recurring-jobs-time" datetime="{}">{}</time>',
        local.isoformat(),
        words_of(local),
    )


def words_of(local: datetime) -> SafeString:
    """
    Return *local* as weekday, date and time, such as "Mon 2026-01-05 09:00".

    Seconds are left out where they are zero. No conversion of the zone takes place.
    """
    time = date_format(local, "H:i:s" if local.second else "H:i")
    return format_html("{} {}", day(local), time)


def day(local: date) -> SafeString:
    """Return *local* as weekday and date, in one line however narrow the column is."""
    return format_html('<span class="recurring-jobs-day">{}</span>', date_format(local, "D Y-m-d"))


def offset_of(local: datetime) -> str:
    """Return the distance of *local* from UTC, such as ``"UTC+02:00"``."""
    offset = local.utcoffset() or timedelta()
    sign = "-" if offset < timedelta() else "+"
    minutes = abs(int(offset.total_seconds())) // 60
    return f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}"


def duration(value: timedelta | None) -> str:
    """Return *value* in one or two units, such as ``"1 h 05 min"`` or ``"340 ms"``."""
    if value is None:
        return NOTHING
    seconds = value.total_seconds()
    if seconds < 0:
        return f"-{duration(-value)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f}\xa0ms"
    if seconds < 60:
        return f"{seconds:.1f}\xa0s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}\xa0min {rest:02}\xa0s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}\xa0h {minutes:02}\xa0min"
    return f"{hours // 24}\xa0d {hours % 24:02}\xa0h"


def badge(kind: str, text: Any, title: str = "") -> SafeString:
    """Return *text* as a small mark, coloured by *kind*: good, bad, busy, warn or quiet."""
    return format_html(
        '<span class="recurring-jobs-badge recurring-jobs-{}" title="{}">{}</span>',
        kind,
        title,
        text,
    )


def progress_bar(done: float | None, total: float | None, note: str = "") -> SafeString | str:
    """Return a bar for *done* of *total*, with the figures and the *note* beside it."""
    if done is None and not note:
        return NOTHING
    if not total:
        return format_html("{} {}", "" if done is None else done, note)
    percent = max(0, min(100, int(100 * (done or 0) / total)))
    return format_html(
        '<progress class="recurring-jobs-progress" max="100" value="{}">{} %</progress> '
        '<span class="recurring-jobs-quiet">{} / {} {}</span>',
        percent,
        percent,
        done or 0,
        total,
        note,
    )


def code(text: Any) -> SafeString | str:
    """Return *text* as a block that keeps its lines."""
    text = str(text)
    if not text:
        return NOTHING
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT] + "\n" + _("… cut here")
    return format_html('<pre class="recurring-jobs-code" tabindex="0">{}</pre>', text)


def pretty_json(value: Any) -> SafeString | str:
    """Return *value* as indented JSON."""
    return code(json_text(value))


def json_text(value: Any) -> str:
    """Return *value* as indented JSON text, whatever is in it."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=repr)


def link(site: AdminSite, obj: Model | None, text: Any = None) -> SafeString | str:
    """Return a link to the page of *obj* in *site*, or its text where it has none."""
    if obj is None:
        return NOTHING
    label = str(obj) if text is None else text
    name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
    try:
        url = reverse(name, args=[quote(obj.pk)], current_app=site.name)
    except NoReverseMatch:
        return format_html("{}", label)
    return format_html('<a href="{}">{}</a>', url, label)


def next_times(times: Iterable[datetime | date], zone: tzinfo) -> SafeString:
    """
    Return a table of *times* in *zone* and in the current time zone.

    A change of the clocks between two of them is noted. Dates are shown as they are.
    """
    here = timezone.get_current_timezone()
    rows = [_row(at, zone, here) for at in times]
    for before, row in pairwise(rows):
        row["clocks_change"] = before["offset"] != row["offset"]
    context = {
        "rows": rows,
        "zone": str(zone),
        "here": str(here),
        "is_here": str(zone) == str(here) or not any(row["here"] for row in rows),
        "has_offset": any(row["offset"] for row in rows),
    }
    return render_to_string("recurring_jobs/admin/next_times.html", context)


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

"""How values look on the admin pages: moments, durations, states, JSON."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from recurring_jobs.recurrence.preview import day, words_of

if TYPE_CHECKING:
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


def duration(value: timedelta | None) -> str:
    """Return *value* in one or two units, such as ``"1 h 05 min"`` or ``"340 ms"``."""
    if value is None:
        return NOTHING
    seconds = value.total_seconds()
    if seconds < 0:
        return f"-{duration(-value)}"
    if seconds < 1:
        return _unit(_("%(number)s ms"), f"{seconds * 1000:.0f}")
    if seconds < 60:
        return _unit(_("%(number)s s"), f"{seconds:.1f}")
    in_seconds, in_minutes, in_hours = _("%(number)s s"), _("%(number)s min"), _("%(number)s h")
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{_unit(in_minutes, minutes)} {_unit(in_seconds, f'{rest:02}')}"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{_unit(in_hours, hours)} {_unit(in_minutes, f'{minutes:02}')}"
    days, hours = divmod(hours, 24)
    in_days = _("%(number)s d")
    return f"{_unit(in_days, days)} {_unit(in_hours, f'{hours:02}')}"


def _unit(text: str, number: int | str) -> str:
    # A line never ends between a number and its unit.
    return (text % {"number": number}).replace(" ", "\xa0")


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
        '<span class="recurring-jobs-quiet">{}\xa0/\xa0{} {}</span>',
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

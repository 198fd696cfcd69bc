"""Rows as iCalendar (RFC 5545): templates and their occurrences, for calendar programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final

from django.db.models import DateTimeField, Q
from django.utils import timezone

from recurring_jobs.exceptions import ExtraMissingError
from recurring_jobs.recurrence.layout import is_template_model, layout_of, start_name
from recurring_jobs.recurrence.options import column, has_field
from recurring_jobs.recurrence.published import publish
from recurring_jobs.recurrence.rows import series_of
from recurring_jobs.recurrence.vtimezones import vtimezone
from recurring_jobs.recurrence.window import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType
    from zoneinfo import ZoneInfo

    from django.db.models import Model, QuerySet
    from icalendar import Event

    from recurring_jobs.recurrence.window import Series

#: How far back rows are told, where nothing else is said.
PAST: Final = timedelta(days=90)

#: The last line of every calendar.
CALENDAR_END: Final = b"END:VCALENDAR\r\n"


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """
    What a calendar shows of one row, template or occurrence.

    Without a *duration* a date-time is a moment, and a date the whole day. *modified* is
    when the row was last changed, where that is known.
    """

    summary: str
    description: str = ""
    location: str = ""
    url: str = ""
    duration: timedelta | None = None
    modified: datetime | None = field(default=None, compare=False)


def to_ics(
    template: Any,
    *,
    entry: Callable[[Any], CalendarEntry] | None = None,
    domain: str = "localhost",
    now: datetime | None = None,
    since: datetime | None = None,
) -> bytes:
    """
    Return *template* and its occurrences as the content of an ``.ics`` file.

    Up to the last occurrence made, it has the rows there are from *since* on (default: 90
    days ago): a deleted one is an EXDATE, a moved or changed one an event with a
    RECURRENCE-ID. What comes later is as the rule says. *entry* gives what is shown of a
    row, by default its ``str()``. *domain* makes the UIDs unique in the world.

    Raise InvalidRuleError, UnknownTimeZoneError or ValueError for a template that cannot
    be read, ExtraMissingError without the extra ``ics``.
    """
    moment = now or timezone.now()
    head = calendar_head()
    zone = series_of(template).zone if template.is_template else None
    begin = since or moment - PAST
    writer = CalendarWriter(entry or plain_entry, domain, moment, begin, revised_at=moment)
    events = writer.events([template], occurrences_for(type(template), template._state.db))
    return b"".join([head, vtimezone(zone, moment) if zone else b"", *events, CALENDAR_END])


def plain_entry(row: Any) -> CalendarEntry:
    """
    Return *row* as its ``str()``, and nothing more.
    """
    return CalendarEntry(str(row))


def calendar_head(name: str = "", refresh: timedelta | None = None) -> bytes:
    """
    Return the first lines of a calendar called *name*, to be asked for again every *refresh*.

    Raise ExtraMissingError without the extra ``ics``.
    """
    icalendar = require_icalendar()
    calendar = icalendar.Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//django-recurring-jobs//EN")
    if name:
        calendar.add("name", name)
        calendar.add("x-wr-calname", name)
    if refresh:
        calendar.add("refresh-interval", icalendar.vDuration(refresh), {"VALUE": "DURATION"})
        calendar.add("x-published-ttl", icalendar.vDuration(refresh))
    return bytes(calendar.to_ical().removesuffix(CALENDAR_END))


def require_icalendar() -> ModuleType:
    """
    Return the library icalendar. Raise ExtraMissingError where it is not installed.
    """
    try:
        import icalendar
    except ImportError:
        raise ExtraMissingError("ics", "icalendar") from None
    return icalendar


def occurrences_for(model: type[Model], using: str | None = None) -> QuerySet[Any] | None:
    """
    Return the rows made from templates of *model*, in the database *using*.

    None for a model whose rows only have a rule.
    """
    if not is_template_model(model):
        return None
    rows = layout_of(model).occurrence._default_manager.using(using)
    return rows.filter(recurrence_parent__isnull=False)


@dataclass(frozen=True, slots=True)
class CalendarWriter:
    """
    Write rows as events: *entry* says what is shown of each, *domain* makes UIDs unique.

    Rows that begin before *since* are left out. *revised_at* stands for the moment of the
    last change where an entry does not know it.
    """

    entry: Callable[[Any], CalendarEntry]
    domain: str
    now: datetime
    since: datetime
    revised_at: datetime

    def events(
        self, templates: Sequence[Any], occurrences: QuerySet[Any] | None
    ) -> Iterator[bytes]:
        """
        Yield the events of *templates*, all of one model; one without a rule is one event.

        *occurrences* are the rows to look for theirs in; None where there are none.
        """
        rows = self._rows_of(templates, occurrences)
        for template in templates:
            for event in self.events_of(template, None if rows is None else rows[template.pk]):
                yield event.to_ical()

    def _rows_of(
        self, templates: Sequence[Any], occurrences: QuerySet[Any] | None
    ) -> dict[Any, list[Any]] | None:
        if occurrences is None:
            return None
        name = start_name(occurrences.model)
        rows: dict[Any, list[Any]] = {template.pk: [] for template in templates}
        found = occurrences.filter(recurrence_parent__in=list(rows)).order_by(name, "pk")
        for row in found.filter(**{f"{name}__gte": self._first_of(occurrences.model)}):
            rows[row.recurrence_parent_id].append(row)
        return rows

    def is_told(self, model: type[Model]) -> Q:
        """
        Return the condition for rows of *model* that can have an event: rules, and late starts.
        """
        begins = Q(**{f"{start_name(model)}__gte": self._first_of(model)})
        if not has_field(model, "recurrence_rule"):
            return begins
        return begins | Q(recurrence_rule__isnull=False)

    def events_of(self, template: Any, rows: list[Any] | None) -> Iterator[Event]:
        """
        Yield the events of *template*, whose rows from ``since`` on are *rows* (None: no rows).
        """
        if not getattr(template, "recurrence_rule", None):
            start = getattr(template, start_name(type(template)))
            if start is not None and start >= self._first_of(type(template)):
                yield self._event(template, self._uid(template))
            return
        try:
            series = series_of(template)
        except ValueError:
            # The generator sets it aside with the reason; what it made before is shown.
            yield from (self._alone(template, row) for row in rows or ())
            return
        yield from self._series(template, series, rows)

    def _series(self, template: Any, series: Series, rows: list[Any] | None) -> Iterator[Event]:
        by_id = None if rows is None else {row.recurrence_id: row for row in rows}
        upto = getattr(template, "recurrence_cursor", None) or ""
        skipped = getattr(template, "recurrence_skips", None) or {}
        told = publish(
            series, now=self.now, since=self.since, rows=by_id, upto=upto, skipped=skipped
        )
        if told.first and told.rule:
            event = self._event(template, self._uid(template), stamp(told.first, series.zone))
            event.add("rrule", require_icalendar().vRecur.from_ical(str(told.rule)))
            for name, nominals in (("rdate", told.added), ("exdate", told.left_out)):
                if nominals:
                    event.add(name, [stamp(each, series.zone) for each in nominals])
            yield event
        for nominal in told.apart:
            uid = self._uid(template, nominal)
            yield self._event(template, uid, stamp(nominal, series.zone))
        for nominal, row in (by_id or {}).items():
            if nominal not in told.covered:
                yield self._alone(template, row)
            elif not self._is_as_told(template, row, series.zone):
                event = self._event(row, self._uid(template), _start(row, series.zone))
                event.add("recurrence-id", stamp(nominal, series.zone))
                yield event

    def _alone(self, template: Any, row: Any) -> Event:
        return self._event(row, self._uid(template, row.recurrence_id))

    def _event(self, row: Any, uid: str, start: datetime | date | None = None) -> Event:
        entry = self.entry(row)
        event: Event = require_icalendar().Event()
        event.add("uid", uid)
        event.add("dtstamp", (entry.modified or self.revised_at).astimezone(UTC))
        event.add("dtstart", start or _start(row, UTC))
        if entry.modified:
            event.add("last-modified", entry.modified.astimezone(UTC))
        for name in ("summary", "description", "location", "url", "duration"):
            if value := getattr(entry, name):
                event.add(name, value)
        return event

    def _is_as_told(self, template: Any, row: Any, zone: ZoneInfo) -> bool:
        told, start = stamp(row.recurrence_id, zone), _start(row, zone)
        if isinstance(start, datetime) and isinstance(told, datetime) and told.tzinfo is not UTC:
            # By the clock on the wall: programs differ about a time that falls into a gap.
            start, told = start.replace(tzinfo=None), told.replace(tzinfo=None)
        return start == told and self.entry(row) == self.entry(template)

    def _first_of(self, model: type[Model]) -> datetime | date:
        is_timed = isinstance(column(model, start_name(model)), DateTimeField)
        return self.since if is_timed else self.since.date()

    def _uid(self, row: Any, nominal: str = "") -> str:
        name = f"{row._meta.label_lower}-{row.pk}"
        return f"{name}-{nominal}@{self.domain}" if nominal else f"{name}@{self.domain}"


def _start(row: Any, zone: tzinfo) -> datetime | date:
    start: datetime | date = getattr(row, start_name(type(row)))
    if not isinstance(start, datetime):
        return start
    local = start.astimezone(zone)
    # The second pass of an hour that the clocks repeat has no local name.
    return local.astimezone(UTC) if local.fold else local

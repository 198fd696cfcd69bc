"""One month of a template: what is made, changed, moved, skipped, or expected."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Q

from recurring_jobs.recurrence.layout import is_template_model, layout_of
from recurring_jobs.recurrence.links import read_links
from recurring_jobs.recurrence.reconcile import Past
from recurring_jobs.recurrence.rows import series_of
from recurring_jobs.recurrence.window import stamp
from recurring_jobs.recurrence.zones import zone_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zoneinfo import ZoneInfo

    from django.db.models import Model

    from recurring_jobs.recurrence.window import Series
    from recurring_jobs.rules import Occurrence

#: More occurrences, or rows, of one month than this are not told.
MOST_OCCURRENCES: Final = 1_000

_DAY = timedelta(days=1)


class OccurrenceState(StrEnum):
    """What became of one nominal time; ABSENT is a past one that has no row."""

    MADE = "made"
    CHANGED = "changed"
    MOVED = "moved"
    SKIPPED = "skipped"
    EXPECTED = "expected"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Entry:
    """
    Something that stands on a day, at a time on the template's clock, or the whole day.

    A row that was moved stands on two: where it is, and where *moved_to* says that it went.
    """

    at: datetime | date
    state: OccurrenceState
    row: Any = None
    moved_from: datetime | date | None = None
    moved_to: datetime | date | None = None


@dataclass(frozen=True, slots=True)
class Month:
    """
    The days of a month that begins on *first*, on the clock of *zone*.

    *entries* are those of each day that has any, in order; on *clock_changes* the day has
    no 24 hours. With *is_cut* there are more than MOST_OCCURRENCES.
    """

    first: date
    zone: ZoneInfo
    entries: Mapping[date, list[Entry]]
    clock_changes: frozenset[date]
    is_cut: bool


def month_of(template: Any, first: date, now: datetime) -> Month:
    """
    Return the month that begins on *first*, of *template*, as it is at *now*.

    It takes as many queries for any number of rows. Raise ValueError for a rule, a zone or
    a start that cannot be read.
    """
    series = series_of(template)
    following = (first + 31 * _DAY).replace(day=1)
    begin, end = series.instant(first), series.instant(following)
    named = list(islice(series.between(begin, end), MOST_OCCURRENCES + 1))
    rows: list[Any] = []
    past = None
    if is_template_model(type(template)):
        rows = _rows(template, series, first, following)
        # What its hook raised may be why it was set aside; nothing is compared then.
        past = None if template.recurrence_set_aside else Past.of(template, now)
    found = [
        *_of_rows(rows[:MOST_OCCURRENCES], series, past, now),
        *_without_rows(template, series, named[:MOST_OCCURRENCES], rows, past, now),
    ]
    entries: defaultdict[date, list[Entry]] = defaultdict(list)
    for entry in sorted(found, key=lambda each: series.instant(each.at)):
        entries[_day(entry.at)].append(entry)
    return Month(
        first,
        series.zone,
        {day: there for day, there in entries.items() if first <= day < following},
        _clock_changes(first, following, series.zone),
        is_cut=max(len(named), len(rows)) > MOST_OCCURRENCES,
    )


def _rows(template: Any, series: Series, first: date, following: date) -> list[Any]:
    # Those that start in the month, and those whose nominal time is in it, wherever they are.
    model: type[Model] = type(template)
    layout = layout_of(model)
    start = layout.start.target.name
    bounds: tuple[Any, Any] = (first, following)
    if isinstance(series.start, datetime):
        bounds = (series.instant(first), series.instant(following))
    is_here = Q(**{f"{start}__gte": bounds[0], f"{start}__lt": bounds[1]})
    # A name may be in UTC, and so be of the day before or after.
    nominal = (f"{first - _DAY:%Y%m%d}", f"{following + _DAY:%Y%m%d}")
    was_here = Q(recurrence_id__gte=nominal[0], recurrence_id__lt=nominal[1])
    using = template._state.db
    rows = layout.occurrence._default_manager.using(using).filter(recurrence_parent=template.pk)
    found = list(rows.filter(is_here | was_here).order_by(start)[: MOST_OCCURRENCES + 1])
    read_links(layout, found, using)
    return found


def _of_rows(rows: Iterable[Any], series: Series, past: Past | None, now: datetime) -> list[Entry]:
    entries = []
    for row in rows:
        nominal = _nominal(row, series, past)
        start = _start(row)
        here = nominal if start is None else _local(start, series.zone)
        if here is None:
            continue  # it has neither a nominal time nor a start
        if nominal is None or series.instant(here) == series.instant(nominal):
            entries.append(Entry(here, _state(row, past, now), row))
        else:
            entries.append(Entry(here, OccurrenceState.MOVED, row, moved_from=nominal))
            entries.append(Entry(nominal, OccurrenceState.MOVED, row, moved_to=here))
    return entries


def _without_rows(
    template: Any,
    series: Series,
    named: Iterable[Occurrence],
    rows: Iterable[Any],
    past: Past | None,
    now: datetime,
) -> list[Entry]:
    present = {row.recurrence_id for row in rows}
    skips = getattr(template, "recurrence_skips", None) or {}
    entries = []
    for occurrence in named:
        name, lies_ahead = occurrence.nominal, series.instant(occurrence.at) > now
        if name in present:
            continue
        if name in skips or (lies_ahead and past is not None and name in past.made):
            state = OccurrenceState.SKIPPED
        elif lies_ahead or not is_template_model(type(template)):
            state = OccurrenceState.EXPECTED
        else:
            state = OccurrenceState.ABSENT
        entries.append(Entry(occurrence.at, state))
    return entries


def _state(row: Any, past: Past | None, now: datetime) -> OccurrenceState:
    # What has begun is history: the template may be another one since.
    start = _start(row)
    if past is None or start is None or past.series.instant(start) <= now:
        return OccurrenceState.MADE
    return OccurrenceState.MADE if past.wrote(row, now) else OccurrenceState.CHANGED


def _start(row: Any) -> datetime | date | None:
    model: type[Model] = type(row)
    start: datetime | date | None = layout_of(model).start.target.value_from_object(row)
    return start


def _nominal(row: Any, series: Series, past: Past | None) -> datetime | date | None:
    if row.recurrence_id is None:
        return None
    if past is not None and row.recurrence_id in past.made:
        return _local(past.made[row.recurrence_id].at, series.zone)
    zone = zone_named(row.recurrence_timezone) if row.recurrence_timezone else series.zone
    at = stamp(row.recurrence_id, zone)
    # Through UTC, which moves a wall time out of a gap.
    return _local(series.instant(at), series.zone) if isinstance(at, datetime) else at


def _local(at: datetime | date, zone: ZoneInfo) -> datetime | date:
    return at.astimezone(zone) if isinstance(at, datetime) else at


def _day(at: datetime | date) -> date:
    return at.date() if isinstance(at, datetime) else at


def _clock_changes(first: date, following: date, zone: ZoneInfo) -> frozenset[date]:
    days = [first + number * _DAY for number in range((following - first).days + 1)]
    offsets = [datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset() for day in days]
    pairs = zip(days, offsets, offsets[1:], strict=False)
    return frozenset(day for day, here, there in pairs if here != there)

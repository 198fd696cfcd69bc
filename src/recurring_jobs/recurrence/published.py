"""What a calendar program has to be told of a series, so that it shows our times: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from recurring_jobs.recurrence.window import stamp
from recurring_jobs.rules import Frequency, Moment, Rule, Skip, Weekday

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import date

    from recurring_jobs.recurrence.window import Series
    from recurring_jobs.rules import Occurrence

#: How many coming times are told one by one, where no RRULE says them to every program.
TIMES_TOLD: Final = 200

#: With more times than this to compare with rows, a series is told one by one as well.
MOST_COMPARED: Final = 5_000

_DAY = timedelta(days=1)
_LAST = datetime.max.replace(tzinfo=UTC) - _DAY
_LOCAL_PARTS = (
    "by_month",
    "by_week_number",
    "by_year_day",
    "by_month_day",
    "by_day",
    "by_hour",
    "by_minute",
    "by_second",
    "by_set_position",
)


@dataclass(frozen=True, slots=True)
class Published:
    """
    A series in the terms of RFC 5545; every time is a nominal time.

    *first* (DTSTART) is a time of *rule*; both are None where no RRULE is told. *added*
    (RDATE) and *left_out* (EXDATE) are later than it. *apart* are coming times that are
    told as events of their own. *covered* are the rows among the times of the rule.
    """

    first: str | None = None
    rule: Rule | None = None
    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    covered: frozenset[str] = frozenset()


def publish(
    series: Series,
    *,
    now: datetime,
    since: datetime,
    rows: Collection[str] | None = None,
    upto: str = "",
    skipped: Collection[str] = (),
) -> Published:
    """
    Return *series* as calendar programs will show it.

    *rows* are the nominal times of the rows from *since* on. Up to the nominal time *upto*
    and the instant *now*, a time that has no row is left out; later, the rule speaks, but
    for the nominal times that are *skipped*. Without *rows* (None) the rule speaks from its
    start on.
    """
    if rows is None:
        return _told(series, None, (), (), since, skipped=skipped)
    behind = list(islice(_behind(series, now, since, upto), MOST_COMPARED + 1))
    limit = max([now, *(series.instant(each.at) for each in behind[-1:])])
    return _told(series, limit, behind, rows, since, skipped=skipped)


def _behind(series: Series, now: datetime, since: datetime, upto: str) -> Iterator[Occurrence]:
    found = _without_exclusions(series.rule).expand(
        series.start, after=series.local(since), inclusive=True
    )
    last = max(now, series.moment_of(upto)) if upto else now
    return takewhile(lambda each: series.instant(each.at) <= last, found)


def _told(
    series: Series,
    limit: datetime | None,
    behind: Collection[Occurrence],
    rows: Collection[str],
    since: datetime,
    *,
    skipped: Collection[str],
) -> Published:
    after = None if limit is None else series.local(limit)
    coming = series.rule.expand(series.start, after=after)
    excluded = list(islice(_excluded(series), MOST_COMPARED + 1))
    if not _is_portable(series.rule) or max(len(behind), len(excluded)) > MOST_COMPARED:
        if limit is None:
            coming = series.between(since, _LAST)
        return Published(apart=_names(islice(coming, TIMES_TOLD), but=[*rows, *skipped]))
    extra = _extra(series)
    added = [
        each
        for each in extra.values()
        if each.nominal in rows
        or (
            each.nominal not in skipped
            and (limit is None or series.instant(each.at) > limit)
            and _has(series.rule, series, each)
        )
    ]
    there = (each for each in behind if each.nominal in rows)
    shown = chain(there, (each for each in coming if each.nominal not in skipped))
    first = next((each for each in shown if each.nominal not in extra), None)
    if first is None:
        return Published(apart=_names(added, but=rows))
    begin = series.instant(first.at)
    unshown = chain((each for each in behind if each.nominal not in extra), excluded)
    left_out = {each.nominal for each in unshown if series.instant(each.at) > begin}
    left_out |= _covered(series, skipped, begin) - extra.keys()
    return Published(
        first=first.nominal,
        rule=_spelled_out(series, first),
        added=_names(each for each in added if series.instant(each.at) > begin),
        left_out=tuple(sorted(left_out - set(rows))),
        apart=_names((each for each in added if series.instant(each.at) < begin), but=rows),
        covered=_covered(series, rows, begin),
    )


def _is_portable(rule: Rule) -> bool:
    # SKIP is known to few programs. HOURLY and finer run on elapsed time, which a start in
    # UTC says to all of them; but then no part may look at the local clock.
    if rule.skip is not Skip.OMIT:
        return False
    if rule.frequency < Frequency.HOURLY:
        return True
    is_local = any(getattr(rule, part) for part in _LOCAL_PARTS)
    return not is_local and not any(each.is_date for each in rule.exdates)


def _spelled_out(series: Series, first: Occurrence) -> Rule:
    rule = replace(_without_exclusions(series.rule), rdates=())
    if rule.frequency is Frequency.YEARLY:
        rule = _named_parts(rule, series.start)
    if rule.count is not None and next(rule.expand(series.start)).nominal != first.nominal:
        last = rule.previous_before(series.start, series.local(_LAST))
        return replace(rule, count=None, until=_until(last))
    if rule.until is not None:
        dated = not isinstance(series.start, datetime)
        try:
            end = rule.until.wall if dated else rule.until.last_instant(series.zone)
        except OverflowError:  # the last hours of the year 9999
            return replace(rule, until=None)
        return replace(rule, until=Moment(end.replace(microsecond=0), "" if dated else "Z", dated))
    return rule


def _named_parts(rule: Rule, start: date) -> Rule:
    # What programs read differently where it is not said (see the page on time).
    if rule.by_month_day and not rule.by_month:
        return replace(rule, by_month=tuple(range(1, 13)))
    if rule.by_week_number and not (rule.by_day or rule.by_year_day or rule.by_month_day):
        return replace(rule, by_day=(Weekday(start.weekday()),))
    return rule


def _until(last: datetime | date) -> Moment:
    if isinstance(last, datetime):
        return Moment(last.astimezone(UTC).replace(tzinfo=None), "Z")
    return Moment(datetime(last.year, last.month, last.day), "", is_date=True)  # noqa: DTZ001  a date


def _without_exclusions(rule: Rule) -> Rule:
    return replace(rule, exdates=())


def _extra(series: Series) -> dict[str, Occurrence]:
    """Return the times that RDATE adds to those of the RRULE."""
    whole = _without_exclusions(series.rule)
    base = replace(whole, rdates=())
    found = {}
    for moment in series.rule.rdates:
        at = _at(moment, series)
        each = next(whole.expand(series.start, after=at, inclusive=True), None)
        if each is not None and _is_same(series, each.at, at) and not _has(base, series, each):
            found[each.nominal] = each
    return found


def _excluded(series: Series) -> Iterator[Occurrence]:
    """Yield the times of the RRULE that EXDATE takes away."""
    base = replace(_without_exclusions(series.rule), rdates=())
    for moment in series.rule.exdates:
        at = _at(moment, series)
        if moment.is_date and isinstance(at, datetime):
            day = at.replace(hour=0, minute=0, second=0)
            found = base.expand(series.start, after=day - _DAY, before=day + 2 * _DAY)
        else:
            found = base.expand(series.start, after=at, before=at, inclusive=True)
        yield from (each for each in found if not _has(series.rule, series, each))


def _at(moment: Moment, series: Series) -> datetime | date:
    if not isinstance(series.start, datetime):
        return moment.wall.date()
    wall = moment.wall
    if moment.is_date:
        wall = datetime.combine(wall, series.start.time())
    zone = UTC if moment.zone == "Z" else ZoneInfo(moment.zone) if moment.zone else series.zone
    return wall.replace(tzinfo=zone)


def _has(rule: Rule, series: Series, wanted: Occurrence) -> bool:
    found = next(rule.expand(series.start, after=wanted.at, inclusive=True), None)
    return found is not None and found.nominal == wanted.nominal


def _is_same(series: Series, one: datetime | date, other: datetime | date) -> bool:
    return series.instant(one) == series.instant(other)


def _covered(series: Series, rows: Collection[str], begin: datetime) -> frozenset[str]:
    whole = _without_exclusions(series.rule)
    is_timed = isinstance(series.start, datetime)
    covered = set()
    for nominal in rows:
        at = stamp(nominal, series.zone)
        if isinstance(at, datetime) is is_timed:
            each = next(whole.expand(series.start, after=at, inclusive=True), None)
            if each is not None and each.nominal == nominal and series.instant(each.at) >= begin:
                covered.add(nominal)
    return frozenset(covered)


def _names(found: Iterable[Occurrence], but: Collection[str] = ()) -> tuple[str, ...]:
    return tuple(sorted({each.nominal for each in found} - set(but)))

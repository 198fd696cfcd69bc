"""Which occurrences of a rule must exist now, and when the next one will be needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from recurring_jobs.rules import Frequency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from zoneinfo import ZoneInfo

    from recurring_jobs.rules import Occurrence, Rule

#: How far a name may be from its instant: a start in the second pass of a fold.
NEAR: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The occurrences that must exist, in order, and when there must be another (or None)."""

    needed: list[Occurrence]
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Series:
    """
    A rule with the start it counts from, on the clock of a zone.

    *start* is an aware date-time in *zone*, or a date for rows that last all day; such a
    day begins at midnight in *zone*.
    """

    rule: Rule
    start: datetime | date
    zone: ZoneInfo

    def after(self, instant: datetime) -> Iterator[Occurrence]:
        """
        Yield the occurrences later than *instant*, in order.
        """
        return self.rule.expand(self.start, after=self.local(instant))

    def between(self, first: datetime, last: datetime) -> Iterator[Occurrence]:
        """
        Yield the occurrences from *first* on and before *last*.
        """
        for occurrence in self.rule.expand(self.start, after=self.local(first), inclusive=True):
            at = self.instant(occurrence.at)
            if at >= last:
                return
            # The day that *first* falls into began before it.
            if at >= first:
                yield occurrence

    def window(
        self,
        now: datetime,
        *,
        ahead: int,
        horizon: timedelta | None,
        until: datetime | None = None,
    ) -> Window:
        """
        Return the next *ahead* occurrences after *now*, all within *horizon*, and to *until*.
        """
        if horizon is None and until is None and self.rule.is_endless:
            return self._next(now, ahead)
        far = None if horizon is None else now + horizon
        ends = [moment for moment in (far, until) if moment is not None]
        end = max(ends, default=None)
        needed: list[Occurrence] = []
        for occurrence in self.after(now):
            if len(needed) >= ahead and (end is None or self.instant(occurrence.at) > end):
                due_at = self._due_at(needed, occurrence, ahead=ahead, horizon=horizon)
                return Window(needed, due_at)
            needed.append(occurrence)
        return Window(needed, None)

    def _next(self, now: datetime, ahead: int) -> Window:
        # There is always another: that it is missing is known without working it out.
        needed = list(islice(self.after(now), ahead))
        return Window(needed, self.instant(needed[0].at) if len(needed) == ahead else None)

    def _due_at(
        self,
        needed: list[Occurrence],
        missing: Occurrence,
        *,
        ahead: int,
        horizon: timedelta | None,
    ) -> datetime:
        # The first one that is missing is needed when it comes within the horizon, or when
        # so many of those that exist have passed that it is among the next *ahead*.
        moments = []
        if horizon is not None:
            moments.append(self.instant(missing.at) - horizon)
        if ahead:
            moments.append(self.instant(needed[len(needed) - ahead].at))
        return min(moments)

    def moment_of(self, nominal: str) -> datetime:
        """
        Return the moment that *nominal*, the name of an occurrence, stands for, in UTC.

        What comes later is told by this, never by names: a time that a gap moved comes after
        later names, and one in UTC (the second pass of a fold) before or after any.
        """
        at = stamp(nominal, self.zone)
        moment = self.instant(at)
        start = self.start
        if isinstance(at, datetime) and isinstance(start, datetime) and start.fold:
            # A start in the second pass of a fold, and so is what follows in that pass.
            begin, again = self.instant(start), self.instant(at.replace(fold=1))
            return again if moment < begin <= again else moment
        return moment

    def until(self, nominal: str, occurrences: Iterable[Occurrence]) -> Iterator[Occurrence]:
        """
        Yield those of *occurrences*, which are in order, that are not after the one so named.
        """
        last = self.moment_of(nominal)
        return takewhile(lambda each: self.instant(each.at) <= last, occurrences)

    def named(self, nominal: str) -> Occurrence | None:
        """
        Return the occurrence called *nominal*, or None where the rule has none.
        """
        moment = self.moment_of(nominal)
        for occurrence in self.between(moment - NEAR, moment + NEAR):
            if occurrence.nominal == nominal:
                return occurrence
        return None

    def distance_to(self, other: Series) -> timedelta:
        """
        Return how far the start of *other* is from this one's, in the terms of names.
        """
        if self.rule.frequency >= Frequency.HOURLY:  # named by instants
            return self.instant(other.start) - self.instant(self.start)
        return _wall(other.start) - _wall(self.start)

    def instant(self, at: datetime | date) -> datetime:
        """
        Return the moment *at* begins, in UTC.
        """
        return _instant(at, self.zone)

    def local(self, instant: datetime) -> datetime | date:
        """
        Return *instant* as the kind of value the rule is expanded with.
        """
        there = instant.astimezone(self.zone)
        return there if isinstance(self.start, datetime) else there.date()


def stamp(nominal: str, zone: ZoneInfo) -> datetime | date:
    """
    Return a nominal time as a value: a date, an instant, or the wall time in *zone*.

    A wall time in a gap stays as it is written, which is how RFC 5545 (3.3.5) wants it.
    """
    at = datetime.fromisoformat(nominal)
    if len(nominal) == 8:
        return at.date()
    return at if at.tzinfo else at.replace(tzinfo=zone)


def shift_of(
    value: datetime | date | None, start: datetime | date, zone: ZoneInfo
) -> Callable[[datetime | date], datetime | date | None]:
    """
    Return how *value* moves along from a row that starts at *start* to one at another time.

    A date-time keeps its distance in elapsed time (an alarm one hour before stays one hour
    before, also over a clock change), a date its distance in days.
    """
    if value is None:
        return lambda _: None
    if isinstance(value, datetime):
        elapsed = _instant(value, zone) - _instant(start, zone)
        return lambda at: _instant(at, zone) + elapsed
    days = value - _day(start, zone)
    return lambda at: _day(at, zone) + days


def moved_name(nominal: str, distance: timedelta) -> str:
    """
    Return the name that lies *distance* from *nominal*: of a day, a wall time or an instant.
    """
    moved = datetime.fromisoformat(nominal.removesuffix("Z")) + distance
    text = moved.isoformat(timespec="seconds").replace("-", "").replace(":", "")
    return (text + nominal[15:])[: len(nominal)]


def _instant(at: datetime | date, zone: ZoneInfo) -> datetime:
    if not isinstance(at, datetime):
        at = datetime.combine(at, time.min, zone)
    return at.astimezone(UTC)


def _wall(start: datetime | date) -> datetime:
    if isinstance(start, datetime):
        return start.replace(tzinfo=None)
    return datetime.combine(start, time.min)


def _day(at: datetime | date, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date() if isinstance(at, datetime) else at

"""The rule: an RFC 5545 recurrence as a value, and the questions one can ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from recurring_jobs.exceptions import InvalidRuleError, RuleNeverOccursError
from recurring_jobs.rules.days import Days
from recurring_jobs.rules.expansion import Expansion, nominal_name
from recurring_jobs.rules.feasibility import can_occur
from recurring_jobs.rules.frequency import FREQUENCIES, Frequency, Skip, Weekday
from recurring_jobs.rules.parsing import LONGEST_TEXT, read
from recurring_jobs.rules.parting import continued_from, ending_before, moved
from recurring_jobs.rules.printing import normal_form
from recurring_jobs.rules.tally import Cursor
from recurring_jobs.rules.words import describe
from recurring_jobs.rules.zones import EARLIEST, FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from recurring_jobs.rules.moments import Moment
    from recurring_jobs.rules.streams import Item


_INSTANT = timedelta(microseconds=1)


class Occurrence(NamedTuple):
    """
    One time of a rule: *at* in the start's zone (or a date), and its *nominal* name.

    The nominal name is RFC 5545's RECURRENCE-ID: for rules that are DAILY or coarser the
    wall time as written, ``20260302T090000``, also where a gap moved it; for finer rules
    the instant, ``20261025T003000Z``; for dates ``20260302``.
    """

    at: Any
    nominal: str


@dataclass(frozen=True)
class Rule:
    """
    A recurrence: an RRULE, with the RDATE and EXDATE lines beside it where given.

    >>> rule = Rule.parse("FREQ=MONTHLY;BYDAY=-1FR")
    >>> rule.describe()
    'every month on the last Friday'
    """

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: Moment | None = None
    by_month: tuple[int, ...] = ()
    by_week_number: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[Weekday, ...] = ()
    by_hour: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_second: tuple[int, ...] = ()
    by_set_position: tuple[int, ...] = ()
    week_start: int = 0
    skip: Skip = Skip.OMIT
    rdates: tuple[Moment, ...] = ()
    exdates: tuple[Moment, ...] = ()

    @classmethod
    def parse(cls, text: str, *, finest: Frequency | str = Frequency.SECONDLY) -> Rule:
        """
        Read ``FREQ=...``, ``RRULE:FREQ=...`` or lines of RRULE, RDATE and EXDATE.

        Raise InvalidRuleError, which names the part, for what RFC 5545 does not allow and
        for a frequency finer than *finest*; RuleNeverOccursError for 30 February.
        """
        rule = _parse(text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT + 1])
        if isinstance(finest, str):
            finest = FREQUENCIES[finest.upper()]
        if rule.frequency > finest:
            problem = f"is finer than {finest.name}, the finest that is allowed here."
            raise InvalidRuleError("FREQ", rule.frequency.name, problem)
        return rule

    def expand(
        self,
        start: date,
        *,
        after: date | None = None,
        before: date | None = None,
        inclusive: bool = False,
        limit: int | None = None,
        cursor: Cursor | tuple[str, int] | None = None,
    ) -> Iterator[Occurrence]:
        """
        Yield the occurrences between *after* and *before*, in order, each instant once.

        *start*, an aware datetime or a date, gives phase, time of day and zone; it is an
        occurrence only if it matches. The bounds are themselves excluded unless
        *inclusive*. A *cursor* never changes the answer; it saves counting for COUNT.
        Raise InvalidRuleError if a time is naive or of another kind than the start.
        """
        found = self._items(start, after, before, inclusive=inclusive, limit=limit, cursor=cursor)
        if isinstance(start, datetime):
            return (Occurrence(item[1], nominal_name(item)) for item in found)
        return (Occurrence(item[1].date(), nominal_name(item)[:8]) for item in found)

    def occurrences(
        self,
        start: date,
        *,
        after: date | None = None,
        before: date | None = None,
        inclusive: bool = False,
        limit: int | None = None,
    ) -> Iterator[Any]:
        """
        Yield the times of expand() alone: datetimes in the start's zone, or dates.
        """
        found = self._items(start, after, before, inclusive=inclusive, limit=limit)
        if isinstance(start, datetime):
            return (item[1] for item in found)
        return (item[1].date() for item in found)

    def next_after(self, start: date, after: date) -> Any:
        """
        Return the first occurrence later than *after*, or None.
        """
        return next(self.occurrences(start, after=after), None)

    def previous_before(self, start: date, before: date) -> Any:
        """
        Return the last occurrence earlier than *before*, or None.
        """
        expansion = Expansion(self, start)
        found = expansion.last_before(expansion.instant("before", before))
        if found is None:
            return None
        return found[1] if isinstance(start, datetime) else found[1].date()

    def ending_before(self, start: date, moment: date) -> Rule:
        """
        Return the rule that yields, from *start*, only the times earlier than *moment*.

        COUNT is lowered, or UNTIL set to the last time that is left; RDATE and EXDATE go
        with the times they belong to. A rule that ends earlier is only rid of them.
        """
        return ending_before(self, start, moment)

    def continued_from(self, start: date, moment: date) -> tuple[Rule, Any]:
        """
        Return the rule, and the start for it, that yield the times from *moment* on.

        Together with ending_before() the two yield each time of the rule once. The new
        start is the first of its times, or, where that one does not fix the others (a gap
        or SKIP moved it, RDATE added it), an earlier one that EXDATE takes out. Raise
        InvalidRuleError if there is no time from *moment* on.
        """
        return continued_from(self, start, moment)

    def moved(self, start: date, to: date) -> Rule:
        """
        Return the rule for a start that moves to *to*: UNTIL, RDATE and EXDATE go along.
        """
        return moved(self, start, to)

    def describe(self, gettext: Callable[[str], str] | None = None) -> str:
        """
        Return the rule in words, exactly; what has no words is shown as the rule's text.

        *gettext* translates the English pieces.
        """
        return describe(self, gettext or str)

    def to_dateutil(self, start: datetime) -> Any:
        """
        Return the rule on *start* as an rrule or rruleset of python-dateutil.
        """
        from recurring_jobs.rules.dateutil_bridge import to_dateutil

        return to_dateutil(self, start)

    @classmethod
    def from_dateutil(cls, source: Any) -> Rule:
        """
        Return an rrule or rruleset of python-dateutil as a rule.
        """
        from recurring_jobs.rules.dateutil_bridge import from_dateutil

        return from_dateutil(source)

    def __str__(self) -> str:
        return self._text

    def __reduce__(self) -> tuple[Callable[[str], Rule], tuple[str]]:
        return _parse, (self._text,)

    @property
    def is_endless(self) -> bool:
        """Whether neither COUNT nor UNTIL ends it."""
        return self.count is None and self.until is None

    @cached_property
    def days(self) -> Days:
        """The days that pass the day parts, for rules that are DAILY or finer."""
        return Days(self)

    @cached_property
    def memory(self) -> dict[Any, Any]:
        """What the engine worked out about this rule, shared by all starts."""
        return {}

    @cached_property
    def _text(self) -> str:
        return normal_form(self)

    def _items(
        self,
        start: date,
        after: date | None,
        before: date | None,
        *,
        inclusive: bool,
        limit: int | None,
        cursor: Cursor | tuple[str, int] | None = None,
    ) -> Iterator[Item]:
        expansion = Expansion(self, start, None if cursor is None else Cursor(*cursor))
        first = None
        if after is not None:
            first = expansion.instant("after", after)
            if not inclusive and first < FOREVER:
                first += _INSTANT
        if before is None:
            found = expansion.since(first)
        else:
            last = expansion.instant("before", before)
            if not inclusive and last > EARLIEST:
                last -= _INSTANT
            found = takewhile(lambda item: item[0] <= last, expansion.since(first, last))
        return found if limit is None else islice(found, limit)


@lru_cache(maxsize=1024)
def _parse(text: str) -> Rule:
    rule = Rule(**read(text))
    if not can_occur(rule):
        raise RuleNeverOccursError(str(rule))
    return rule

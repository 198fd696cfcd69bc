"""Cutting a series in two: the rule that ends before a moment, and the one that goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Final

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules.expansion import Expansion, nominal_name
from recurring_jobs.rules.frequency import Frequency
from recurring_jobs.rules.moments import Moment
from recurring_jobs.rules.parsing import LONGEST_TEXT
from recurring_jobs.rules.zones import EARLIEST, FOREVER, from_utc, localise, wall_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from recurring_jobs.rules.rule import Rule
    from recurring_jobs.rules.streams import Item

#: How many times, and how far ahead, a new start must yield as the old one does. Within
#: thirty years every pattern of leap years comes round; within thirty intervals, where
#: one of them is longer than a year, as well.
TIMES_COMPARED: Final = 64
SPAN_COMPARED: Final = timedelta(days=30 * 366)
_PERIODS_OF_A_YEAR: Final = {
    Frequency.YEARLY: 1,
    Frequency.MONTHLY: 12,
    Frequency.WEEKLY: 52,
    Frequency.DAILY: 365,
    Frequency.HOURLY: 8_760,
    Frequency.MINUTELY: 525_600,
    Frequency.SECONDLY: 31_536_000,
}
#: How many earlier times are tried as a start, where the cut itself does not do.
STARTS_TRIED: Final = 100


def ending_before(rule: Rule, start: date, moment: date) -> Rule:
    """
    Return the rule that yields, from *start*, the times of *rule* earlier than *moment*.
    """
    expansion = Expansion(rule, start)
    cut = expansion.instant("moment", moment)
    head = replace(rule, rdates=(), exdates=())
    if _first(Expansion(head, start), cut) is not None:
        number = _number_before(head, start, cut)
        until = None if number else _last_before(Expansion(head, start), cut)
        head = replace(head, count=number or None, until=until)
    return replace(
        head,
        rdates=tuple(each for each in rule.rdates if expansion.item("RDATE", each)[0] < cut),
        exdates=tuple(each for each in rule.exdates if _side(expansion, each, cut) <= 0),
    )


def continued_from(rule: Rule, start: date, moment: date) -> tuple[Rule, Any]:
    """
    Return the rule, and its start, that yield the times of *rule* from *moment* on.

    The start is the first of these times; where that one does not fix the others (a gap or
    SKIP moved it, RDATE added it), an earlier time of the rule that EXDATE takes out.
    Raise InvalidRuleError if there is no such time.
    """
    expansion = Expansion(rule, start)
    cut = expansion.instant("moment", moment)
    last = _compared_until(rule, cut)
    wanted = _sample(expansion, cut, last)
    if not wanted:
        raise InvalidRuleError("Rule", str(rule), f"has no time from {moment} on.")
    for begin in _starts(rule, start, cut):
        tail = _tail(rule, start, begin, cut)
        if len(str(tail)) <= LONGEST_TEXT and _sample(Expansion(tail, begin), cut, last) == wanted:
            return tail, begin
    problem = f"cannot be continued from {moment} by a rule of its own."
    raise InvalidRuleError("Rule", str(rule), problem)


def moved(rule: Rule, start: date, to: date) -> Rule:
    """
    Return *rule* with UNTIL, RDATE and EXDATE as far from *to* as they were from *start*.

    The rest of a rule moves along with its start by itself. Distance is what clocks show,
    or for HOURLY and finer what passes.
    """
    old, new = Expansion(rule, start), Expansion(rule, to)
    if rule.frequency >= Frequency.HOURLY or old.zone is None or new.zone is None:
        distance = new.instant("start", to) - old.instant("start", start)
    else:
        distance = _wall(to) - _wall(start)

    def along(moment: Moment) -> Moment:
        if moment.is_date:  # of a day, as the time of day of the start may pass midnight
            wall = datetime.combine(moment.wall, _wall(start).time()) + distance
            return moment._replace(wall=datetime.combine(wall, time.min))
        if moment.zone != "Z" or old.zone is None or new.zone is None:
            return moment._replace(wall=moment.wall + distance)
        if rule.frequency >= Frequency.HOURLY:
            return moment._replace(wall=moment.wall + distance)
        wall = wall_of(from_utc(moment.wall, old.zone)) + distance
        return moment._replace(wall=localise(wall, new.zone)[0])

    return replace(
        rule,
        until=None if rule.until is None else along(rule.until),
        rdates=tuple(sorted(map(along, rule.rdates))),
        exdates=tuple(sorted(map(along, rule.exdates))),
    )


def _wall(start: date) -> datetime:
    if isinstance(start, datetime):
        return wall_of(start).replace(microsecond=0)
    return datetime.combine(start, time.min)


def _number_before(head: Rule, start: date, cut: datetime) -> int:
    # COUNT is moved, not used: what counts as one time is then the engine's own word.
    low, high = 0, head.count or 0
    while low < high:
        middle = (low + high + 1) // 2
        if _first(Expansion(replace(head, count=middle), start), cut) is None:
            low = middle
        else:
            high = middle - 1
    return low


def _last_before(expansion: Expansion, cut: datetime) -> Moment:
    last = expansion.last_before(cut)
    if last is None:
        step = timedelta(days=1) if expansion.is_dated else timedelta(seconds=1)
        instant = cut - step if cut - EARLIEST > step else EARLIEST
    else:
        instant = last[0]
    instant = instant.replace(microsecond=0)
    return Moment(instant, "" if expansion.is_dated else "Z", expansion.is_dated)


def _side(expansion: Expansion, exdate: Moment, cut: datetime) -> int:
    # Negative where the exception lies before the cut, positive from it on, 0 where it may
    # be on either side: the whole day of the cut.
    if not exdate.is_date:
        return 1 if expansion.is_dated or expansion.item("EXDATE", exdate)[0] >= cut else -1
    zone = expansion.zone
    day = cut.date() if zone is None else from_utc(cut, zone).date()
    if exdate.wall.date() == day and zone is not None:
        return 0
    return 1 if exdate.wall.date() >= day else -1


def _starts(rule: Rule, start: date, cut: datetime) -> Iterator[Any]:
    bare = Expansion(replace(rule, rdates=(), exdates=()), start)
    first = _first(Expansion(rule, start), cut)
    following = None if first is None else _first(bare, first[0])
    if first is not None and following is not None and following[0] != first[0]:
        first = bare.last_before(cut)  # RDATE added the first one, which fixes no other
    for _ in range(STARTS_TRIED):
        if first is None:
            break
        yield bare.given(first)
        first = bare.last_before(min(first[0], cut))
    yield start


def _tail(rule: Rule, start: date, begin: Any, cut: datetime) -> Rule:
    expansion = Expansion(rule, start)
    bare = Expansion(replace(rule, rdates=(), exdates=()), start)
    first = expansion.instant("start", begin)
    passed = takewhile(lambda item: item[0] < cut, bare.since(first, cut))
    exdates = {each for each in rule.exdates if _side(expansion, each, cut) >= 0}
    exdates.update(bare.named(item) for item in islice(passed, LONGEST_TEXT))
    rdates = {
        _timed(each, start, begin)
        for each in rule.rdates
        if expansion.item("RDATE", each)[0] >= cut
    }
    tail = replace(rule, rdates=tuple(sorted(rdates)), exdates=tuple(sorted(exdates)))
    if rule.count is None:
        return tail
    left = rule.count - _number_before(replace(rule, rdates=(), exdates=()), start, first)
    if left:
        return replace(tail, count=left)
    return replace(tail, count=None, until=_last_before(Expansion(tail, begin), first))


def _timed(rdate: Moment, start: date, begin: Any) -> Moment:
    # A date takes its time of day from the start; with another start it must be said.
    if not rdate.is_date or not isinstance(start, datetime) or begin.time() == start.time():
        return rdate
    return Moment(datetime.combine(rdate.wall, _wall(start).time()))


def _compared_until(rule: Rule, cut: datetime) -> datetime:
    years = -(-rule.interval // _PERIODS_OF_A_YEAR[rule.frequency])
    is_within = years < (FOREVER - cut) / SPAN_COMPARED
    return cut + years * SPAN_COMPARED if is_within else FOREVER


def _sample(expansion: Expansion, cut: datetime, last: datetime) -> list[tuple[datetime, str]]:
    found = takewhile(lambda item: item[0] <= last, expansion.since(cut, last))
    return [(item[0], nominal_name(item)) for item in islice(found, TIMES_COMPARED)]


def _first(expansion: Expansion, cut: datetime) -> Item | None:
    return next(expansion.since(cut), None)

"""Where a long interval and a narrow time of day meet: solved, where stepping would be slow."""

from __future__ import annotations

from bisect import bisect_left
from math import gcd, lcm
from typing import TYPE_CHECKING, NamedTuple

from recurring_jobs.rules.zones import DAY, EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurring_jobs.rules.rule import Rule

MOST_POINTS = 10_000
_WEEK = 7 * DAY
_EPOCH_WEEKDAY = EPOCH.weekday()


class Hits(NamedTuple):
    """All the *seconds* of a *cycle* at which an interval meets a rule's times of day."""

    seconds: list[int]
    cycle: int

    def next(self, second: int) -> int:
        """
        Return the first hit from *second* on.
        """
        turn, rest = divmod(second, self.cycle)
        place = bisect_left(self.seconds, rest)
        if place == len(self.seconds):
            return (turn + 1) * self.cycle + self.seconds[0]
        return turn * self.cycle + self.seconds[place]


class Window(NamedTuple):
    """Seconds that an interval allows: *width* of them in every *step*, from *begin*."""

    begin: int
    step: int
    width: int


def find_hits(rule: Rule, window: Window, seconds: tuple[int, ...], offset: int) -> Hits | None:
    """
    Return the hits where the local clock is *offset* ahead of UTC, or None if too many.

    An empty list of hits says that there are none while that offset lasts. *seconds* are
    the seconds of the minute that may be, empty for all of them.
    """
    whole = _WEEK if rule.by_day and gcd(window.step, _WEEK) != gcd(window.step, DAY) else DAY
    common = gcd(window.step, whole)
    inverse = pow(window.step // common, -1, whole // common) if whole > common else 0
    begin = window.begin + offset
    cycle = lcm(window.step, whole)
    found = []
    for point in _points(rule, seconds, begin, common, window.width, whole):
        into = (point - begin) % common
        turns = (point - begin - into) // common * inverse % (whole // common)
        found.append((window.begin + into + window.step * turns) % cycle)
        if len(found) > MOST_POINTS:
            return None
    return Hits(sorted(found), cycle)


def _points(
    rule: Rule, seconds: tuple[int, ...], begin: int, common: int, width: int, whole: int
) -> Iterator[int]:
    # Seconds of the day or week that the rule names and the interval can reach.
    wanted = frozenset(seconds) or frozenset(range(60))
    days: list[int] = [0]
    if whole == _WEEK:
        days = sorted({(weekday.day - _EPOCH_WEEKDAY) % 7 for weekday in rule.by_day})
    reached: dict[int, list[int]] = {}
    for day in days:
        for hour in rule.by_hour or range(24):
            for minute in rule.by_minute or range(60):
                base = day * DAY + hour * 3_600 + minute * 60
                into = (base - begin) % common
                if into not in reached:
                    if width > 1:
                        reached[into] = [s for s in wanted if (into + s) % common < width]
                    else:
                        reached[into] = [
                            s for s in range(-into % common, 60, common) if s in wanted
                        ]
                for second in reached[into]:
                    yield base + second

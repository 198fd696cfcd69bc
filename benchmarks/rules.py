"""
Rules beside python-dateutil, in one run: ``python benchmarks/rules.py``.

Each figure is the best of several repeats, in microseconds, for one series: the text is
parsed anew and the next five occurrences after now are found, for starts of several ages.
The results are compared first, so that both do the same work.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from recurring_jobs.rules import Rule
from recurring_jobs.rules import rule as engine

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
AGES = {"30 d": 30, "1 y": 365, "5 y": 1_826, "20 y": 7_305, "50 y": 18_263}
USUAL = (
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=MONTHLY;BYMONTHDAY=15",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY",
    "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
    "FREQ=HOURLY;INTERVAL=6",
    "FREQ=MINUTELY;INTERVAL=15;BYHOUR=9,10,11",
)


def main() -> None:
    """
    Print the tables.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--seconds", type=float, default=0.05, help="time for one figure")
    seconds = parser.parse_args().seconds
    print(f"Next five after {NOW:%Y-%m-%d}, parse included, in µs (ours / dateutil)\n")
    print(f"{'rule':<46}" + "".join(f"{age:>17}" for age in AGES) + f"{'50 y : 30 d':>13}")
    for text in USUAL:
        _print_row(text, seconds)
    _print_shared_parse(seconds)
    _print_between(seconds)


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description."""


def _print_row(text: str, seconds: float) -> None:
    ours, cells = [], []
    for days in AGES.values():
        # Over a clock change dateutil steps hours on the wall clock, which is another answer.
        zone = UTC if "HOURLY" in text or "MINUTELY" in text else ZONE
        start = (NOW - timedelta(days=days)).astimezone(zone).replace(minute=30, second=0)

        def mine(start: datetime = start) -> list[datetime]:
            engine._parse.cache_clear()  # noqa: SLF001  else the parse is shared
            return list(Rule.parse(text).occurrences(start, after=NOW, limit=5))

        def theirs(start: datetime = start) -> list[datetime]:
            return list(islice(rrulestr(text, dtstart=start).xafter(NOW), 5))

        _compare(text, mine(), theirs())
        ours.append(_best(mine, seconds))
        cells.append(f"{ours[-1]:>7.1f} /{_best(theirs, seconds):>8.0f}")
    print(f"{text:<46}" + "".join(cells) + f"{ours[-1] / ours[0]:>13.2f}")


def _print_shared_parse(seconds: float) -> None:
    text = "FREQ=WEEKLY;BYDAY=MO,WE,FR"
    starts = [(NOW - timedelta(days=5 * days)).astimezone(ZONE) for days in range(1, 1_001)]

    def mine() -> None:
        for start in starts:
            list(Rule.parse(text).occurrences(start, after=NOW, limit=5))

    each = _best(mine, seconds) / len(starts)
    print(f"\n1,000 starts of one text share the parse: {each:.1f} µs each")


def _print_between(seconds: float) -> None:
    start = (NOW - timedelta(days=5 * 365)).astimezone(ZONE)
    end = NOW + timedelta(days=365)
    rule, other = Rule.parse("FREQ=DAILY"), rrulestr("FREQ=DAILY", dtstart=start)
    mine = _best(lambda: list(rule.occurrences(start, after=NOW, before=end)), seconds)
    theirs = _best(lambda: other.between(NOW, end), seconds)
    print(f"A year of a daily rule five years old: {mine:.0f} / {theirs:.0f} µs", end="")
    print(f", {theirs / mine:.1f} times as fast")


def _compare(text: str, mine: list[datetime], theirs: list[datetime]) -> None:
    if mine != theirs:
        message = f"{text}: ours {mine}, dateutil's {theirs}"
        raise SystemExit(message)


def _best(work: Callable[[], object], seconds: float) -> float:
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
        if time.perf_counter() > end:
            return best * 1e6


if __name__ == "__main__":
    main()

"""The other engine, rrule-temporal in node, and every way in which it is known to differ."""

from __future__ import annotations

import json
import select
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from recurring_jobs.rules import Frequency
from recurring_jobs.rules.frequency import Skip

PATIENCE = 10  # seconds for one answer


class Engine:
    """A node process that answers rules, one line each; started again when it hangs."""

    def __init__(self, folder: str) -> None:
        script = str(Path(__file__).with_name("second_engine.mjs"))
        self.command = ["node", script, str(Path(folder).resolve())]
        self.process = self._start()

    def ask(self, text: str, start: datetime, limit: int) -> list[int] | str:
        """
        Return the first *limit* times as seconds since 1970, or what went wrong as text.
        """
        rule = text if text.startswith("RRULE:") else f"RRULE:{text}"
        question = {"rule": rule, "start": f"{start:%Y%m%dT%H%M%S}", "zone": str(start.tzinfo)}
        line = json.dumps({**question, "limit": limit})
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            self.close()
            self.process = self._start()
            return "no answer in time"
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _start(self):
        return subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def is_yearly(rule):
    return rule.frequency is Frequency.YEARLY


def has_numbered(rule):
    return any(weekday.ordinal for weekday in rule.by_day)


def is_moved(start):
    return start.astimezone(UTC).astimezone(start.tzinfo).replace(tzinfo=None) != start.replace(
        tzinfo=None
    )


@cache
def change_days(name):
    """
    Return the days since 2000 on which the clocks of a zone changed.
    """
    first = datetime(2000, 1, 1, 12, tzinfo=ZoneInfo(name))
    days = [first + timedelta(days=day) for day in range(9_000)]
    return [then for now, then in pairwise(days) if now.utcoffset() != then.utcoffset()]


def has_half_hours(rule, start, found):
    moved = {one.at.utcoffset() - start.utcoffset() for one in found}
    return rule.frequency is Frequency.HOURLY and any(by % timedelta(hours=1) for by in moved)


def has_change(start, found):
    week = timedelta(days=7)
    days = change_days(str(start.tzinfo))
    return any(start - week < day < found[-1].at + week for day in days)


# Why rrule-temporal is known to answer otherwise, and for which rule, start and times of ours.
DIVERGENCES = {
    "it does not test numbered weekdays of a year against days of the month": (
        lambda rule, *_: is_yearly(rule) and has_numbered(rule) and rule.by_month_day
    ),
    "it forgets plain weekdays beside numbered ones of a year": (
        lambda rule, *_: is_yearly(rule) and len({bool(day.ordinal) for day in rule.by_day}) == 2
    ),
    "it finds a 53rd weekday in every year": (
        lambda rule, *_: any(abs(weekday.ordinal) == 53 for weekday in rule.by_day)
    ),
    "it does not test days of the year against other day parts": (
        lambda rule, *_: (
            is_yearly(rule)
            and rule.by_year_day
            and (rule.by_day or rule.by_month_day or rule.by_month)
        )
    ),
    "weeks with other day parts or an interval: no two engines agree": (
        lambda rule, *_: (
            rule.by_week_number and (rule.by_year_day or rule.by_month_day or rule.interval > 1)
        )
    ),
    "it leaves out the days of January that belong to the last week of the year before": (
        lambda rule, *_: (
            rule.by_week_number and (rule.by_set_position or min(rule.by_week_number) < 0)
        )
    ),
    "it moves a named day that a month does not have only where nothing else is left": (
        lambda rule, *_: (
            rule.skip is not Skip.OMIT and any(abs(day) > 28 for day in rule.by_month_day)
        )
    ),
    "it does not move day 366 of a year": (
        lambda rule, *_: rule.skip is not Skip.OMIT and {-366, 366} & {*rule.by_year_day}
    ),
    "it leaves out what falls into a gap": (
        lambda rule, start, found: (
            rule.frequency <= Frequency.DAILY
            and any(f"{one.at:%Y%m%dT%H%M%S}" != one.nominal for one in found)
        )
    ),
    "it counts no place for what falls into a gap": (
        lambda rule, start, found: (
            rule.frequency <= Frequency.DAILY
            and rule.by_set_position
            and min(rule.by_hour or (start.hour,)) < 5
            and has_change(start, found)
        )
    ),
    "it keeps the moved time of a start in a gap for all days to come": (
        lambda rule, start, found: is_moved(start)
    ),
    "it leaves out the second pass of a repeated hour": (
        lambda rule, start, found: (
            rule.frequency is Frequency.HOURLY and any(one.at.fold for one in found)
        )
    ),
    "it takes hours by the clock where the clocks were moved by half an hour": has_half_hours,
}


def diverges(rule, start, found):
    return next((why for why, test in DIVERGENCES.items() if test(rule, start, found)), None)

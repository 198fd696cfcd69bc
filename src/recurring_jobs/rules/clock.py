"""The times of a day that a rule names, as a product that is never written out."""

from __future__ import annotations

from bisect import bisect_left
from datetime import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from recurring_jobs.rules.rule import Rule


class Times:
    """
    The times of day of a DAILY or coarser rule, ascending, as a lazy sequence.

    What BYHOUR, BYMINUTE and BYSECOND leave open comes from *start*. On dates these parts
    are ignored, as RFC 5545 says.
    """

    def __init__(self, rule: Rule, start: datetime, *, dated: bool = False) -> None:
        self._hours = (not dated and rule.by_hour) or (start.hour,)
        self._minutes = (not dated and rule.by_minute) or (start.minute,)
        self._seconds = (not dated and rule.by_second) or (start.second,)
        self._inner = len(self._minutes) * len(self._seconds)
        self.size = len(self._hours) * self._inner
        self.only = self[0] if self.size == 1 else None

    def __getitem__(self, index: int) -> time:
        hour, rest = divmod(index, self._inner)
        minute, second = divmod(rest, len(self._seconds))
        return time(self._hours[hour], self._minutes[minute], self._seconds[second])

    def rank(self, moment: datetime) -> int:
        """
        Return how many of the times come before *moment*'s time of day.
        """
        hour = bisect_left(self._hours, moment.hour)
        rank = hour * self._inner
        if hour == len(self._hours) or self._hours[hour] != moment.hour:
            return rank
        minute = bisect_left(self._minutes, moment.minute)
        rank += minute * len(self._seconds)
        if minute == len(self._minutes) or self._minutes[minute] != moment.minute:
            return rank
        second = moment.second + (moment.microsecond > 0)
        return rank + bisect_left(self._seconds, second)

"""The fixed vocabulary of RFC 5545 recurrences: frequencies, weekdays and skips."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import NamedTuple


class Frequency(IntEnum):
    """How long one period of a rule is; the finer, the larger."""

    YEARLY = 0
    MONTHLY = 1
    WEEKLY = 2
    DAILY = 3
    HOURLY = 4
    MINUTELY = 5
    SECONDLY = 6


FREQUENCIES = {frequency.name: frequency for frequency in Frequency}

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

WEEKDAY_NUMBERS = {name: number for number, name in enumerate(WEEKDAYS)}


class Skip(Enum):
    """What becomes of a date that a month does not have (RFC 7529)."""

    OMIT = "OMIT"
    BACKWARD = "BACKWARD"
    FORWARD = "FORWARD"


class Weekday(NamedTuple):
    """One value of BYDAY: Monday is 0, and an *ordinal* of 0 means each of them."""

    day: int
    ordinal: int = 0

    def __str__(self) -> str:
        return f"{self.ordinal or ''}{WEEKDAYS[self.day]}"

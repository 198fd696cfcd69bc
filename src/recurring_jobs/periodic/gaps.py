"""Whether a ledger accounts for each nominal time, told from plain values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from recurring_jobs.periodic.policy import MAX_LOOK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A nominal time on record, and how many it stands for, itself included."""

    nominal_at: datetime
    stands_for: int = 1


@dataclass(frozen=True, slots=True)
class Gap:
    """Nominal times between two entries that neither of them stands for."""

    after: datetime
    before: datetime
    times: int


def find_gaps(
    entries: Sequence[Entry], next_after: Callable[[datetime], datetime | None]
) -> Iterator[Gap]:
    """
    Yield where *entries*, given in order, leave out times that *next_after* names.

    An entry that stands for others stands for those right before it, or for those right
    after it. Where an entry is at no time of *next_after*, its schedule was edited before,
    and nothing is said of what lies before it.
    """
    free = {True, False}
    for entry, following in pairwise(entries):
        between = _count_between(entry.nominal_at, following.nominal_at, next_after)
        if between is None:
            free = {True, False}
            continue
        left = {
            not is_used
            for is_free in free
            for is_used in (False, True)
            if is_free * (entry.stands_for - 1) + is_used * (following.stands_for - 1) == between
        }
        if not left:
            yield Gap(entry.nominal_at, following.nominal_at, between)
        # Whether the others that *following* stands for may still come after it.
        free = left or {True, False}


def _count_between(
    first: datetime, last: datetime, next_after: Callable[[datetime], datetime | None]
) -> int | None:
    """Return how many times lie between; None where *last* is none, or they are too many."""
    at = next_after(first)
    for count in range(MAX_LOOK):
        if at is None or at > last:
            return None
        if at == last:
            return count
        at = next_after(at)
    return None

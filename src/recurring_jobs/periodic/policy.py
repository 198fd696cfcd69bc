"""What becomes of the nominal times that a schedule has reached, decided over plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Misfire = Literal["latest", "earliest", "all", "skip"]

#: A fire that is at most this late is not a misfire.
GRACE = timedelta(seconds=60)
#: Nominal times older than this are dropped, whatever the policy.
CATCHUP_WINDOW = timedelta(days=1)
#: How many missed nominal times ``all`` takes in one go.
MAX_CATCHUP = 10
#: How many nominal times are counted one by one; an outage over more is not counted in full.
MAX_LOOK = 10_000


@dataclass(frozen=True, slots=True)
class Taken:
    """A nominal time that is to be fired, and how many it stands for, itself included."""

    nominal_at: datetime
    stands_for: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """What to fire now, what is on record as missed, and when to look again."""

    taken: tuple[Taken, ...]
    missed: Taken | None
    next_fire_at: datetime | None


def decide(
    first: datetime,
    *,
    now: datetime,
    next_after: Callable[[datetime], datetime | None],
    misfire: Misfire = "latest",
) -> Decision:
    """
    Return what to do at *now* with a schedule whose earliest unfired time is *first*.

    *next_after* gives the nominal time that follows an instant, or None at the end.
    A time at most GRACE late is always fired, under every policy. Of the later ones,
    those within CATCHUP_WINDOW are taken as *misfire* says (``latest`` and ``earliest``:
    one that stands for all; ``all``: each, at most MAX_CATCHUP, the newest; ``skip``:
    none). What is not taken comes back as one missed record that counts them.
    """
    due, upcoming = _due_times(first, now, next_after)
    on_time = [at for at in due if now - at <= GRACE]
    late = [at for at in due if now - at > GRACE]
    within = [at for at in late if now - at <= CATCHUP_WINDOW]

    if misfire == "all":
        caught_up = within[-MAX_CATCHUP:]
        taken = [Taken(at) for at in caught_up + on_time]
        dropped = late[: len(late) - len(caught_up)]
    elif misfire == "skip":
        taken, dropped = [Taken(at) for at in on_time], late
    else:
        taken, dropped = _one_for_all(within, on_time, misfire), late[: len(late) - len(within)]
    missed = Taken(dropped[-1], len(dropped)) if dropped else None
    return Decision(tuple(taken), missed, upcoming)


def _one_for_all(within: list[datetime], on_time: list[datetime], misfire: Misfire) -> list[Taken]:
    if not within:
        return [Taken(at) for at in on_time]
    if misfire == "earliest":
        return [Taken(within[0], len(within)), *(Taken(at) for at in on_time)]
    if on_time:
        return [Taken(on_time[0], len(within) + 1), *(Taken(at) for at in on_time[1:])]
    return [Taken(within[-1], len(within))]


def _due_times(
    first: datetime, now: datetime, next_after: Callable[[datetime], datetime | None]
) -> tuple[list[datetime], datetime | None]:
    due, upcoming = _walk(first, now, next_after)
    if len(due) < MAX_LOOK:
        return due, upcoming
    # A long outage over a schedule of seconds: go straight to the newest times, so that
    # one schedule cannot hold up the tick. Those in between are not counted.
    gap = due[-1] - due[-2]
    newest, upcoming = _walk(next_after(now - 3 * gap), now, next_after)
    return due + [at for at in newest if at > due[-1]], upcoming


def _walk(
    first: datetime | None, now: datetime, next_after: Callable[[datetime], datetime | None]
) -> tuple[list[datetime], datetime | None]:
    due: list[datetime] = []
    at = first
    while at is not None and at <= now and len(due) < MAX_LOOK:
        due.append(at)
        at = next_after(at)
    return due, at

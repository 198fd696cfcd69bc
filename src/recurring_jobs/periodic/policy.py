"""What becomes of the nominal times that a schedule has reached, decided over plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Misfire = Literal["latest", "earliest", "all", "skip"]
Overlap = Literal["allow", "skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other"]

#: How late a fire may be without being a misfire, unless its schedule says otherwise.
GRACE = timedelta(seconds=60)
#: How late a misfire may be and still be caught up, unless its schedule says otherwise.
CATCHUP_WINDOW = timedelta(days=1)
#: How many misfires ``all`` takes in one go, unless its schedule says otherwise.
MAX_CATCHUP = 10
#: How many nominal times are counted one by one; an outage over more is not counted in full.
MAX_LOOK = 10_000


@dataclass(frozen=True, slots=True)
class MisfirePolicy:
    """
    What becomes of nominal times that were reached late.

    A time at most *grace* late is no misfire. Of the misfires, those later than
    *catchup_window* are dropped; of the others *misfire* takes the latest, the earliest,
    all (at most *max_catchup*, the newest) or none.
    """

    misfire: Misfire = "latest"
    grace: timedelta = GRACE
    catchup_window: timedelta = CATCHUP_WINDOW
    max_catchup: int = MAX_CATCHUP


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
    policy: MisfirePolicy = MisfirePolicy(),
) -> Decision:
    """
    Return what to do at *now* with a schedule whose earliest unfired time is *first*.

    *next_after* gives the nominal time that follows an instant, or None at the end.
    What is on time is always taken. ``latest`` and ``earliest`` take one time that stands
    for all misfires within the window. What is not taken comes back as one missed record
    that counts them.
    """
    due, upcoming = _due_times(first, now, next_after)
    on_time = [at for at in due if now - at <= policy.grace]
    late = [at for at in due if now - at > policy.grace]
    within = [at for at in late if now - at <= policy.catchup_window]

    if policy.misfire == "all":
        caught_up = within[max(0, len(within) - policy.max_catchup) :]
        taken = [Taken(at) for at in caught_up + on_time]
        dropped = late[: len(late) - len(caught_up)]
    elif policy.misfire == "skip":
        taken, dropped = [Taken(at) for at in on_time], late
    else:
        taken = _one_for_all(within, on_time, policy.misfire)
        dropped = late[: len(late) - len(within)]
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

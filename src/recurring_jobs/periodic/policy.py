"""What becomes of the nominal times that a schedule has reached, decided over plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


#: How many fires of one schedule may wait for the one before; a backfill does not count.
MAX_BUFFERED = 1000


@dataclass(frozen=True, slots=True)
class Pending:
    """A fire whose time has come, and what counts for it while another is running."""

    key: int
    overlap: Overlap
    #: Whether its schedule made it, and not a person; only then may it be dropped.
    is_automatic: bool = True


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What becomes of pending fires, by key, and whether the running one is to stop."""

    start: tuple[int, ...] = ()
    wait: tuple[int, ...] = ()
    skip: tuple[int, ...] = ()
    drop: tuple[int, ...] = ()
    stop: Literal["", "cancel", "terminate"] = ""


def dispatch(pending: Sequence[Pending], *, is_running: bool) -> Dispatch:
    """
    Return what to do with the *pending* fires of one schedule, given in their order.

    *is_running*: whether an earlier fire has begun and not ended. ``allow`` starts at once.
    Any other starts when nothing runs and nothing waits before it; else ``skip`` skips it,
    ``buffer_one`` lets it wait if nothing else does, ``buffer_all`` lets at most
    MAX_BUFFERED wait, and ``cancel_other`` and ``terminate_other`` let the newest one wait
    in place of the others of their kind while the running one is stopped.
    """
    replacing = [each.key for each in pending if each.overlap in _REPLACING]
    found: dict[str, list[int]] = {"start": [], "wait": [], "skip": replacing[:-1], "drop": []}
    stop: Literal["", "cancel", "terminate"] = ""
    is_busy = is_running
    for fire in pending:
        if fire.key in found["skip"]:
            continue
        if fire.overlap == "allow" or not (is_busy or found["wait"]):
            found["start"].append(fire.key)
            is_busy = True
            continue
        found[_fate(fire, len(found["wait"]))].append(fire.key)
        if fire.overlap in _REPLACING and is_running:
            stop = _REPLACING[fire.overlap]
    return Dispatch(**{name: tuple(keys) for name, keys in found.items()}, stop=stop)


def jitter_offset(
    name: str, nominal_at: datetime, *, jitter: timedelta, following: datetime | None
) -> timedelta:
    """
    Return how much later than *nominal_at* a fire of the schedule *name* starts.

    At least nothing, less than *jitter*, and earlier than the nominal time *following*.
    The same name and time give the same offset everywhere.
    """
    bound = jitter if following is None else min(jitter, following - nominal_at)
    text = f"{name}@{nominal_at.astimezone(UTC).isoformat()}"
    fraction = int.from_bytes(sha256(text.encode()).digest()[:8]) / 2**64
    return timedelta(microseconds=int(bound / timedelta(microseconds=1) * fraction))


_REPLACING: dict[str, Literal["cancel", "terminate"]] = {
    "cancel_other": "cancel",
    "terminate_other": "terminate",
}


def _fate(fire: Pending, waiting: int) -> str:
    """Say what becomes of a fire that cannot start, when *waiting* fires wait before it."""
    if fire.overlap == "skip" or (fire.overlap == "buffer_one" and waiting):
        return "skip"
    if fire.overlap == "buffer_all" and fire.is_automatic and waiting >= MAX_BUFFERED:
        return "drop"
    return "wait"

"""What every trigger can do, and how triggers read instants and zones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo, available_timezones

from recurring_jobs.exceptions import InvalidTriggerError, UnknownTimeZoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Gettext = Callable[[str], str]


class Trigger(ABC):
    """A frozen, hashable value that says when something fires."""

    #: IANA name of the zone the trigger is read in; None: the project's, not yet filled in.
    timezone: str | None

    @abstractmethod
    def next_after(self, instant: datetime) -> datetime | None:
        """
        Return the first time strictly later than *instant*, in UTC; None when there is none.

        *instant* is aware. Raise InvalidTriggerError while ``timezone`` is None.
        """

    def times_after(self, instant: datetime) -> Iterator[datetime]:
        """Yield all times strictly later than *instant*, in order, in UTC."""
        at = self.next_after(instant)
        while at is not None:
            yield at
            at = self.next_after(at)

    @abstractmethod
    def describe(self, gettext: Gettext | None = None) -> str:
        """Return one phrase in words, such as ``every 3 hours``."""

    @abstractmethod
    def spec(self) -> dict[str, Any]:
        """Return the trigger as plain JSON values; equal triggers give equal values."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the trigger as a plan shows it."""

    def in_timezone(self, name: str) -> Self:  # noqa: ARG002  for those that read a wall clock
        """Return the trigger read in the zone *name*, if it names none itself."""
        return self

    def spread(self, name: str) -> Self:  # noqa: ARG002  for those that have an H
        """Return the trigger with the numbers that the schedule *name* gives to an ``H``."""
        return self

    def can_fire(self) -> bool:
        """Return whether there is any time at all, past or future."""
        return True

    def is_over(self, instant: datetime) -> bool:  # noqa: ARG002  for those that can end
        """Return whether no time is left after *instant*."""
        return False


def gettext_noop(text: str) -> str:
    """Mark *text* for the catalogue of translations; return it as it is."""
    return text


def check_timezone(name: str | None) -> str | None:
    """Return *name*. Raise UnknownTimeZoneError when it is not an IANA name."""
    if name is not None and name not in _known_timezones():
        raise UnknownTimeZoneError(str(name), _known_timezones())
    return name


def zone_of(trigger: Trigger) -> ZoneInfo:
    """Return the zone that *trigger* is read in. Raise InvalidTriggerError without one."""
    if trigger.timezone is None:
        raise InvalidTriggerError(
            type(trigger).__name__, str(trigger), "has no time zone. Give one as timezone=."
        )
    return ZoneInfo(trigger.timezone)


def with_zone(text: str, name: str | None) -> str:
    """Return *text* followed by the zone it is read in."""
    return text if name is None else f"{text} ({name})"


def in_utc(kind: str, name: str, value: datetime) -> datetime:
    """Return *value* in UTC. Raise InvalidTriggerError when it is naive."""
    if value.utcoffset() is None:
        raise InvalidTriggerError(
            kind, value.isoformat(), f"{name} has no time zone. Give an aware datetime."
        )
    return value.astimezone(UTC)


def instant_text(value: datetime) -> str:
    """Return an instant as people read it, in UTC."""
    text = value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return f"{text} UTC"


@lru_cache(maxsize=1)
def _known_timezones() -> frozenset[str]:
    return frozenset(available_timezones())

"""RRule: fires when an RFC 5545 rule says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidRuleError, InvalidTriggerError
from recurring_jobs.periodic.triggers.base import Trigger, check_timezone, with_zone, zone_of
from recurring_jobs.rules import Rule

if TYPE_CHECKING:
    from recurring_jobs.periodic.triggers.base import Gettext


@dataclass(frozen=True, init=False)
class RRule(Trigger):
    """
    Fires when a rule says: ``RRule("FREQ=MONTHLY;BYDAY=-1FR", start="2026-01-30T17:00:00")``.

    *start* is the local date and time that the rule counts from, as text or datetime; an
    aware datetime brings its zone along. Raise InvalidTriggerError, UnknownTimeZoneError.
    """

    text: str
    start: str
    timezone: str | None

    def __init__(self, text: str, *, start: str | datetime, timezone: str | None = None) -> None:
        try:
            rule = Rule.parse(text)
        except InvalidRuleError as error:
            raise InvalidTriggerError("RRule", text, str(error)) from None
        local = _read_start(text, start)
        if local.tzinfo is not None:
            if timezone is not None:
                raise InvalidTriggerError(
                    "RRule", text, "the start has a time zone already. Leave timezone= out."
                )
            timezone = str(local.tzinfo)
        object.__setattr__(self, "text", str(rule))
        object.__setattr__(self, "start", local.replace(tzinfo=None).isoformat())
        object.__setattr__(self, "timezone", check_timezone(timezone))

    def next_after(self, instant: datetime) -> datetime | None:
        found = Rule.parse(self.text).next_after(self._start(), instant)
        return None if found is None else found.astimezone(UTC)

    def can_fire(self) -> bool:
        start = self._start()
        return self.next_after(start - timedelta(seconds=1)) is not None

    def is_over(self, instant: datetime) -> bool:
        return self.next_after(instant) is None

    def describe(self, gettext: Gettext | None = None) -> str:
        return with_zone(Rule.parse(self.text).describe(gettext), self.timezone)

    def spec(self) -> dict[str, Any]:
        return {"rrule": self.text, "start": self.start, "timezone": self.timezone}

    def in_timezone(self, name: str) -> RRule:
        return self if self.timezone else replace(self, timezone=name)

    def __str__(self) -> str:
        return with_zone(f"{self.text} from {self.start}", self.timezone)

    def _start(self) -> datetime:
        return datetime.fromisoformat(self.start).replace(tzinfo=zone_of(self))


def _read_start(text: str, start: str | datetime) -> datetime:
    if isinstance(start, datetime):
        return start.replace(microsecond=0)
    try:
        return datetime.fromisoformat(start).replace(microsecond=0)
    except (TypeError, ValueError):
        raise InvalidTriggerError(
            "RRule", text, f"start {start!r} is not a date and time such as '2026-01-05T09:00:00'."
        ) from None

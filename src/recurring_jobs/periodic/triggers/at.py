"""At: fires once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidTriggerError
from recurring_jobs.periodic.triggers.base import Trigger, in_utc, instant_text

if TYPE_CHECKING:
    from recurring_jobs.periodic.triggers.base import Gettext


@dataclass(frozen=True, init=False)
class At(Trigger):
    """
    Fires once, at an aware date and time. Raise InvalidTriggerError for a naive one.
    """

    at: datetime
    timezone: str | None = field(default="UTC", repr=False, compare=False)

    def __init__(self, at: datetime) -> None:
        if not isinstance(at, datetime):
            raise InvalidTriggerError("At", at, "give an aware datetime.")
        object.__setattr__(self, "at", in_utc("At", "it", at))

    def next_after(self, instant: datetime) -> datetime | None:
        return self.at if self.at > instant else None

    def is_over(self, instant: datetime) -> bool:
        return self.at <= instant

    def describe(self, gettext: Gettext | None = None) -> str:
        _ = gettext or str
        return _("once, at %(time)s") % {"time": instant_text(self.at)}

    def spec(self) -> dict[str, Any]:
        return {"at": self.at.isoformat()}

    def __str__(self) -> str:
        return self.describe()

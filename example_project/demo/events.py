"""What is to be seen in the demo, and one sighting of it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Sight(Enum):
    """Something that must have happened before the demo has shown everything."""

    OCCURRENCES = ("focus", "occurrences made from templates")
    HOLDS = ("credits", "expired holds ended, balances back")
    REMINDERS = ("lab", "appointment reminders e-mailed")
    MAILS = ("lab", "e-mails written by Django's file back end")
    CLEANUP = ("lab", "old notifications deleted")
    EMAIL = ("lab", "one user e-mailed by a task")
    BULK = ("lab", "many users notified at once")
    RETRIED = ("starter", "failed and tried again")
    RECOVERED = ("starter", "failed twice, then recovered")
    RETRIED_BY_HAND = ("starter", "retried by hand, then recovered")
    CAME_BACK = ("starter", "came back as late as it was asked to")
    RATE_LIMITED = ("starter", "sent at a limited rate")
    CUT_SHORT = ("starter", "stopped by its time limit")
    GAVE_UP = ("starter", "gave up at once")
    DEAD_LETTER = ("starter", "failed for good, kept as a dead letter")
    REQUEUED = ("starter", "dead letter sent again and delivered")
    DISCOUNTS = ("pricing", "discounts computed on queue 'discounts'")
    MAINTENANCE = ("pricing", "clean-up on queue 'maintenance'")
    DISCOUNTS_ENDED = ("pricing", "discounts of expired batches ended")
    ANALYTICS = ("pricing", "snapshot on queue 'analytics'")
    PRICES = ("pricing", "prices recorded")
    TRIGGERED = ("pricing", "triggered over HTTP, queued, status by id")
    IN_PROCESS = ("pricing", "triggered over HTTP, in-process")
    FIRES = ("beat", "schedules fired")
    ADMIN = ("web", "every list of the admin answers")

    @property
    def system(self) -> str:
        """The system that it happens in."""
        return self.value[0]

    @property
    def label(self) -> str:
        """What happens, in a few words."""
        return self.value[1]


#: The text of an event that happens too often to be told each time.
QUIET = ""


class Event(NamedTuple):
    """One thing that happened, with the line that tells it."""

    sight: Sight
    text: str


class DemoError(Exception):
    """The demo cannot go on; the message says why."""

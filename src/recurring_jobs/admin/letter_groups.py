"""The open dead letters counted by task and exception, as the page of dead letters shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from recurring_jobs.admin import shown
from recurring_jobs.models import DeadLetter

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

#: How many of the newest open dead letters are counted.
LETTERS_COUNTED = 10_000
#: How many groups are shown.
MOST_GROUPS = 20


@dataclass
class LetterGroup:
    """The open dead letters of one task that ended with one kind of exception."""

    task: str
    exception_type: str
    count: int
    first_at: datetime
    last_at: datetime

    @property
    def first(self) -> Any:
        """When the first failed, for the page."""
        return shown.moment(self.first_at)

    @property
    def last(self) -> Any:
        """When the last failed, for the page."""
        return shown.moment(self.last_at)

    @property
    def query(self) -> str:
        """What follows the address of the list to see these alone."""
        chosen = {"task": self.task, "exception": self.exception_type}
        return "?" + urlencode({**chosen, "state__exact": DeadLetter.State.OPEN.value})


@dataclass
class LetterGroups:
    """The most frequent groups first, and whether some are left out."""

    rows: list[LetterGroup]
    is_cut: bool


def open_groups(letters: QuerySet[DeadLetter]) -> LetterGroups:
    """
    Return the open ones of *letters* in groups.

    Only the newest are looked at, so that the page stays cheap after the worst night.
    """
    newest = letters.filter(state=DeadLetter.State.OPEN).order_by("-failed_at")
    found: dict[tuple[str, str], LetterGroup] = {}
    looked_at = 0
    for task, kind, at in newest.values_list("task", "exception_type", "failed_at")[
        :LETTERS_COUNTED
    ]:
        looked_at += 1
        group = found.setdefault((task, kind), LetterGroup(task, kind, 0, at, at))
        group.count += 1
        group.first_at = at  # they come from the newest to the oldest
    rows = sorted(found.values(), key=lambda each: (-each.count, each.task, each.exception_type))
    is_cut = looked_at == LETTERS_COUNTED or len(rows) > MOST_GROUPS
    return LetterGroups(rows[:MOST_GROUPS], is_cut)

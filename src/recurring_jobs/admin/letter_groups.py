"""The open dead letters counted by task and exception, as the page of dead letters shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from recurring_jobs.admin import shown
from recurring_jobs.models import DeadLetter

if TYPE_CHECKING:
    from datetime import datetime

    from recurring_jobs.runs.querysets import DeadLetterQuerySet

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
    def exception(self) -> str:
        """The name of the class, without its module."""
        return self.exception_type.rpartition(".")[2]

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


def open_groups(letters: DeadLetterQuerySet) -> LetterGroups:
    """
    Return the open ones of *letters* in groups.

    Only the newest are looked at, so that the page stays cheap after the worst night.
    """
    newest = letters.filter(state=DeadLetter.State.OPEN).order_by("-failed_at")
    last = newest[LETTERS_COUNTED - 1 : LETTERS_COUNTED].first()
    counted = newest if last is None else newest.filter(failed_at__gte=last.failed_at)
    rows = [LetterGroup(**group) for group in counted.groups()[: MOST_GROUPS + 1]]
    return LetterGroups(rows[:MOST_GROUPS], last is not None or len(rows) > MOST_GROUPS)

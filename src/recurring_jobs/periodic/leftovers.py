"""What others left in the tables: rows that are doubled, and tasks no scheduler can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recurring_jobs.exceptions import RecurringJobsError
from recurring_jobs.periodic.beat_tables import trigger_of, unclear_tasks
from recurring_jobs.periodic.trigger_rows import doubled_rows

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Leftover:
    """One thing that somebody should tidy up, and what becomes of it until then."""

    kind: str
    name: str
    count: int = 1

    def __str__(self) -> str:
        if self.kind == "task":
            return f"{self.name} Set it right in the admin, or delete the row."
        return (
            f"{self.count} rows of the table {self.kind} say {self.name!r}."
            " The oldest is used; the others can be deleted once no task points to them."
        )


def find_leftovers(*, using: str) -> list[Leftover]:
    """
    Return what is doubled or cannot be read, sorted; five queries, whatever is stored.

    A task that came from code is not among them: the next run sets it right.
    """
    return [*_doubled(using), *_unclear(using)]


def _doubled(using: str) -> Iterator[Leftover]:
    for kind, values, count in doubled_rows(using=using):
        yield Leftover(kind, " ".join(str(value) for value in values), count)


def _unclear(using: str) -> Iterator[Leftover]:
    for task in unclear_tasks(using=using):
        try:
            trigger_of(task)
        except RecurringJobsError as error:
            yield Leftover("task", str(error))

"""After an edit of a template: which of its rows to keep, change, make or take away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.rows import adopt, as_it_was, build, differs, series_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from recurring_jobs.recurrence.models import RecurringTemplateMixin
    from recurring_jobs.recurrence.window import Series
    from recurring_jobs.rules import Occurrence

#: How far back nominal times are compared: further than any two zones are apart.
SLACK = timedelta(days=2)


@dataclass(slots=True)
class RowChanges:
    """What to do with the rows of one template, and how far they then reach."""

    insert: list[Any] = field(default_factory=list)
    update: list[tuple[Any, list[str]]] = field(default_factory=list)
    delete: list[Any] = field(default_factory=list)
    cursor: str | None = None


def reconcile(
    template: RecurringTemplateMixin,
    series: Series | None,
    needed: Sequence[Occurrence],
    rows: Iterable[Any],
    now: datetime,
    make: Callable[[Occurrence], Any] | None = None,
) -> RowChanges:
    """
    Return how *rows* become what *template* now asks for, leaving alone what people did.

    *rows* are the occurrences that lie ahead. One that starts after *now*, and is exactly
    as the generator wrote it when the template was what it was then, is changed or taken
    away; every other row stays. A nominal time that was made once and has no row any more
    was deleted by a person, and is not made again. *series* is None where the template
    has lost its rule. What is to be inserted is what *make* makes of an occurrence.
    """
    by_id = {row.recurrence_id: row for row in rows}
    past = _Past.of(template, now)
    wanted = {occurrence.nominal: occurrence for occurrence in needed}
    changes = RowChanges(cursor=None if series is None else max(wanted, default=""))
    if series is not None and past is not None and past.series_is(series):
        wanted = {**past.made, **wanted}
        changes.cursor = max(template.recurrence_cursor or "", *wanted, "")
    for nominal, row in by_id.items():
        if past is None or not past.wrote(row, now):
            continue
        if series is None or nominal not in wanted:
            changes.delete.append(row)
        elif names := adopt(row, build(template, series, wanted[nominal])):
            changes.update.append((row, names))
    made = {} if past is None else past.made
    if make is not None:
        changes.insert = [
            make(occurrence)
            for occurrence in needed
            if occurrence.nominal not in by_id and occurrence.nominal not in made
        ]
    return changes


@dataclass(frozen=True, slots=True)
class _Past:
    """What a template was at the last pass, and the occurrences it made and that lie ahead."""

    template: RecurringTemplateMixin
    series: Series
    made: dict[str, Occurrence]

    @classmethod
    def of(cls, template: RecurringTemplateMixin, now: datetime) -> _Past | None:
        if not template.recurrence_made_from:
            return None
        before = as_it_was(template, template.recurrence_made_from)
        series = series_of(before, finest="SECONDLY")
        upto = template.recurrence_cursor or ""
        ahead = takewhile(lambda o: o.nominal <= upto, series.after(now - SLACK))
        return cls(before, series, {occurrence.nominal: occurrence for occurrence in ahead})

    def series_is(self, other: Series) -> bool:
        return (self.series.rule, self.series.start, self.series.zone) == (
            other.rule,
            other.start,
            other.zone,
        )

    def wrote(self, row: Any, now: datetime) -> bool:
        occurrence = self.made.get(row.recurrence_id)
        start = layout_of(type(self.template)).start.target.value_from_object(row)
        if occurrence is None or start is None or self.series.instant(start) <= now:
            return False
        return not differs(row, build(self.template, self.series, occurrence))

"""After an edit of a template: which of its rows to keep, change, make or take away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.rows import adopt, as_it_was, build, differs, series_of
from recurring_jobs.recurrence.window import moved_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from recurring_jobs.recurrence.models import RecurringTemplateMixin
    from recurring_jobs.recurrence.window import Series
    from recurring_jobs.rules import Occurrence

#: How far back nominal times are compared: further than any two zones are apart.
SLACK: Final = timedelta(days=2)


@dataclass(slots=True)
class RowChanges:
    """What to do with the rows of one template, and how far they then reach."""

    insert: list[Any] = field(default_factory=list)
    update: list[tuple[Any, list[str]]] = field(default_factory=list)
    delete: list[Any] = field(default_factory=list)
    cursor: str | None = None
    skips: dict[str, Any] | None = None


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
    away; every other row keeps its values. A nominal time that was made once and has no
    row any more was deleted by a person: it becomes a skip, and is not made again. Where
    the start moved, nominal times that the rule no longer names move along with it, those
    of a person's rows and of skips as well, so that nothing happens twice. *series* is
    None where the template has lost its rule. What is to be inserted is what *make* makes
    of an occurrence.
    """
    by_id: dict[str, Any] = {row.recurrence_id: row for row in rows}
    past = Past.of(template, now)
    skips: dict[str, Any] = dict(template.recurrence_skips or {})
    moves: dict[Any, str] = {}
    if past is not None:
        skips.update(dict.fromkeys(past.deleted({*by_id, *skips}, now)))
        if series is not None:
            moves = moved_names(past, series, {*by_id, *skips}, now)
    wanted = {occurrence.nominal: occurrence for occurrence in needed}
    changes = RowChanges(cursor=None if series is None else next(reversed(wanted), ""))
    if series is not None and past is not None and past.series_is(series):
        wanted = {**past.made, **wanted}
        changes.cursor = _later(series, template.recurrence_cursor or "", changes.cursor or "")
    for nominal, row in by_id.items():
        name = moves.get(nominal, nominal)
        if past is None or not past.wrote(row, now):
            changed = []
        elif series is None or name not in wanted:
            changes.delete.append(row)
            continue
        else:
            changed = adopt(row, build(template, series, wanted[name]))
        if name != nominal:
            row.recurrence_id = name
            changed.append("recurrence_id")
        if changed:
            changes.update.append((row, changed))
    changes.skips = {moves.get(name, name): kept for name, kept in skips.items()} or None
    taken = {moves.get(name, name) for name in (*by_id, *skips, *(past.made if past else ()))}
    if make is not None:
        changes.insert = [
            make(occurrence) for occurrence in needed if occurrence.nominal not in taken
        ]
    return changes


def moved_names(
    past: Past, series: Series, names: Collection[str], now: datetime
) -> dict[str, str]:
    """
    Return the new name of each of *names* that moves along with the start of a template.

    Those are names that lie ahead and that *series* does not have any more, where it has
    one as far away as the new start is from the old. No two names become one, and none
    becomes what another one was.
    """
    distance = past.series.distance_to(series)
    ahead = {name for name in names if name in past.made and past.lies_ahead(name, now)}
    if not distance or not ahead:
        return {}
    targets = {name: moved_name(name, distance) for name in sorted(ahead)}
    last = max(*targets.values(), *ahead, key=series.moment_of)
    near = series.until(last, series.after(now - SLACK / 2))
    known = {occurrence.nominal for occurrence in near}
    taken = {name for name in names if name in known or name not in ahead}
    return {
        name: target
        for name, target in targets.items()
        if name not in known and target in known and target not in taken
    }


@dataclass(frozen=True, slots=True)
class Past:
    """What a template was at the last pass, and the occurrences it made and that lie ahead."""

    template: RecurringTemplateMixin
    series: Series
    made: dict[str, Occurrence]

    @classmethod
    def of(cls, template: RecurringTemplateMixin, now: datetime) -> Past | None:
        if not template.recurrence_made_from:
            return None
        before = as_it_was(template, template.recurrence_made_from)
        series = series_of(before, finest="SECONDLY")
        cursor = template.recurrence_cursor
        ahead = series.until(cursor, series.after(now - SLACK)) if cursor else ()
        return cls(before, series, {occurrence.nominal: occurrence for occurrence in ahead})

    def series_is(self, other: Series) -> bool:
        return (self.series.rule, self.series.start, self.series.zone) == (
            other.rule,
            other.start,
            other.zone,
        )

    def lies_ahead(self, nominal: str, now: datetime) -> bool:
        """Whether the occurrence called *nominal*, one of those made, comes after *now*."""
        return self.series.instant(self.made[nominal].at) > now

    def deleted(self, present: Collection[str], now: datetime) -> list[str]:
        """Return the names that were made, lie ahead, and are not *present* any more."""
        return [name for name in self.made if name not in present and self.lies_ahead(name, now)]

    def wrote(self, row: Any, now: datetime) -> bool:
        """Whether *row* starts after *now* and is exactly as the generator wrote it."""
        occurrence = self.made.get(row.recurrence_id)
        start = layout_of(type(self.template)).start.target.value_from_object(row)
        if occurrence is None or start is None or self.series.instant(start) <= now:
            return False
        return not differs(row, build(self.template, self.series, occurrence))


def _later(series: Series, one: str, other: str) -> str:
    # Of two names; where one is empty it is the other.
    if not (one and other):
        return one or other
    return max(one, other, key=series.moment_of)

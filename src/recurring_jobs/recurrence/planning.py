"""What one pass has to do for one template: decided here, written elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recurring_jobs.recurrence.fields import SET_ASIDE
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.reconcile import RowChanges, reconcile
from recurring_jobs.recurrence.rows import series_of, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from recurring_jobs.recurrence.models import RecurringTemplateMixin
    from recurring_jobs.recurrence.window import Series, Window
    from recurring_jobs.rules import Occurrence

    #: Turns an occurrence into what will be written for it: a row, or the draft of one.
    Maker = Callable[[Occurrence], Any]


@dataclass(slots=True)
class TemplatePlan:
    """
    The rows to write for *template*, and the template's new notes about itself.

    With a *reason* the template is set aside: none of its rows is written.
    """

    template: RecurringTemplateMixin
    rows: RowChanges = field(default_factory=RowChanges)
    due_at: datetime | None = None
    made_from: dict[str, Any] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A template as it was read: *series* and *made_from* are None for one without a rule."""

    template: RecurringTemplateMixin
    series: Series | None
    made_from: dict[str, Any] | None

    @classmethod
    def of(cls, template: RecurringTemplateMixin) -> Reading:
        """
        Read the rule, zone and start of *template*. Raise what series_of() raises.
        """
        if not template.recurrence_rule:
            return cls(template, None, None)
        series = series_of(template)
        return cls(template, series, snapshot_of(template, series))

    @property
    def is_edited(self) -> bool:
        """Whether the template is new, or is not what its last rows were made from."""
        return bool(self.made_from != self.template.recurrence_made_from)

    @property
    def has_rows(self) -> bool:
        """Whether rows were made from the template, or kept from being made."""
        template = self.template
        return bool(
            template.recurrence_made_from or template.recurrence_cursor or template.recurrence_skips
        )


def plan_template(
    reading: Reading,
    now: datetime,
    rows_ahead: Iterable[Any],
    maker: Callable[[RecurringTemplateMixin, Series], Maker],
    until: datetime | None = None,
) -> TemplatePlan:
    """
    Return what a template needs at *now*, and up to *until* where that is given.

    *maker* says what is to be inserted for it.

    *rows_ahead* are its rows that lie ahead; they are only looked at when it was edited.
    Raise what the host's build_occurrence() raises.
    """
    template, series = reading.template, reading.series
    if series is None:
        return TemplatePlan(template, reconcile(template, None, (), rows_ahead, now))
    make = maker(template, series)
    layout = layout_of(type(template))
    window = series.window(now, ahead=layout.ahead, horizon=layout.horizon, until=until)
    if reading.is_edited and reading.has_rows:
        rows = reconcile(template, series, window.needed, rows_ahead, now, make)
    else:
        rows = _continued(template, series, window, make)
    return TemplatePlan(template, rows, window.due_at, reading.made_from)


def set_aside(template: RecurringTemplateMixin, error: Exception) -> TemplatePlan:
    """
    Return the plan that leaves *template* alone until it is edited, saying why.
    """
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return TemplatePlan(
        template, due_at=SET_ASIDE, reason=f"{kind}{error}"[:1000] or type(error).__name__
    )


def _continued(
    template: RecurringTemplateMixin, series: Series, window: Window, make: Maker
) -> RowChanges:
    # Only forward: what lies before the cursor was made once, and if it has no row now,
    # a person deleted it.
    cursor = template.recurrence_cursor or ""
    skips = template.recurrence_skips or {}
    made = len(list(series.until(cursor, window.needed))) if cursor else 0
    fresh = window.needed[made:]
    return RowChanges(
        insert=[make(each) for each in fresh if each.nominal not in skips],
        cursor=fresh[-1].nominal if fresh else cursor,
        skips=template.recurrence_skips,
    )

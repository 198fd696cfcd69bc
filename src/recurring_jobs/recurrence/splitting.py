"""One series becomes two: the template is parted, its rows go with the times they stand for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import models

from recurring_jobs.exceptions import SeriesEditError, did_you_mean
from recurring_jobs.recurrence.batch import rows_of
from recurring_jobs.recurrence.kept_rows import link_again, stored_links
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.links import read_links
from recurring_jobs.recurrence.reconcile import SLACK, Past
from recurring_jobs.recurrence.rows import adopt, build, differs_in_each_row, series_of, snapshot_of
from recurring_jobs.recurrence.window import shift_of

if TYPE_CHECKING:
    from recurring_jobs.recurrence.layout import Layout
    from recurring_jobs.recurrence.window import Series
    from recurring_jobs.rules import Occurrence

#: What a person may set of the columns that the mixin brings.
OPEN: Final = ("recurrence_rule", "recurrence_timezone")


def part(
    layout: Layout,
    template: Any,
    first: Occurrence,
    changes: dict[str, Any],
    now: datetime,
    using: str,
) -> Any:
    """
    End *template* before *first*, and return the new template that goes on from there.

    The two make together what the one did: no row changes but for its template. Of
    *changes* only those are made that decide on no row, such as a value that is unique.
    """
    series = series_of(template)
    past = Past.of(template, now)
    tail, begin = series.rule.continued_from(series.start, first.at)
    following = _continuation(layout, template, str(tail), begin, changes)
    following.save(using=using, force_insert=True)
    link_again(following, stored_links(template, using), using)
    template.recurrence_rule = str(series.rule.ending_before(series.start, first.at))
    template.save(using=using, update_fields=["recurrence_rule"])

    cut = series.moment_of(first.nominal)
    skips = template.recurrence_skips or {}
    later = {name: kept for name, kept in skips.items() if series.moment_of(name) >= cut}
    earlier = {name: kept for name, kept in skips.items() if name not in later}
    _note(layout, template, template.recurrence_cursor, earlier, using)
    _note(layout, following, template.recurrence_cursor, later, using)
    _move_rows(layout, template, following, (series, first.nominal, past), now, using)
    return following


def apply_changes(template: Any, changes: dict[str, Any], using: str) -> None:
    """
    Store *changes* of *template*. What is shifted, and the dates of its rule, go with its start.
    """
    layout = layout_of(template._meta.model)
    values = dict(changes)
    before = series_of(template)
    start = layout.start.source
    for name, value in changes.items():
        setattr(template, name, value)
    if start.name in changes:
        after = series_of(template)
        for source, _ in layout.shifted:
            if source.name not in changes:
                value = source.value_from_object(template)
                moved = shift_of(value, before.start, after.zone)(after.start)
                setattr(template, source.attname, moved)
                values[source.name] = moved
        if "recurrence_rule" not in changes:
            rule = str(before.rule.moved(before.start, after.start))
            values["recurrence_rule"] = template.recurrence_rule = rule
    if values:
        template.save(using=using, update_fields=list(values))


def check_changes(template: Any, changes: dict[str, Any]) -> None:
    """
    Raise SeriesEditError where *changes* names no field of *template* that a person may set.
    """
    start = layout_of(template._meta.model).start.source
    known = {name for field in _open_fields(type(template)) for name in (field.name, field.attname)}
    for name, value in changes.items():
        if name not in known:
            problem = f"{name!r} is no field that can be changed.{did_you_mean(name, known)}"
            raise SeriesEditError(template, problem)
        if name == start.name:
            check_kind(template, start, name, value)


def check_kind(row: Any, start: models.Field[Any, Any], name: str, value: object) -> None:
    """
    Raise SeriesEditError unless *value*, called *name*, is what the field *start* holds.
    """
    if isinstance(start, models.DateTimeField):
        if not isinstance(value, datetime):
            raise SeriesEditError(row, f"{name}={value!r} is no date-time. Give an aware one.")
        if value.utcoffset() is None:
            problem = f"{name}={value!r} has no time zone. Give it one."
            raise SeriesEditError(row, problem)
    elif not isinstance(value, date) or isinstance(value, datetime):
        raise SeriesEditError(row, f"{name}={value!r} is no date, and its rows last all day.")


def _continuation(
    layout: Layout, template: Any, rule: str, begin: datetime | date, changes: dict[str, Any]
) -> Any:
    series = series_of(template)
    following: Any = layout.template()
    for field in _open_fields(layout.template):
        if field.name not in layout.watched and (field.unique or differs_in_each_row(field)):
            _check_own_value(template, field, changes)
        else:
            setattr(following, field.attname, field.value_from_object(template))
    for name, value in changes.items():
        if name not in layout.watched:
            setattr(following, name, value)
    start = begin.astimezone(UTC) if isinstance(begin, datetime) else begin
    for source, _ in layout.shifted:
        value = source.value_from_object(template)
        setattr(following, source.attname, shift_of(value, series.start, series.zone)(start))
    setattr(following, layout.start.source.attname, start)
    following.recurrence_rule = rule
    return following


def _check_own_value(template: Any, field: models.Field[Any, Any], changes: dict[str, Any]) -> None:
    if not field.unique or field.has_default() or field.null or field.has_db_default():
        return
    if field.name not in changes and field.attname not in changes:
        problem = f"its {field.name} is unique. Give the new template another: {field.name}=…"
        raise SeriesEditError(template, problem)


def _open_fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    return [
        field
        for field in model._meta.concrete_fields
        if not (field.primary_key or field.generated)
        and (field.name in OPEN or not field.name.startswith("recurrence_"))
    ]


def _note(layout: Layout, row: Any, cursor: str | None, skips: dict[str, Any], using: str) -> None:
    # Made from what it is: so that the next pass finds nothing to bring in line.
    row.recurrence_cursor = cursor
    row.recurrence_skips = skips or None
    row.recurrence_made_from = snapshot_of(row, series_of(row))
    rows_of(layout.template, using).filter(pk=row.pk).update(
        recurrence_cursor=cursor,
        recurrence_skips=row.recurrence_skips,
        recurrence_made_from=row.recurrence_made_from,
    )


def _move_rows(
    layout: Layout,
    template: Any,
    following: Any,
    seen: tuple[Series, str, Past | None],
    now: datetime,
    using: str,
) -> None:
    series, first, past = seen
    cut = series.moment_of(first)
    rows = rows_of(layout.occurrence, using).filter(recurrence_parent=template.pk)
    near = rows.filter(recurrence_id__gte=f"{cut - SLACK:%Y%m%d}").select_for_update()
    moved = [row for row in near if series.moment_of(row.recurrence_id) >= cut]
    read_links(layout, moved, using)
    after = series_of(following)
    names = {"recurrence_parent"}
    for row in moved:
        # A hook may write something of its template into the row.
        if past is not None and past.wrote(row, now):
            names.update(adopt(row, build(following, after, past.made[row.recurrence_id])))
        row.recurrence_parent_id = following.pk
    rows.bulk_update(moved, sorted(names))

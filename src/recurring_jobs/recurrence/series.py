"""What a person does to a series, as in any calendar: skip, move, split, change and end it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.utils import timezone

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import SeriesEditError
from recurring_jobs.recurrence.batch import rows_of
from recurring_jobs.recurrence.kept_rows import bring_back, keep, kept_row, referring_model
from recurring_jobs.recurrence.links import links_of
from recurring_jobs.recurrence.locked import LockedTemplate
from recurring_jobs.recurrence.models import RecurringTemplateMixin
from recurring_jobs.recurrence.occurrences import report_on
from recurring_jobs.recurrence.reconcile import Past
from recurring_jobs.recurrence.rows import adopt, build, series_of
from recurring_jobs.recurrence.splitting import apply_changes, check_changes, check_kind, part
from recurring_jobs.recurrence.window import shift_of
from recurring_jobs.recurrence.zones import zone_named
from recurring_jobs.rules import Rule

if TYPE_CHECKING:
    from recurring_jobs.recurrence.models import OccurrenceModelMixin, RecurringModelMixin
    from recurring_jobs.recurrence.occurrences import GenerationReport
    from recurring_jobs.recurrence.window import Series

    AnyOccurrence = OccurrenceModelMixin | RecurringModelMixin

Template = TypeVar("Template", bound=RecurringTemplateMixin)


def skip(occurrence: AnyOccurrence, *, now: datetime | None = None) -> None:
    """
    Take *occurrence*, a row, out of its series: it is deleted, and its time stays empty.

    No edit of the template brings it back; unskip() does. Raise SeriesEditError for a row
    that is not, or not any more, an occurrence, and for one that other rows point to.
    """
    moment = _moment(now)
    with LockedTemplate.of_occurrence(occurrence) as held:
        row = held.occurrence(occurrence)
        if model := referring_model(row, held.using):
            problem = (
                f"rows of {model._meta.verbose_name_plural} point to it and would be lost. "
                "Delete or move them first."
            )
            raise SeriesEditError(row, problem)
        past = Past.of(held.row, moment)
        is_untouched = past is not None and past.wrote(row, moment)
        kept = keep(row, held.using, is_theirs=not is_untouched)
        row.delete(using=held.using)
        held.note_skips({**held.skips, row.recurrence_id: kept})
    occurrence.pk = None


def unskip(
    template: RecurringTemplateMixin, recurrence_id: str, *, now: datetime | None = None
) -> Any:
    """
    Bring the occurrence back that was skipped, or deleted, for a nominal time, and return it.

    *recurrence_id* is that of the row. A row that a person had changed, or that had begun,
    is as it was; another one has what the template says now. None where it would not exist
    now: the rule does not name its time any more, or does so later than those that are made
    by now, and a pass will make it. Raise SeriesEditError where that time is not skipped.
    """
    moment = _moment(now)
    with LockedTemplate.of(template) as held:
        held.bring_in_line(moment)
        past = Past.of(held.row, moment)
        if recurrence_id not in held.skips and not (past and recurrence_id in past.made):
            known = ", ".join(sorted(held.skips)) or "none"
            problem = f"{recurrence_id!r} is not skipped. Skipped are: {known}."
            raise SeriesEditError(held.row, problem)
        if held.rows().filter(recurrence_id=recurrence_id).exists():
            raise SeriesEditError(held.row, f"{recurrence_id!r} is not skipped: it has its row.")
        kept = held.skips.get(recurrence_id)
        row, links = _row_again(held, recurrence_id, kept, moment)
        if row is not None:
            bring_back(row, links, held.using)
        held.note_skips({name: k for name, k in held.skips.items() if name != recurrence_id})
    held.show(template)
    return row


def reschedule(occurrence: AnyOccurrence, to: datetime | date) -> None:
    """
    Move *occurrence*, a row, to start at *to*; what is shifted keeps its distance.

    The row stays the occurrence of its nominal time, so that nothing is made in the place
    it left, and no edit of the template moves it back. *to* is an aware date-time, or a
    date for rows that last all day. Raise SeriesEditError for another *to*, and for a row
    that is not, or not any more, an occurrence.
    """
    with LockedTemplate.of_occurrence(occurrence) as held:
        row = held.occurrence(occurrence)
        start = held.layout.start.target
        check_kind(row, start, "to", to)
        zone, origin = zone_named(row.recurrence_timezone), start.value_from_object(row)
        changed: dict[Any, datetime | date | None] = {start: to}
        for _, field in held.layout.shifted:
            if origin is not None:
                changed[field] = shift_of(field.value_from_object(row), origin, zone)(to)
        for target in (row, occurrence):
            for field, value in changed.items():
                setattr(target, field.attname, value)
        row.save(using=held.using, update_fields=[field.name for field in changed])


def split(
    template: Template,
    from_occurrence: AnyOccurrence,
    *,
    now: datetime | None = None,
    **changes: Any,
) -> Template:
    """
    Change this occurrence and all that follow; return the template they now belong to.

    *template* ends before the nominal time of *from_occurrence*, and a new template goes
    on from there with *changes*, which are values of its fields: the rule, the zone, the
    start, any other. Rows from that time on move to the new template. Those that are as
    they were made keep their primary keys, and take the changes; those that a person
    changed move untouched. Nothing else happens to the rows before it. Where it is the
    first occurrence of all, *template* itself is changed and returned.

    Shifted fields go along with a new start, unless they are among the changes. Raise
    SeriesEditError for an occurrence that is skipped or of another template, or that the
    rule does not name; for a change that is no field; InvalidRuleError for a rule.
    """
    moment = _moment(now)
    with LockedTemplate.of(template) as held:
        check_changes(held.row, changes)
        if "recurrence_rule" in changes:
            changes["recurrence_rule"] = _rule_text(held.row, changes["recurrence_rule"])
        held.bring_in_line(moment)
        row = held.occurrence(from_occurrence)
        series = series_of(held.row)
        first = series.named(row.recurrence_id)
        if first is None:
            problem = f"its rule does not name {row.recurrence_id}, so it cannot be split there."
            raise SeriesEditError(held.row, problem)
        following = held.row
        if next(series.rule.expand(series.start)) != first:
            following = part(held.layout, held.row, first, changes, moment, held.using)
        apply_changes(following, changes, held.using)
        held.bring_in_line(moment)
        LockedTemplate(held.layout, following, held.using).bring_in_line(moment)
    for name in () if following is not held.row else changes:
        setattr(template, name, changes[name])
    held.show(template)
    setattr(from_occurrence, held.layout.parent.attname, following.pk)
    if following.pk == template.pk:
        return template
    answer: Template = rows_of(type(template), held.using).get(pk=following.pk)
    return answer


def change_rule(
    template: RecurringTemplateMixin, rule: Rule | str, *, now: datetime | None = None
) -> GenerationReport:
    """
    Give *template* another rule, bring its rows in line at once, and say what that did.

    Rows ahead that are as they were made are kept, made or removed as the rule says; those
    that a person changed stay, and what was skipped or deleted does not come back. Raise
    InvalidRuleError for a rule that cannot be read, SeriesEditError for none.
    """
    text = _rule_text(template, rule)
    with LockedTemplate.of(template) as held:
        held.save_rule(text)
        plan = held.bring_in_line(_moment(now))
    held.show(template)
    return report_on([plan])


def regenerate(
    template: RecurringTemplateMixin, *, now: datetime | None = None
) -> GenerationReport:
    """
    Do for *template* at once what the next pass would, and say what that did.

    One that was set aside is tried again. Raise SeriesEditError for one without a rule, and
    with the reason where its rows cannot be made.
    """
    with LockedTemplate.of(template) as held:
        if not held.row.recurrence_rule:
            raise SeriesEditError(held.row, "has no rule, so there is nothing to make.")
        plan = held.bring_in_line(_moment(now))
    held.show(template)
    return report_on([plan])


def end(
    template: RecurringTemplateMixin, after: datetime | date, *, now: datetime | None = None
) -> GenerationReport:
    """
    Let *template* have no occurrence later than *after*, and say what that did.

    Rows after it that are as they were made go; those that a person changed stay, and so
    do those that have begun. *after* is an aware date-time, or a date, which means until
    the end of that day on the template's clock. Raise SeriesEditError for another *after*,
    or a template without a rule; InvalidRuleError for a rule that cannot be read.
    """
    with LockedTemplate.of(template) as held:
        if not held.row.recurrence_rule:
            raise SeriesEditError(held.row, "has no rule, so there is nothing to end.")
        series = series_of(held.row)
        following = _following(held, series, after)
        held.save_rule(str(series.rule.ending_before(series.start, following)))
        plan = held.bring_in_line(_moment(now))
    held.show(template)
    return report_on([plan])


def _moment(now: datetime | None) -> datetime:
    moment = timezone.now() if now is None else now
    if timezone.is_naive(moment):
        message = f"now={moment!r} has no time zone."
        raise ValueError(message)
    return moment


def _rule_text(template: Any, rule: Rule | str | None) -> str:
    if not rule:
        raise SeriesEditError(template, "a rule is needed. To let the series stop, use end().")
    return str(Rule.parse(str(rule), finest=conf.finest_frequency))


def _following(held: LockedTemplate, series: Series, after: object) -> datetime | date:
    if isinstance(after, date) and not isinstance(after, datetime):
        day = after + timedelta(days=1)
        return series.instant(day) if isinstance(series.start, datetime) else day
    check_kind(held.row, held.layout.start.source, "after", after)
    assert isinstance(after, datetime)  # noqa: S101  just checked
    return after + timedelta(microseconds=1)


def _row_again(
    held: LockedTemplate, name: str, kept: dict[str, Any] | None, now: datetime
) -> tuple[Any, dict[str, list[Any]]]:
    row: Any = None if kept is None else kept_row(held.layout.occurrence, kept)
    links: dict[str, list[Any]] = {} if kept is None else kept["links"]
    if kept is None or not kept["theirs"]:
        series = series_of(held.row) if held.row.recurrence_rule else None
        occurrence = None if series is None else series.named(name)
        # One that lies beyond what is made is left to the pass that comes to it: else its
        # row would be nobody's, neither written by a pass nor touched by a person.
        cursor = held.row.recurrence_cursor
        if series is None or occurrence is None or not cursor:
            return None, {}
        if series.moment_of(name) > series.moment_of(cursor):
            return None, {}
        if row is None or series.instant(occurrence.at) > now:
            wanted = build(held.row, series, occurrence)
            read = links_of(held.row)
            links |= {target.name: read[source.name] for source, target in held.layout.linked}
            if row is None:
                row = wanted
            else:
                adopt(row, wanted)
    row.recurrence_parent_id = held.row.pk
    row.recurrence_id = name
    return row, links

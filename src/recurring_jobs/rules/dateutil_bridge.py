"""To and from python-dateutil, for hosts that hold its objects; the engine itself needs none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dateutil.rrule import rrule, rruleset, weekday

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules.frequency import Frequency, Skip, Weekday
from recurring_jobs.rules.moments import Moment
from recurring_jobs.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

_NUMBERS = {
    "bymonth": "BYMONTH",
    "byweekno": "BYWEEKNO",
    "byyearday": "BYYEARDAY",
    "bymonthday": "BYMONTHDAY",
    "byhour": "BYHOUR",
    "byminute": "BYMINUTE",
    "bysecond": "BYSECOND",
    "bysetpos": "BYSETPOS",
}


def to_dateutil(rule: Rule, start: datetime) -> rrule | rruleset:
    """
    Return *rule* on *start* as dateutil's rrule, or as a rruleset where one is not enough.

    dateutil gives its own answers in gaps and folds. Raise InvalidRuleError for what it
    cannot say: SKIP, and numbered beside plain weekdays under COUNT or BYSETPOS.
    """
    if rule.skip is not Skip.OMIT:
        raise InvalidRuleError("SKIP", rule.skip.value, "is not known to dateutil.")
    weekdays = [
        [day for day in rule.by_day if bool(day.ordinal) is numbered] for numbered in (False, True)
    ]
    kinds = [days for days in weekdays if days] or [[]]
    if len(kinds) == 2 and (rule.count or rule.by_set_position):
        problem = "has numbered and plain weekdays, which dateutil cannot count together."
        raise InvalidRuleError("BYDAY", ",".join(map(str, rule.by_day)), problem)
    rules = [_rrule(rule, start, days) for days in kinds]
    if len(rules) == 1 and not rule.rdates and not rule.exdates:
        return rules[0]
    found = rruleset()
    for one in rules:
        found.rrule(one)
    for moment in rule.rdates:
        found.rdate(_aware(moment, start))
    for moment in rule.exdates:
        found.exdate(_aware(moment, start))
    return found


def from_dateutil(source: rrule | rruleset) -> Rule:
    """
    Return a dateutil rrule or rruleset as a rule; its dtstart is the caller's to keep.

    Raise InvalidRuleError for what RFC 5545 does not have: byeaster, exrule, a set of
    several rules.
    """
    if isinstance(source, rrule):
        return Rule.parse(_text(source))
    # dateutil has no public way to read a set.
    rules, excluded = source._rrule, source._exrule  # type: ignore[attr-defined]  # noqa: SLF001
    if len(rules) != 1:
        raise InvalidRuleError("RRULE", "", f"must be one, not {len(rules)} as in this set.")
    if excluded:
        raise InvalidRuleError("EXRULE", "", "is not part of RFC 5545 any more.")
    lines = [f"RRULE:{_text(rules[0])}"]
    dates = {"RDATE": source._rdate, "EXDATE": source._exdate}  # type: ignore[attr-defined]  # noqa: SLF001
    for name, moments in dates.items():
        lines += [f"{name}:{_moment(moment)}" for moment in moments]
    return Rule.parse("\n".join(lines))


def _rrule(rule: Rule, start: datetime, days: Iterable[Weekday]) -> rrule:
    until = None
    if rule.until is not None:
        zone = start.tzinfo
        until = rule.until.wall if zone is None else _utc(rule.until.last_instant(zone))
    return rrule(
        int(rule.frequency),  # type: ignore[arg-type]  # the numbers are the same
        dtstart=start,
        interval=rule.interval,
        count=rule.count,
        until=until,
        wkst=rule.week_start,
        bysetpos=rule.by_set_position or None,
        bymonth=rule.by_month or None,
        bymonthday=rule.by_month_day or None,
        byyearday=rule.by_year_day or None,
        byweekno=rule.by_week_number or None,
        byweekday=[weekday(day.day, day.ordinal or None) for day in days] or None,
        byhour=rule.by_hour or None,
        byminute=rule.by_minute or None,
        bysecond=rule.by_second or None,
    )


def _aware(moment: Moment, start: datetime) -> datetime:
    if moment.is_date:
        return datetime.combine(moment.wall, start.timetz())
    if moment.zone == "" or start.tzinfo is None:
        return moment.wall.replace(tzinfo=start.tzinfo)
    zone: tzinfo = start.tzinfo
    return _utc(moment.instant(zone)).astimezone(zone)


def _utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC)


def _text(source: rrule) -> str:
    given: dict[str, Any] = source._original_rule  # type: ignore[attr-defined]  # noqa: SLF001
    if given.get("byeaster"):
        raise InvalidRuleError("byeaster", "", "is not part of RFC 5545.")
    parts = [f"FREQ={Frequency(source._freq).name}"]  # type: ignore[attr-defined]  # noqa: SLF001
    simple = {"INTERVAL": "_interval", "COUNT": "_count"}
    parts += [
        f"{name}={getattr(source, attribute)}"
        for name, attribute in simple.items()
        if getattr(source, attribute) is not None
    ]
    until = source._until  # type: ignore[attr-defined]  # noqa: SLF001
    if until is not None:
        parts.append(f"UNTIL={_moment(until)}")
    parts += [
        f"{part}={','.join(map(str, given[name]))}"
        for name, part in _NUMBERS.items()
        if given.get(name)
    ]
    if given.get("byweekday"):
        days = [Weekday(day.weekday, day.n or 0) for day in given["byweekday"]]
        parts.append(f"BYDAY={','.join(map(str, days))}")
    parts.append(f"WKST={Weekday(source._wkst)}")  # type: ignore[attr-defined]  # noqa: SLF001
    return ";".join(parts)


def _moment(moment: datetime) -> str:
    if moment.tzinfo is None:
        return str(Moment(moment.replace(microsecond=0)))
    utc = moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    return str(Moment(utc, "Z"))

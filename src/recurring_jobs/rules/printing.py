"""The normal form of a rule: one text for one meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurring_jobs.rules.frequency import WEEKDAYS, Skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from recurring_jobs.rules.moments import Moment
    from recurring_jobs.rules.rule import Rule


def normal_form(rule: Rule) -> str:
    """
    Return *rule* as text: parts in one order, values sorted, defaults left out.

    The parts alone, or where there are RDATE and EXDATE the lines of a set.
    """
    text = ";".join(f"{name}={value}" for name, value in _parts(rule))
    if not rule.rdates and not rule.exdates:
        return text
    lines = [f"RRULE:{text}", *_lines("RDATE", rule.rdates), *_lines("EXDATE", rule.exdates)]
    return "\n".join(lines)


def _parts(rule: Rule) -> Iterator[tuple[str, object]]:
    yield "FREQ", rule.frequency.name
    if rule.interval != 1:
        yield "INTERVAL", rule.interval
    if rule.count is not None:
        yield "COUNT", rule.count
    if rule.until is not None:
        yield "UNTIL", rule.until
    lists: tuple[tuple[str, Iterable[object]], ...] = (
        ("BYMONTH", rule.by_month),
        ("BYWEEKNO", rule.by_week_number),
        ("BYYEARDAY", rule.by_year_day),
        ("BYMONTHDAY", rule.by_month_day),
        ("BYDAY", rule.by_day),
        ("BYHOUR", rule.by_hour),
        ("BYMINUTE", rule.by_minute),
        ("BYSECOND", rule.by_second),
        ("BYSETPOS", rule.by_set_position),
    )
    for name, values in lists:
        if values:
            yield name, ",".join(map(str, values))
    if rule.week_start:
        yield "WKST", WEEKDAYS[rule.week_start]
    if rule.skip is not Skip.OMIT:
        yield "RSCALE", "GREGORIAN"
        yield "SKIP", rule.skip.value


def _lines(name: str, moments: Iterable[Moment]) -> Iterator[str]:
    kinds: dict[str, list[Moment]] = {}
    for moment in moments:
        if moment.is_date:
            parameter = ";VALUE=DATE"
        elif moment.zone not in ("", "Z"):
            parameter = f";TZID={moment.zone}"
        else:
            parameter = ""
        kinds.setdefault(parameter, []).append(moment)
    for parameter, group in sorted(kinds.items()):
        yield f"{name}{parameter}:{','.join(map(str, group))}"

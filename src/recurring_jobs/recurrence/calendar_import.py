"""The rule of a calendar event, taken from what another program wrote."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import InvalidCalendarError, UnknownTimeZoneError
from recurring_jobs.recurrence.calendar import require_icalendar
from recurring_jobs.recurrence.zones import zone_named
from recurring_jobs.rules import Rule
from recurring_jobs.rules.moments import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: A longer text is not read.
LONGEST_CALENDAR: Final = 200_000

_READ = frozenset(
    ("BEGIN", "END", "DTSTART", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID")
)


@dataclass(frozen=True, slots=True)
class ImportedRule:
    """
    What a recurring row needs: *rule* in its normal form, *start*, and the name of the *zone*.

    *start* is aware, or a date for what lasts all day.
    """

    rule: str
    start: datetime | date
    zone: str


class _Line(NamedTuple):
    name: str
    parameters: Mapping[str, str]
    value: str


def rule_from_ics(source: Any, *, zone: str = "", finest: str | None = None) -> ImportedRule:
    """
    Return the rule of the one VEVENT in *source*: text, bytes or a component of icalendar.

    Lines of the VEVENT alone will do; DTSTART, RRULE, RDATE and EXDATE are read, whatever
    else is there is not. *zone* is for times without one, and for a TZID that is no IANA
    name nor one of Windows. *finest* is the finest frequency allowed, by default
    ``FINEST_FREQUENCY``.

    Raise InvalidCalendarError, InvalidRuleError or UnknownTimeZoneError, with a sentence,
    for what cannot be taken exactly as it is; ExtraMissingError without the extra ``ics``.
    """
    lines = list(_event_lines(_lines(_text_of(source))))
    start = _start_of(lines, zone)
    name = str(start.tzinfo) if isinstance(start, datetime) else zone
    texts = [_rule_line(line, zone) for line in lines if line.name != "DTSTART"]
    if not any(text.startswith("RRULE") for text in texts):
        if not any(text.startswith("RDATE") for text in texts):
            raise InvalidCalendarError("The event", "has no RRULE and no RDATE: it does not recur.")
        texts.insert(0, "RRULE:FREQ=DAILY;COUNT=1")  # the start itself, and nothing else
    rule = Rule.parse("\n".join(texts), finest=finest or conf.finest_frequency)
    _check_start(rule, start)
    return ImportedRule(str(rule), start, name)


def _text_of(source: Any) -> str:
    if hasattr(source, "to_ical"):
        source = source.to_ical()
    if len(source) > LONGEST_CALENDAR:
        problem = f"is longer than {LONGEST_CALENDAR:,} characters. Give the event alone."
        raise InvalidCalendarError("The calendar", problem)
    return source.decode("utf-8", "replace") if isinstance(source, bytes) else str(source)


def _lines(text: str) -> Iterator[_Line]:
    require_icalendar()
    from icalendar.parser import Contentlines

    lines: Iterable[Any] = Contentlines.from_ical(text)  # type: ignore[no-untyped-call]
    for line in lines:
        name = re.split("[;:]", line, maxsplit=1)[0].upper()
        if name not in _READ:
            continue
        try:
            _, parameters, value = line.parts()
        except ValueError:
            problem = "is not a line of a calendar, such as DTSTART:20260302T090000Z."
            raise InvalidCalendarError(repr(str(line)[:80]), problem) from None
        yield _Line(name, {key.upper(): str(given) for key, given in parameters.items()}, value)


def _event_lines(lines: Iterable[_Line]) -> Iterator[_Line]:
    inside: list[str] = []
    events = 0
    has_blocks = False
    for line in lines:
        if line.name == "BEGIN":
            inside.append(line.value.upper())
            has_blocks = True
            events += inside[-1] == "VEVENT"
        elif line.name == "END":
            del inside[-1:]
        elif not inside or inside[-1] == "VEVENT":
            yield line
    if has_blocks and events != 1:
        problem = f"has {events} VEVENTs. Give the one that has the rule."
        raise InvalidCalendarError("The calendar", problem)


def _start_of(lines: list[_Line], zone: str) -> datetime | date:
    found = [line for line in lines if line.name == "DTSTART"]
    if len(found) != 1:
        raise InvalidCalendarError("The event", f"has {len(found) or 'no'} DTSTART. It needs one.")
    (line,) = found
    moment = parse_moment("DTSTART", line.value.strip().upper())
    if moment.is_date:
        return moment.wall.date()
    if moment.zone:
        return moment.wall.replace(tzinfo=UTC)
    name = _zone_name(line, zone) or zone
    if not name:
        problem = f"{line.value!r} has no time zone. Say whose clock it is: zone='Europe/Paris'."
        raise InvalidCalendarError("DTSTART", problem)
    return moment.wall.replace(tzinfo=zone_named(name))


def _rule_line(line: _Line, zone: str) -> str:
    if line.name == "RECURRENCE-ID":
        problem = "marks an event that replaces one occurrence. Give the event that has the rule."
        raise InvalidCalendarError("RECURRENCE-ID", problem)
    parameters = dict(line.parameters)
    if "TZID" in parameters:
        parameters["TZID"] = _zone_name(line, zone)
    given = "".join(f";{key}={value}" for key, value in parameters.items())
    return f"{line.name}{given}:{line.value}"


def _zone_name(line: _Line, fallback: str) -> str:
    """
    Return the IANA name that the TZID of *line* stands for, and "" where it has none.
    """
    tzid = line.parameters.get("TZID", "")
    for name in _readings(tzid):
        try:
            return zone_named(name).key
        except UnknownTimeZoneError:
            continue
    if tzid and not fallback:
        problem = (
            f"names the time zone {tzid[:80]!r}, which is not known. "
            "Say which: zone='Europe/Paris'."
        )
        raise InvalidCalendarError(line.name, problem)
    return fallback if tzid else ""


def _readings(tzid: str) -> Iterator[str]:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    if not tzid:
        return
    if tzid.startswith("/"):
        # A prefix of the program that wrote it (RFC 5545, 3.2.19): /example.org/Europe/Paris.
        parts = tzid.split("/")
        yield from ("/".join(parts[-length:]) for length in (3, 2) if len(parts) > length)
    else:
        yield tzid
        yield WINDOWS_TO_OLSON.get(tzid, tzid)


def _check_start(rule: Rule, start: datetime | date) -> None:
    first = next(replace(rule, rdates=(), exdates=()).occurrences(start), None)
    if first is None or _instant(first) != _instant(start):
        begins = "It has none from there on" if first is None else f"Its first one is {first}"
        problem = f"{start} is not a time of the RRULE, which RFC 5545 leaves undefined. {begins}."
        raise InvalidCalendarError("DTSTART", problem)


def _instant(at: datetime | date) -> datetime | date:
    return at.astimezone(UTC) if isinstance(at, datetime) else at

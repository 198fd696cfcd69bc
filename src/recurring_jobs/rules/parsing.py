"""The strict reader of rule texts: what it does not refuse, the engine can trust."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidRuleError, did_you_mean
from recurring_jobs.rules.frequency import (
    FREQUENCIES,
    WEEKDAY_NUMBERS,
    Frequency,
    Skip,
    Weekday,
)
from recurring_jobs.rules.moments import Moment, check_zone, parse_moment

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_TEXT = 2_000
LARGEST_NUMBER = 999_999_999

_PLAIN_WEEKDAYS = {name: Weekday(number, 0) for name, number in WEEKDAY_NUMBERS.items()}
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


def read(text: str) -> dict[str, Any]:
    """
    Return the fields of a Rule that *text* gives, checked one by one and together.

    Raise InvalidRuleError naming the part.
    """
    if len(text) > LONGEST_TEXT:
        problem = f"is longer than {LONGEST_TEXT:,} characters."
        raise InvalidRuleError("Rule", text[:100], problem)
    if not text.isascii():
        raise InvalidRuleError("Rule", text, "has characters that are not ASCII.")
    bare = text.strip().upper()
    if bare.startswith("FREQ=") and "\n" not in bare:
        return _read_parts(bare)
    return _read_lines(text)


def _read_lines(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    lines = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "").split("\n")
    for line in filter(None, map(str.strip, lines)):
        head, colon, value = line.partition(":")
        if not colon and "=" in line:
            head, value = "RRULE", line
        elif not colon:
            problem = "is not a rule such as FREQ=WEEKLY;BYDAY=MO."
            raise InvalidRuleError("Rule", line, problem)
        name, _, parameters = head.partition(";")
        name = name.upper()
        if name == "RRULE":
            if "frequency" in fields:
                raise InvalidRuleError("RRULE", value, "is a second one. A rule has only one.")
            _read_parameters("RRULE", parameters)
            fields.update(_read_parts(value.upper()))
        elif name in ("RDATE", "EXDATE"):
            key = name.lower() + "s"
            moments = _read_moments(name, parameters, value)
            fields[key] = tuple(sorted({*fields.get(key, ()), *moments}))
        else:
            _refuse_line(name, value)
    if "frequency" not in fields:
        raise InvalidRuleError("FREQ", "", "is missing, as in FREQ=WEEKLY;BYDAY=MO.")
    return fields


def _refuse_line(name: str, value: str) -> None:
    reasons = {
        "EXRULE": "is not part of RFC 5545 any more. Name the dates in EXDATE.",
        "DTSTART": "does not belong here. The start is given beside the rule.",
    }
    problem = reasons.get(name, "does not belong here. Lines are RRULE, RDATE and EXDATE.")
    raise InvalidRuleError(name[:40] or "Rule", value, problem)


def _read_parameters(name: str, parameters: str) -> dict[str, str]:
    found = {}
    for parameter in filter(None, parameters.split(";")):
        key, _, value = parameter.partition("=")
        if key.upper().startswith("X-"):
            continue
        known = () if name == "RRULE" else ("TZID", "VALUE")
        if key.upper() not in known or key.upper() in found:
            raise InvalidRuleError(name, parameter, "is a parameter that does not belong here.")
        found[key.upper()] = value.strip('"')
    return found


def _read_moments(name: str, parameters: str, text: str) -> list[Moment]:
    given = _read_parameters(name, parameters)
    kind = given.get("VALUE", "").upper()
    if kind not in ("", "DATE", "DATE-TIME"):
        raise InvalidRuleError(name, kind, "is not a kind of value that is read here.")
    zone = check_zone(name, given["TZID"]) if "TZID" in given else ""
    moments = [parse_moment(name, one.strip().upper(), zone) for one in text.split(",")]
    for moment in moments:
        if kind and moment.is_date != (kind == "DATE"):
            raise InvalidRuleError(name, str(moment), f"is not of the kind {kind}.")
    return moments


def _read_parts(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    parts = text.removesuffix(";").split(";")
    for part in parts:
        name, _, value = part.partition("=")
        try:
            field, reader = _PARTS[name]
        except KeyError:
            if not part:
                raise InvalidRuleError("Rule", text, "has an empty part.") from None
            problem = f"is not a part of a rule.{did_you_mean(name[:20], _PARTS)}"
            raise InvalidRuleError(name[:40] or "Rule", value or part, problem) from None
        if field in fields:
            raise InvalidRuleError(name, value, "is given twice.")
        fields[field] = reader(name, value)
    if "frequency" not in fields:
        raise InvalidRuleError("FREQ", "", "is missing, as in FREQ=WEEKLY;BYDAY=MO.")
    _check_together(fields)
    fields.pop("rscale", None)
    return fields


def _check_together(fields: dict[str, Any]) -> None:
    frequency = fields["frequency"]
    name = frequency.name
    if "count" in fields and "until" in fields:
        raise InvalidRuleError("COUNT", str(fields["count"]), "and UNTIL cannot both be given.")
    if "by_week_number" in fields and frequency is not Frequency.YEARLY:
        raise InvalidRuleError("BYWEEKNO", "", f"goes with FREQ=YEARLY only, not {name}.")
    if "by_year_day" in fields and Frequency.YEARLY < frequency < Frequency.HOURLY:
        raise InvalidRuleError("BYYEARDAY", "", f"does not go with FREQ={name}.")
    if "by_month_day" in fields and frequency is Frequency.WEEKLY:
        raise InvalidRuleError("BYMONTHDAY", "", "does not go with FREQ=WEEKLY.")
    if "by_day" in fields:
        _check_numbered_weekdays(fields)
    if "by_set_position" in fields and not fields.keys() & _SELECTING:
        raise InvalidRuleError("BYSETPOS", "", "needs another BY part to choose from.")
    if "skip" in fields and "rscale" not in fields:
        raise InvalidRuleError("SKIP", fields["skip"].value, "needs RSCALE=GREGORIAN beside it.")


def _check_numbered_weekdays(fields: dict[str, Any]) -> None:
    frequency = fields["frequency"]
    for weekday in fields["by_day"]:
        if weekday.ordinal and frequency > Frequency.MONTHLY:
            problem = "has a number, which goes with FREQ=MONTHLY and YEARLY only."
            raise InvalidRuleError("BYDAY", str(weekday), problem)
        if weekday.ordinal and "by_week_number" in fields:
            raise InvalidRuleError("BYDAY", str(weekday), "has a number, which BYWEEKNO excludes.")


def _frequency(part: str, value: str) -> Frequency:
    try:
        return FREQUENCIES[value]
    except KeyError:
        problem = f"is not a frequency.{did_you_mean(value[:20], FREQUENCIES)}"
        raise InvalidRuleError(part, value, problem) from None


def _positive(part: str, value: str) -> int:
    if not value.isdigit():
        raise InvalidRuleError(part, value, "is not a whole number of at least 1.")
    number = int(value)
    if not 1 <= number <= LARGEST_NUMBER:
        raise InvalidRuleError(part, value, f"is not between 1 and {LARGEST_NUMBER:,}.")
    return number


def _numbers(low: int, high: int, *, signed: bool = False) -> Callable[[str, str], tuple[int, ...]]:
    allowed = {str(number): number for number in range(low, high + 1)}
    if signed:
        allowed |= {f"-{number}": -number for number in range(low, high + 1)}
        allowed |= {f"+{number}": number for number in range(low, high + 1)}
    extent = f"{low} to {high}" + (f" or -{low} to -{high}" if signed else "")

    def reader(part: str, value: str) -> tuple[int, ...]:
        try:
            return (allowed[value],)
        except KeyError:
            pass
        found = set()
        for item in value.split(","):
            sign, digits = (item[:1], item[1:]) if item[:1] in "+-" else ("", item)
            number = allowed.get(sign + (digits.lstrip("0") or "0") if digits else "")
            if number is None:
                raise InvalidRuleError(part, item or value, f"is not a number from {extent}.")
            found.add(number)
        return tuple(sorted(found))

    return reader


def _seconds(part: str, value: str) -> tuple[int, ...]:
    # Without leap seconds, RFC 5545 (3.3.12) reads second 60 as second 59.
    return tuple(sorted({min(second, 59) for second in _any_second(part, value)}))


_any_second = _numbers(0, 60)


def _weekdays(part: str, value: str) -> tuple[Weekday, ...]:
    found = set()
    for item in value.split(","):
        if (plain := _PLAIN_WEEKDAYS.get(item)) is not None:
            found.add(plain)
            continue
        match = _WEEKDAY.fullmatch(item)
        if match is None:
            raise InvalidRuleError(part, item or value, "is not a weekday such as MO or -1FR.")
        ordinal = int(match[1]) if match[1] else 0
        if match[1] and not 1 <= abs(ordinal) <= 53:
            raise InvalidRuleError(part, item, "has a number that is not 1 to 53 or -1 to -53.")
        found.add(Weekday(WEEKDAY_NUMBERS[match[2]], ordinal))
    return tuple(sorted(found))


def _week_start(part: str, value: str) -> int:
    try:
        return WEEKDAY_NUMBERS[value]
    except KeyError:
        raise InvalidRuleError(part, value, "is not a weekday such as MO.") from None


def _rscale(part: str, value: str) -> str:
    if value != "GREGORIAN":
        raise InvalidRuleError(part, value, "is not supported. Only GREGORIAN is.")
    return value


def _skip(part: str, value: str) -> Skip:
    try:
        return Skip(value)
    except ValueError:
        raise InvalidRuleError(part, value, "is not OMIT, BACKWARD or FORWARD.") from None


_PARTS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "FREQ": ("frequency", _frequency),
    "INTERVAL": ("interval", _positive),
    "COUNT": ("count", _positive),
    "UNTIL": ("until", parse_moment),
    "BYMONTH": ("by_month", _numbers(1, 12)),
    "BYWEEKNO": ("by_week_number", _numbers(1, 53, signed=True)),
    "BYYEARDAY": ("by_year_day", _numbers(1, 366, signed=True)),
    "BYMONTHDAY": ("by_month_day", _numbers(1, 31, signed=True)),
    "BYDAY": ("by_day", _weekdays),
    "BYHOUR": ("by_hour", _numbers(0, 23)),
    "BYMINUTE": ("by_minute", _numbers(0, 59)),
    "BYSECOND": ("by_second", _seconds),
    "BYSETPOS": ("by_set_position", _numbers(1, 366, signed=True)),
    "WKST": ("week_start", _week_start),
    "RSCALE": ("rscale", _rscale),
    "SKIP": ("skip", _skip),
}

_SELECTING = {field for field, _ in _PARTS.values() if field.startswith("by_")} - {
    "by_set_position"
}

"""Cron: fires when the local clock matches five fields."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidRuleError, InvalidTriggerError, did_you_mean
from recurring_jobs.periodic.triggers.base import Trigger, check_timezone, with_zone, zone_of
from recurring_jobs.periodic.triggers.spreading import has_hash, without_hash
from recurring_jobs.rules import Frequency, Rule, crontab_rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurring_jobs.periodic.triggers.base import Gettext

#: With more times of a day than this, the times are not said one by one.
_MOST_TIMES = 6
#: The fields in order, with the most characters that django-celery-beat keeps of each.
_FIELDS = {
    "minute": 240,
    "hour": 96,
    "day_of_month": 124,
    "month_of_year": 64,
    "day_of_week": 64,
}
_NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True, init=False, repr=False)
class Cron(Trigger):
    """
    Fires when the local clock matches: ``Cron("0 9 * * mon-fri", timezone="Europe/Paris")``.

    Five fields as in crontab(5), one of its names (``@daily``), or Celery's fields as
    keywords: ``Cron(hour=9, minute=0)``. As in Celery, a day must match both day fields.
    ``H`` in a field stands for a number that follows from the schedule's name, so that many
    schedules do not fire at one moment: ``Cron("H H(1-5) * * *")``, ``Cron("H/15 * * * *")``.
    A fixed hour in a daylight-saving gap moves forward, and fires once when it comes twice.
    Raise InvalidTriggerError naming the field that cannot be, UnknownTimeZoneError.
    """

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str
    timezone: str | None

    def __init__(
        self,
        expression: str | None = None,
        /,
        *,
        minute: object = "*",
        hour: object = "*",
        day_of_month: object = "*",
        month_of_year: object = "*",
        day_of_week: object = "*",
        timezone: str | None = None,
    ) -> None:
        given = (minute, hour, day_of_month, month_of_year, day_of_week)
        if expression is not None:
            if given != ("*",) * 5:
                raise InvalidTriggerError(
                    "Cron", expression, "give five fields in one text or keywords, not both."
                )
            given = _split(expression)
        texts = [_text(name, value) for name, value in zip(_FIELDS, given, strict=True)]
        for name, text in zip(_FIELDS, _checked_fields(*texts), strict=True):
            object.__setattr__(self, name, text)
        object.__setattr__(self, "timezone", check_timezone(timezone))

    @property
    def expression(self) -> str:
        """The five fields in one text."""
        return " ".join(getattr(self, name) for name in _FIELDS)

    def next_after(self, instant: datetime) -> datetime | None:
        zone = zone_of(self)
        # A crontab has no start of its own: the new year before the one in question will do.
        start = datetime(max(instant.astimezone(zone).year - 1, 1), 1, 1, tzinfo=zone)
        found = self._rule().next_after(start, instant)
        return None if found is None else found.astimezone(UTC)

    def describe(self, gettext: Gettext | None = None) -> str:
        if self._has_hash():
            return str(self)
        return with_zone(_as_people_say(self._rule()).describe(gettext), self.timezone)

    def spec(self) -> dict[str, Any]:
        return {"cron": self.expression, "timezone": self.timezone}

    def in_timezone(self, name: str) -> Cron:
        if self.timezone:
            return self
        zoned = copy(self)  # without reading the fields again
        object.__setattr__(zoned, "timezone", check_timezone(name))
        return zoned

    def spread(self, name: str) -> Cron:
        return replace(self, **self._numbers(name)) if self._has_hash() else self

    def __str__(self) -> str:
        return with_zone(self.expression, self.timezone)

    def __repr__(self) -> str:
        return f"Cron({self.expression!r}, timezone={self.timezone!r})"

    def _has_hash(self) -> bool:
        return "H" in self.expression  # names are kept in small letters

    def _numbers(self, name: str) -> dict[str, str]:
        return _numbers_of({field: getattr(self, field) for field in _FIELDS}, name)

    def _rule(self) -> Rule:
        if self._has_hash():
            raise InvalidTriggerError(
                "Cron",
                self.expression,
                "has an H, for which only a schedule's name gives a number. Call spread(name).",
            )
        return _crontab_rule(*(getattr(self, field) for field in _FIELDS))


@lru_cache(maxsize=4096)
def _crontab_rule(minute: str, hour: str, month_day: str, month: str, week_day: str) -> Rule:
    return crontab_rule(minute, hour, month_day, month, week_day)


def _split(expression: str) -> tuple[object, object, object, object, object]:
    if not isinstance(expression, str):
        raise InvalidTriggerError("Cron", expression, "give five fields in one text, or keywords.")
    text = expression.strip().lower()
    if text.startswith("@") and text not in _NAMES:
        near = did_you_mean(text, _NAMES)
        raise InvalidTriggerError(
            "Cron", expression, f"is not a known name.{near} Use one of {', '.join(_NAMES)}."
        )
    fields = _NAMES.get(text, text).split()
    if len(fields) != 5:
        raise InvalidTriggerError(
            "Cron",
            expression,
            f"has {len(fields)} fields. Give five: minute, hour, day of month, month, day of week.",
        )
    return fields[0], fields[1], fields[2], fields[3], fields[4]


def _text(field: str, value: object) -> str:
    """Return a field as text; Celery also takes a number or a collection of numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset | range) and all(
        type(number) is int for number in value
    ):
        return ",".join(str(number) for number in sorted(value))
    raise InvalidTriggerError("Cron", value, f"{field} must be a text, a number or numbers.")


@lru_cache(maxsize=4096)
def _checked_fields(*texts: str) -> tuple[str, ...]:
    """Return the five fields in plain form. Raise InvalidTriggerError for what cannot be."""
    fields = {field: _plain(field, text) for field, text in zip(_FIELDS, texts, strict=True)}
    try:
        _crontab_rule(*_numbers_of(fields, "").values())
    except InvalidRuleError as error:
        raise InvalidTriggerError("Cron", " ".join(fields.values()), str(error)) from None
    return tuple(fields.values())


def _plain(field: str, text: str) -> str:
    plain = "".join(text.split()).lower()
    if not plain:
        raise InvalidTriggerError("Cron", text, f"{field} must be a text, a number or numbers.")
    plain = ",".join(item.upper() if has_hash(item) else item for item in plain.split(","))
    if len(plain) > _FIELDS[field]:
        raise InvalidTriggerError(
            "Cron", text, f"{field} is longer than {_FIELDS[field]} characters."
        )
    return plain


def _numbers_of(fields: Mapping[str, str], name: str) -> dict[str, str]:
    return {field: without_hash(field, text.lower(), name) for field, text in fields.items()}


def _as_people_say(rule: Rule) -> Rule:
    """Return the rule of a crontab as people name it: "every month on the 1st", not each day."""
    # A crontab knows no seconds, so its words need not say that they are zero.
    rule = replace(rule, by_second=())
    if rule.frequency is Frequency.DAILY:
        rule = _by_clock(rule) if len(rule.by_hour) * len(rule.by_minute) > _MOST_TIMES else rule
    elif rule.frequency is Frequency.HOURLY and (step := _step(rule.by_minute, 60)):
        rule = replace(rule, frequency=Frequency.MINUTELY, interval=step, by_minute=())
    if rule.frequency is not Frequency.DAILY:
        return rule
    if rule.by_month_day:
        frequency = Frequency.YEARLY if rule.by_month else Frequency.MONTHLY
        return replace(rule, frequency=frequency)
    return replace(rule, frequency=Frequency.WEEKLY) if rule.by_day else rule


def _by_clock(rule: Rule) -> Rule:
    if step := _step(rule.by_minute, 60):
        return replace(rule, frequency=Frequency.MINUTELY, interval=step, by_minute=())
    if step := _step(rule.by_hour, 24):
        return replace(rule, frequency=Frequency.HOURLY, interval=step, by_hour=())
    return rule


def _step(values: tuple[int, ...], end: int) -> int:
    """Return the step by which *values* go from zero to *end*; 0 where they do not."""
    step = end // len(values) if len(values) > 1 else 0
    return step if step and values == tuple(range(0, end, step)) else 0

"""Rules in words: every part said, in English pieces that a passed-in gettext translates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurring_jobs.rules.frequency import Frequency, Skip
from recurring_jobs.rules.phrases import (
    date_phrase,
    day_number,
    joined,
    listed,
    month_name,
    ordinal,
    weekday_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurring_jobs.rules.phrases import Gettext
    from recurring_jobs.rules.rule import Rule

MOST_CLOCK_TIMES = 6


def describe(rule: Rule, _: Gettext) -> str:
    """
    Return *rule* as one sentence that leaves out nothing the rule itself says.

    What a rule takes from its start (a time of day, a day of the month) is not in it.
    """
    sentence = " ".join(_core(rule, _))
    return ", ".join([sentence, *_additions(rule, _)])


def _core(rule: Rule, _: Gettext) -> Iterator[str]:
    yield _every(rule, _)
    if rule.by_month:
        yield _("in %(months)s") % {"months": listed(rule.by_month, month_name, _)}
    if rule.by_week_number:
        yield _weeks(rule, _)
    if rule.by_year_day:
        yield _("on the %(days)s day of the year") % {"days": listed(rule.by_year_day, ordinal, _)}
    if rule.by_month_day:
        yield _month_days(rule, _)
    if rule.by_day:
        yield _weekdays(rule, _)
    yield from _times(rule, _)


def _every(rule: Rule, _: Gettext) -> str:
    if rule.interval == 1:
        single = {
            Frequency.YEARLY: _("every year"),
            Frequency.MONTHLY: _("every month"),
            Frequency.WEEKLY: _("every week"),
            Frequency.DAILY: _("every day"),
            Frequency.HOURLY: _("every hour"),
            Frequency.MINUTELY: _("every minute"),
            Frequency.SECONDLY: _("every second"),
        }
        return single[rule.frequency]
    several = {
        Frequency.YEARLY: _("every %(number)s years"),
        Frequency.MONTHLY: _("every %(number)s months"),
        Frequency.WEEKLY: _("every %(number)s weeks"),
        Frequency.DAILY: _("every %(number)s days"),
        Frequency.HOURLY: _("every %(number)s hours"),
        Frequency.MINUTELY: _("every %(number)s minutes"),
        Frequency.SECONDLY: _("every %(number)s seconds"),
    }
    return several[rule.frequency] % {"number": rule.interval}


def _weeks(rule: Rule, _: Gettext) -> str:
    weeks = rule.by_week_number
    if min(weeks) < 0:
        return _("in the %(weeks)s week of the year") % {"weeks": listed(weeks, ordinal, _)}
    if len(weeks) == 1:
        return _("in week %(weeks)s") % {"weeks": weeks[0]}
    return _("in weeks %(weeks)s") % {"weeks": listed(weeks, _plain, _)}


def _month_days(rule: Rule, _: Gettext) -> str:
    if min(rule.by_month_day) > 0:
        return _("on the %(days)s") % {"days": listed(rule.by_month_day, day_number, _)}
    days = listed(rule.by_month_day, ordinal, _)
    return _("on the %(days)s day of the month") % {"days": days}


def _weekdays(rule: Rule, _: Gettext) -> str:
    days = [weekday.day for weekday in rule.by_day if not weekday.ordinal]
    numbered = [weekday for weekday in rule.by_day if weekday.ordinal]
    # A date falls on one of them, not on all.
    either = bool(rule.by_month_day or rule.by_year_day)
    names = []
    if days:
        names.append(listed(days, weekday_name, _, either=either))
    names += [
        _("the %(place)s %(weekday)s")
        % {"place": ordinal(weekday.ordinal, _), "weekday": weekday_name(weekday.day, _)}
        for weekday in numbered
    ]
    found = names[0] if len(names) == 1 else joined(names, _, either=either)
    phrase = _("if that is %(weekdays)s") if either else _("on %(weekdays)s")
    if numbered and rule.frequency is Frequency.YEARLY:
        scope = _("of the month") if rule.by_month else _("of the year")
        found = f"{found} {scope}"
    return phrase % {"weekdays": found}


def _times(rule: Rule, _: Gettext) -> Iterator[str]:
    hours, minutes, seconds = rule.by_hour, rule.by_minute, rule.by_second
    count = len(hours) * len(minutes) * max(1, len(seconds))
    if rule.frequency <= Frequency.DAILY and 0 < count <= MOST_CLOCK_TIMES:
        clocks = [
            f"{hour:02}:{minute:02}" + (f":{second:02}" if seconds else "")
            for hour in hours
            for minute in minutes
            for second in seconds or (0,)
        ]
        yield _("at %(times)s") % {"times": joined(clocks, _)}
        return
    if hours:
        phrase = _("in hour %(hours)s") if len(hours) == 1 else _("in hours %(hours)s")
        yield phrase % {"hours": listed(hours, _plain, _)}
    if minutes:
        phrase = _("at minute %(minutes)s") if len(minutes) == 1 else _("at minutes %(minutes)s")
        yield phrase % {"minutes": listed(minutes, _plain, _)}
    if seconds:
        phrase = _("at second %(seconds)s") if len(seconds) == 1 else _("at seconds %(seconds)s")
        yield phrase % {"seconds": listed(seconds, _plain, _)}


def _additions(rule: Rule, _: Gettext) -> Iterator[str]:
    if rule.by_set_position:
        yield _chosen(rule, _)
    if rule.skip is Skip.BACKWARD:
        yield _("on the day before where there is no such date")
    elif rule.skip is Skip.FORWARD:
        yield _("on the day after where there is no such date")
    if rule.week_start:
        yield _("weeks starting on %(weekday)s") % {"weekday": weekday_name(rule.week_start, _)}
    if rule.until is not None:
        yield _("until %(date)s") % {"date": date_phrase(rule.until, _)}
    if rule.count == 1:
        yield _("once")
    elif rule.count is not None:
        yield _("%(number)s times") % {"number": rule.count}
    if rule.rdates:
        dates = joined([date_phrase(moment, _) for moment in rule.rdates], _)
        yield _("also on %(dates)s") % {"dates": dates}
    if rule.exdates:
        dates = joined([date_phrase(moment, _) for moment in rule.exdates], _)
        yield _("except on %(dates)s") % {"dates": dates}


def _chosen(rule: Rule, _: Gettext) -> str:
    phrases = {
        Frequency.YEARLY: _("only the %(places)s of each year"),
        Frequency.MONTHLY: _("only the %(places)s of each month"),
        Frequency.WEEKLY: _("only the %(places)s of each week"),
        Frequency.DAILY: _("only the %(places)s of each day"),
        Frequency.HOURLY: _("only the %(places)s of each hour"),
        Frequency.MINUTELY: _("only the %(places)s of each minute"),
        Frequency.SECONDLY: _("only the %(places)s of each second"),
    }
    return phrases[rule.frequency] % {"places": listed(rule.by_set_position, ordinal, _)}


def _plain(number: int, _: Gettext) -> str:
    return str(number)

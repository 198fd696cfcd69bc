"""Crontabs as rules: Celery's fields and meaning, under the contract of gaps and folds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery import Celery
from celery.schedules import crontab, crontab_parser
from hypothesis import given, settings
from hypothesis import strategies as st

from recurring_jobs.exceptions import InvalidRuleError, RuleNeverOccursError
from recurring_jobs.rules import crontab_rule
from tests.examples import examples
from tests.rules.cases import at

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "FREQ=MINUTELY;BYSECOND=0"),
        ({"minute": "*/15"}, "FREQ=HOURLY;BYMINUTE=0,15,30,45;BYSECOND=0"),
        ({"minute": 0, "hour": 9}, "FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0"),
        ({"minute": [0, 30], "hour": "9-11"}, "FREQ=DAILY;BYHOUR=9,10,11;BYMINUTE=0,30;BYSECOND=0"),
        (
            {"minute": "0", "hour": "0", "day_of_week": "sun,fri-mon"},
            "FREQ=DAILY;BYDAY=MO,FR,SA,SU;BYHOUR=0;BYMINUTE=0;BYSECOND=0",
        ),
        (
            {"minute": "0", "day_of_month": "13", "month_of_year": "jan,Dec", "day_of_week": "5"},
            "FREQ=HOURLY;BYMONTH=1,12;BYMONTHDAY=13;BYDAY=FR;BYMINUTE=0;BYSECOND=0",
        ),
    ],
)
def test_rule_of_a_crontab(fields, text):
    """Listed hours become a daily rule, all hours an hourly one, all minutes a minutely one."""
    assert str(crontab_rule(**fields)) == text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"minute": "60"}, "minute: '60' is not from 0 to 59."),
        ({"hour": "24"}, "hour: '24' is not from 0 to 23."),
        ({"hour": "*/0"}, "hour: '*/0' has a step of 0."),
        ({"hour": "9/2"}, "hour: '9/2' has a step but no range, as in '0-30/5'."),
        ({"hour": "1-2-3"}, "hour: '1-2-3' is not a number, a range or '*'."),
        ({"hour": "mon"}, "hour: 'mon' is not a number or a name."),
        ({"hour": ""}, "hour is not a number, a range or '*'."),
        ({"hour": "1,,2"}, "hour is not a number, a range or '*'."),
        ({"day_of_month": "0"}, "day_of_month: '0' is not from 1 to 31."),
        ({"month_of_year": "foo"}, "month_of_year: 'foo' is not a number or a name."),
        ({"day_of_week": "7"}, "day_of_week: '7' is not from 0 to 6. Sunday is 0."),
        ({"day_of_week": "mond"}, "day_of_week: 'mond' is not a number or a name."),
    ],
)
def test_refusal(fields, message):
    """A field that Celery cannot mean is refused by its name."""
    with pytest.raises(InvalidRuleError) as caught:
        crontab_rule(**fields)

    assert str(caught.value) == message


def test_a_crontab_that_never_occurs():
    """30 February is refused, where a scheduler would look for it for ever."""
    with pytest.raises(RuleNeverOccursError) as caught:
        crontab_rule(0, 0, day_of_month="30", month_of_year="feb")

    assert str(caught.value) == (
        "Rule: 'day_of_month 30 and month_of_year feb' can never occur. "
        "Change or remove one of its parts."
    )


def field(low, high, words=()):
    number = st.integers(low, high).map(str)
    if words:
        number |= st.sampled_from(words)
    span = st.tuples(number, number).map("-".join)
    step = st.integers(1, high + 2).map(str)
    item = number | span | st.just("*")
    item |= st.tuples(span | st.just("*"), step).map("/".join)
    return st.lists(item, min_size=1, max_size=3).map(",".join)


WEEKDAYS = ("sun", "mon", "tuesday", "WED", "thu", "friday", "Sat")
MONTHS = ("jan", "february", "MAR", "oct", "dec")


@settings(max_examples=examples(300), deadline=None)
@given(
    minute=field(0, 59), hour=field(0, 23), days=field(0, 6, WEEKDAYS), months=field(1, 12, MONTHS)
)
def test_fields_mean_what_celery_reads(minute, hour, days, months):
    """Lists, ranges that wrap, steps and names select what Celery's own parser selects."""
    rule = crontab_rule(minute, hour, month_of_year=months, day_of_week=days)

    assert set(rule.by_minute or range(60)) == crontab_parser(60).parse(minute)
    assert set(rule.by_hour or range(24)) == crontab_parser(24).parse(hour)
    assert set(rule.by_month or range(1, 13)) == crontab_parser(12, 1).parse(months.lower())
    weekdays = {(weekday.day + 1) % 7 for weekday in rule.by_day} or set(range(7))
    assert weekdays == crontab_parser(7).parse(days.lower())


@settings(max_examples=examples(100), deadline=None)
@given(
    fields=st.tuples(field(0, 59), field(0, 23), field(0, 6), field(1, 31), field(1, 12)),
    gone=st.integers(0, 10 * 365 * 86_400),
)
def test_next_time_is_celerys(fields, gone):
    """In UTC the next time is the one Celery's crontab computes."""
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=gone)
    minute, hour, weekdays, days, months = fields
    try:
        rule = crontab_rule(minute, hour, days, months, weekdays)
    except RuleNeverOccursError:
        return
    app = Celery(set_as_current=False)
    app.conf.timezone = "UTC"
    schedule = crontab(
        minute=minute,
        hour=hour,
        day_of_week=weekdays,
        day_of_month=days,
        month_of_year=months,
        nowfun=lambda: now,
        app=app,
    )
    start, delta, _ = schedule.remaining_delta(now, tz=UTC)

    assert rule.next_after(datetime(2019, 1, 1, tzinfo=UTC), now) == start + delta


@pytest.mark.parametrize(
    ("fields", "after", "wanted"),
    [
        pytest.param(
            {"minute": "30", "hour": "2"},
            "2026-03-28T12:00",
            ["29 01:30", "30 00:30"],
            id="a listed hour in a gap moves forward",
        ),
        pytest.param(
            {"minute": "30", "hour": "2"},
            "2026-10-24T12:00",
            ["25 00:30", "26 01:30"],
            id="a listed hour in a fold comes once",
        ),
        pytest.param(
            {"minute": "30"},
            "2026-10-25T01:00",
            ["24 23:30", "25 00:30", "25 01:30", "25 02:30"],
            id="all hours pass twice through a fold",
        ),
        pytest.param(
            {"minute": "30"},
            "2026-03-29T01:00",
            ["29 00:30", "29 01:30", "29 02:30"],
            id="all hours go on over a gap",
        ),
        pytest.param(
            {"minute": "*/20", "hour": "*", "day_of_month": "25", "month_of_year": "10"},
            "2026-10-25T01:50",
            ["25 00:00", "25 00:20", "25 00:40", "25 01:00", "25 01:20", "25 01:40", "25 02:00"],
            id="with a date",
        ),
    ],
)
def test_clock_changes(fields, after, wanted):
    """Listed hours follow the wall clock, all hours real time."""
    start = at("2026-01-01T00:00", BERLIN)

    found = crontab_rule(**fields).occurrences(start, after=at(after, BERLIN), limit=len(wanted))

    assert [moment.astimezone(UTC).strftime("%d %H:%M") for moment in found] == wanted

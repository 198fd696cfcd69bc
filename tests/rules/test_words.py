"""Rules in words: exact, nothing dropped, and translatable piece by piece."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.rules import Rule
from tests.examples import examples
from tests.rules.reader import read
from tests.rules.strategies import rule_texts

SENTENCES = {
    "FREQ=DAILY": "every day",
    "FREQ=DAILY;INTERVAL=3": "every 3 days",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR": "every week on Monday, Wednesday and Friday",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR;WKST=SU": (
        "every 2 weeks on Monday to Friday, weeks starting on Sunday"
    ),
    "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;UNTIL=20271231": (
        "every month on the last Friday at 17:00, until 31 December 2027"
    ),
    "FREQ=MONTHLY;BYDAY=MO,-1FR": "every month on Monday and the last Friday",
    "FREQ=MONTHLY;BYDAY=2TU,-2TU": "every month on the 2nd to last Tuesday and the 2nd Tuesday",
    "FREQ=MONTHLY;BYMONTHDAY=1,15;COUNT=10": "every month on the 1st and 15th, 10 times",
    "FREQ=MONTHLY;BYMONTHDAY=-1": "every month on the last day of the month",
    "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR": "every month on the 13th if that is Friday",
    "FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=MO,TU,FR": (
        "every month on the 1st if that is Monday, Tuesday or Friday"
    ),
    "FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=-1FR,1MO": (
        "every month on the 1st if that is the first Monday or the last Friday"
    ),
    "FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD": (
        "every month on the 31st, on the day before where there is no such date"
    ),
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1": (
        "every month on Monday to Friday, only the last of each month"
    ),
    "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU;COUNT=1": (
        "every year in March and October on the last Sunday of the month, once"
    ),
    "FREQ=YEARLY;BYDAY=20MO": "every year on the 20th Monday of the year",
    "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO": "every year in week 20 on Monday",
    "FREQ=YEARLY;BYYEARDAY=1,-1": "every year on the first and last day of the year",
    "FREQ=HOURLY;BYHOUR=9,10,11,12;BYMINUTE=0,30": (
        "every hour in hours 9 to 12 at minutes 0 and 30"
    ),
    "FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0;BYSECOND=0": "every day at 09:00:00 and 17:00:00",
    "FREQ=DAILY;BYHOUR=9": "every day in hour 9",
    "FREQ=DAILY;UNTIL=20271231T170000Z": "every day, until 31 December 2027 17:00 (UTC)",
    "RRULE:FREQ=DAILY\nRDATE;TZID=Asia/Tokyo:20260101T090000\nEXDATE:20260301,20260401": (
        "every day, also on 1 January 2026 09:00 (Asia/Tokyo), "
        "except on 1 March 2026 and 1 April 2026"
    ),
}


@pytest.mark.parametrize(("text", "sentence"), SENTENCES.items(), ids=SENTENCES)
def test_sentence(text, sentence):
    """The words say what the rule says, in the order one would."""
    assert Rule.parse(text).describe() == sentence


@settings(max_examples=examples(500), deadline=None)
@given(text=rule_texts())
def test_words_read_back(text):
    """From the words alone the same rule can be read again: nothing was dropped."""
    try:
        rule = Rule.parse(text)
    except InvalidRuleError:
        assume(False)

    assert read(rule.describe()) == rule


def test_every_piece_is_translated():
    """What is passed in as gettext sees every word of the sentence."""
    words = {
        "every month": "jeden Monat",
        "the %(place)s %(weekday)s": "%(place)s %(weekday)s",
        "last": "letzten",
        "Friday": "Freitag",
        "on %(weekdays)s": "am %(weekdays)s",
        "at %(times)s": "um %(times)s",
        "until %(date)s": "bis %(date)s",
        "%(day)s %(month)s %(year)s": "%(day)s. %(month)s %(year)s",
        "December": "Dezember",
    }
    rule = Rule.parse("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;UNTIL=20271231")

    assert rule.describe(lambda message: words.get(message, message)) == (
        "jeden Monat am letzten Freitag um 17:00, bis 31. Dezember 2027"
    )

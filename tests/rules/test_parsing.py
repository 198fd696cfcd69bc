"""What a rule's text may say, how it is printed, and what is refused in which words."""

from __future__ import annotations

import pickle

import pytest

from recurring_jobs.exceptions import InvalidRuleError, RuleNeverOccursError
from recurring_jobs.rules import Frequency, Rule


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        pytest.param("FREQ=DAILY", "FREQ=DAILY", id="plain"),
        pytest.param("RRULE:FREQ=DAILY", "FREQ=DAILY", id="with its name"),
        pytest.param(" freq=weekly;byday=fr,mo \n", "FREQ=WEEKLY;BYDAY=MO,FR", id="lower case"),
        pytest.param("FREQ=DAILY;INTERVAL=1;WKST=MO;", "FREQ=DAILY", id="defaults"),
        pytest.param("INTERVAL=2;FREQ=DAILY", "FREQ=DAILY;INTERVAL=2", id="order of parts"),
        pytest.param(
            "FREQ=MONTHLY;BYMONTHDAY=+15,1,-1,1",
            "FREQ=MONTHLY;BYMONTHDAY=-1,1,15",
            id="signs and repeats",
        ),
        pytest.param(
            "FREQ=DAILY;BYHOUR=09;BYMINUTE=00", "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", id="leading zeros"
        ),
        pytest.param("FREQ=MINUTELY;BYSECOND=59,60", "FREQ=MINUTELY;BYSECOND=59", id="leap second"),
        pytest.param("RSCALE=GREGORIAN;FREQ=DAILY;SKIP=OMIT", "FREQ=DAILY", id="skip nothing"),
        pytest.param(
            "FREQ=MONTHLY;SKIP=BACKWARD;RSCALE=GREGORIAN",
            "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD",
            id="skip",
        ),
        pytest.param(
            "EXDATE:20260302T090000,20260301T090000\r\nRRULE;X-A=b:FREQ=DA\r\n ILY\r\n",
            "RRULE:FREQ=DAILY\nEXDATE:20260301T090000,20260302T090000",
            id="folded lines",
        ),
        pytest.param(
            "RRULE:FREQ=DAILY\nRDATE;TZID=Europe/Paris:20260301T090000\nRDATE;VALUE=DATE:20260405",
            "RRULE:FREQ=DAILY\nRDATE;TZID=Europe/Paris:20260301T090000\nRDATE;VALUE=DATE:20260405",
            id="dates of all kinds",
        ),
    ],
)
def test_normal_form(text, normal):
    """One meaning has one text, which reads back as an equal rule."""
    rule = Rule.parse(text)

    assert str(rule) == normal
    assert Rule.parse(normal) == rule
    assert hash(Rule.parse(normal)) == hash(rule)


@pytest.mark.parametrize("text", ["FREQ=DAILY;COUNT=3", "RRULE:FREQ=DAILY\nEXDATE:20260101"])
def test_pickle(text):
    """A rule survives pickling, after it was used as well."""
    rule = Rule.parse(text)
    rule.describe()

    assert pickle.loads(pickle.dumps(rule)) == rule


def test_parsing_is_cached():
    """Rules of one text are one object."""
    assert Rule.parse("FREQ=DAILY;INTERVAL=17") is Rule.parse("FREQ=DAILY;INTERVAL=17")


REFUSED = {
    "": "FREQ is missing, as in FREQ=WEEKLY;BYDAY=MO.",
    "INTERVAL=2": "FREQ is missing, as in FREQ=WEEKLY;BYDAY=MO.",
    "daily": "Rule: 'daily' is not a rule such as FREQ=WEEKLY;BYDAY=MO.",
    "FREQ=DAYLY": "FREQ: 'DAYLY' is not a frequency. Did you mean 'DAILY'?",
    "FREQ=DAILY;INTERVL=2": "INTERVL: '2' is not a part of a rule. Did you mean 'INTERVAL'?",
    "FREQ=DAILY;;BYDAY=MO": "Rule: 'FREQ=DAILY;;BYDAY=MO' has an empty part.",
    "FREQ=DAILY;INTERVAL=0": "INTERVAL: '0' is not between 1 and 999,999,999.",
    "FREQ=DAILY;INTERVAL=-1": "INTERVAL: '-1' is not a whole number of at least 1.",
    "FREQ=DAILY;INTERVAL=1_0": "INTERVAL: '1_0' is not a whole number of at least 1.",
    "FREQ=DAILY;INTERVAL=": "INTERVAL is not a whole number of at least 1.",
    "FREQ=DAILY;COUNT=0": "COUNT: '0' is not between 1 and 999,999,999.",
    "FREQ=DAILY;COUNT=2;COUNT=3": "COUNT: '3' is given twice.",
    "FREQ=DAILY;COUNT=2;UNTIL=20270101": "COUNT: '2' and UNTIL cannot both be given.",
    "FREQ=DAILY;UNTIL=2027": ("UNTIL: '2027' is not a date such as 20260302 or 20260302T090000Z."),
    "FREQ=DAILY;UNTIL=20270230": "UNTIL: '20270230' is not a date of the calendar.",
    "FREQ=DAILY;BYMONTH=13": "BYMONTH: '13' is not a number from 1 to 12.",
    "FREQ=DAILY;BYMONTH=": "BYMONTH is not a number from 1 to 12.",
    "FREQ=DAILY;BYMONTH=1,,2": "BYMONTH: '1,,2' is not a number from 1 to 12.",
    "FREQ=DAILY;BYHOUR=24": "BYHOUR: '24' is not a number from 0 to 23.",
    "FREQ=DAILY;BYHOUR=-1": "BYHOUR: '-1' is not a number from 0 to 23.",
    "FREQ=DAILY;BYHOUR= 9": "BYHOUR: ' 9' is not a number from 0 to 23.",
    "FREQ=MONTHLY;BYMONTHDAY=32": "BYMONTHDAY: '32' is not a number from 1 to 31 or -1 to -31.",
    "FREQ=MONTHLY;BYMONTHDAY=0": "BYMONTHDAY: '0' is not a number from 1 to 31 or -1 to -31.",
    "FREQ=WEEKLY;BYDAY=MONDAY": "BYDAY: 'MONDAY' is not a weekday such as MO or -1FR.",
    "FREQ=MONTHLY;BYDAY=99MO": "BYDAY: '99MO' has a number that is not 1 to 53 or -1 to -53.",
    "FREQ=MONTHLY;BYDAY=0MO": "BYDAY: '0MO' has a number that is not 1 to 53 or -1 to -53.",
    "FREQ=WEEKLY;BYDAY=2MO": (
        "BYDAY: '2MO' has a number, which goes with FREQ=MONTHLY and YEARLY only."
    ),
    "FREQ=YEARLY;BYWEEKNO=1;BYDAY=2MO": "BYDAY: '2MO' has a number, which BYWEEKNO excludes.",
    "FREQ=MONTHLY;BYWEEKNO=20": "BYWEEKNO goes with FREQ=YEARLY only, not MONTHLY.",
    "FREQ=DAILY;BYYEARDAY=1": "BYYEARDAY does not go with FREQ=DAILY.",
    "FREQ=WEEKLY;BYMONTHDAY=1": "BYMONTHDAY does not go with FREQ=WEEKLY.",
    "FREQ=DAILY;BYSETPOS=1": "BYSETPOS needs another BY part to choose from.",
    "FREQ=DAILY;WKST=XX": "WKST: 'XX' is not a weekday such as MO.",
    "FREQ=DAILY;RSCALE=HEBREW": "RSCALE: 'HEBREW' is not supported. Only GREGORIAN is.",
    "FREQ=DAILY;SKIP=FORWARD": "SKIP: 'FORWARD' needs RSCALE=GREGORIAN beside it.",
    "RSCALE=GREGORIAN;FREQ=DAILY;SKIP=UP": "SKIP: 'UP' is not OMIT, BACKWARD or FORWARD.",
    "FREQ=DAILY;INTERVAL=٣": "Rule: 'FREQ=DAILY;INTERVAL=٣' has characters that are not ASCII.",
    "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY": (
        "RRULE: 'FREQ=WEEKLY' is a second one. A rule has only one."
    ),
    "FREQ=DAILY\nEXRULE:FREQ=DAILY": (
        "EXRULE: 'FREQ=DAILY' is not part of RFC 5545 any more. Name the dates in EXDATE."
    ),
    "DTSTART:19000101T000000\nFREQ=DAILY": (
        "DTSTART: '19000101T000000' does not belong here. The start is given beside the rule."
    ),
    "RRULE;VALUE=DATE:FREQ=DAILY": (
        "RRULE: 'VALUE=DATE' is a parameter that does not belong here."
    ),
    "RRULE:FREQ=DAILY\nRDATE;VALUE=PERIOD:20260101T000000Z/PT1H": (
        "RDATE: 'PERIOD' is not a kind of value that is read here."
    ),
    "RRULE:FREQ=DAILY\nRDATE;VALUE=DATE:20260101T000000Z": (
        "RDATE: '20260101T000000Z' is not of the kind DATE."
    ),
    "RRULE:FREQ=DAILY\nRDATE;TZID=Mars/Base:20260101T000000": (
        "RDATE: 'Mars/Base' is not the name of a time zone."
    ),
    "RRULE:FREQ=DAILY\nRDATE;TZID=Europe/Paris:20260101T000000Z": (
        "RDATE: '20260101T000000Z' is in UTC and has a TZID. Give one of them."
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=map(repr, REFUSED))
def test_refusal(text, message):
    """What RFC 5545 does not allow is refused in a sentence that names the part."""
    with pytest.raises(InvalidRuleError) as caught:
        Rule.parse(text)

    assert str(caught.value) == message


def test_refusal_of_a_long_text():
    """A text over 2,000 characters is refused unread."""
    with pytest.raises(InvalidRuleError, match=r"is longer than 2,000 characters\.$"):
        Rule.parse("FREQ=DAILY;BYHOUR=" + "1," * 1_000_000)


def test_refusal_has_its_facts():
    """An error keeps part and value for whoever wants to show them."""
    with pytest.raises(InvalidRuleError) as caught:
        Rule.parse("FREQ=DAILY;BYHOUR=24")

    assert (caught.value.part, caught.value.value) == ("BYHOUR", "24")


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=4,6;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30,31",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=YEARLY;BYMONTH=2;BYDAY=6MO",
        "FREQ=YEARLY;BYYEARDAY=60;BYMONTH=5",
        "FREQ=YEARLY;BYWEEKNO=20;BYMONTH=1",
        "FREQ=YEARLY;BYWEEKNO=20;BYYEARDAY=1;BYDAY=MO",
        "FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=2MO",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=DAILY;BYDAY=MO;BYSETPOS=2",
        "FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=-3",
        "FREQ=HOURLY;BYMINUTE=0,30;BYSETPOS=3",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;INTERVAL=7",
    ],
)
def test_a_rule_that_can_never_occur(text):
    """A rule that no date satisfies is refused when it is read."""
    with pytest.raises(RuleNeverOccursError, match=r"can never occur\."):
        Rule.parse(text)


@pytest.mark.parametrize("finest", [Frequency.HOURLY, "HOURLY", "hourly"])
def test_finest_frequency(finest):
    """A frequency finer than the caller allows is refused."""
    assert Rule.parse("FREQ=HOURLY", finest=finest).frequency is Frequency.HOURLY

    with pytest.raises(InvalidRuleError) as caught:
        Rule.parse("FREQ=MINUTELY", finest=finest)

    assert str(caught.value) == (
        "FREQ: 'MINUTELY' is finer than HOURLY, the finest that is allowed here."
    )

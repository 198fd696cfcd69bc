from __future__ import annotations

from datetime import UTC, date, datetime
from time import process_time
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurring_jobs.exceptions import (
    InvalidCalendarError,
    InvalidRuleError,
    RecurringJobsError,
    UnknownTimeZoneError,
)
from recurring_jobs.recurrence.calendar import to_ics
from recurring_jobs.recurrence.calendar_import import LONGEST_CALENDAR, ImportedRule, rule_from_ics
from tests.examples import examples

PARIS = ZoneInfo("Europe/Paris")
NINE = datetime(2026, 3, 2, 9, tzinfo=PARIS)


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT", ""])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["DTSTART;TZID=Europe/Paris:20260302T090000", "RRULE:FREQ=WEEKLY;BYDAY=MO"],
            ImportedRule("FREQ=WEEKLY;BYDAY=MO", NINE, "Europe/Paris"),
            id="zoned",
        ),
        pytest.param(
            ["DTSTART:20260302T090000Z", "RRULE:FREQ=DAILY;UNTIL=20260401T090000Z"],
            ImportedRule(
                "FREQ=DAILY;UNTIL=20260401T090000Z", datetime(2026, 3, 2, 9, tzinfo=UTC), "UTC"
            ),
            id="in-utc",
        ),
        pytest.param(
            ["DTSTART;VALUE=DATE:20260302", "RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20270302"],
            ImportedRule("RRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20270302", date(2026, 3, 2), ""),
            id="all-day",
        ),
        pytest.param(
            [
                "DTSTART;TZID=W. Europe Standard Time:20260302T090000",
                "RRULE:FREQ=WEEKLY;",
                " BYDAY=MO",
                'EXDATE;TZID="W. Europe Standard Time":20260309T090000,2026',
                "\t0316T090000",
            ],
            ImportedRule(
                "RRULE:FREQ=WEEKLY;BYDAY=MO\n"
                "EXDATE;TZID=Europe/Berlin:20260309T090000,20260316T090000",
                datetime(2026, 3, 2, 9, tzinfo=ZoneInfo("Europe/Berlin")),
                "Europe/Berlin",
            ),
            id="windows-name-and-folded-lines",
        ),
        pytest.param(
            ["DTSTART;TZID=/example.org/20260101/Europe/Paris:20260302T090000", "RRULE:FREQ=DAILY"],
            ImportedRule("FREQ=DAILY", NINE, "Europe/Paris"),
            id="prefixed-zone",
        ),
        pytest.param(
            ["DTSTART;TZID=Europe/Paris:20260302T090000", "RDATE:20260310T080000Z"],
            ImportedRule("RRULE:FREQ=DAILY;COUNT=1\nRDATE:20260310T080000Z", NINE, "Europe/Paris"),
            id="dates-only",
        ),
    ],
)
def test_rule_start_and_zone_are_taken(lines, expected):
    """
    What recurs, since when and by whose clock comes from the lines of one event.
    """
    assert rule_from_ics(event(*lines)) == expected


def test_lines_calendars_bytes_and_components_are_read():
    """
    The lines may stand alone, in a VEVENT, or in a calendar with alarms and zones.
    """
    lines = ["DTSTART;TZID=Europe/Paris:20260302T090000", "RRULE:FREQ=DAILY"]
    alarm = ["BEGIN:VALARM", "TRIGGER:-PT5M", "DTSTART:19990101T000000Z", "END:VALARM"]
    zone = ["BEGIN:VTIMEZONE", "TZID:Europe/Paris", "BEGIN:STANDARD", "DTSTART:19700101T000000"]
    zone += ["RRULE:FREQ=YEARLY", "END:STANDARD", "END:VTIMEZONE"]
    whole = "\n".join(["BEGIN:VCALENDAR", *zone, event(*lines, *alarm), "END:VCALENDAR"])
    component = icalendar.Event.from_ical(event(*lines))

    found = [rule_from_ics(each) for each in ("\n".join(lines), whole, whole.encode(), component)]

    assert found == [ImportedRule("FREQ=DAILY", NINE, "Europe/Paris")] * 4


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        pytest.param(
            ["DTSTART:20260302T090000", "RRULE:FREQ=DAILY"],
            "DTSTART '20260302T090000' has no time zone. "
            "Say whose clock it is: zone='Europe/Paris'.",
            id="floating",
        ),
        pytest.param(
            ["DTSTART;TZID=Home:20260302T090000", "RRULE:FREQ=DAILY"],
            "DTSTART names the time zone 'Home', which is not known. "
            "Say which: zone='Europe/Paris'.",
            id="unknown-zone",
        ),
        pytest.param(
            ["DTSTART:20260302T090000Z"],
            "The event has no RRULE and no RDATE: it does not recur.",
            id="no-rule",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY"], "The event has no DTSTART. It needs one.", id="no-start"
        ),
        pytest.param(
            ["DTSTART:20260303T090000Z", "RRULE:FREQ=WEEKLY;BYDAY=MO"],
            "DTSTART 2026-03-03 09:00:00+00:00 is not a time of the RRULE, which RFC 5545 leaves "
            "undefined. Its first one is 2026-03-09 09:00:00+00:00.",
            id="start-beside-the-rule",
        ),
        pytest.param(
            ["DTSTART:20260302T090000Z", "RECURRENCE-ID:20260302T090000Z", "RRULE:FREQ=DAILY"],
            "RECURRENCE-ID marks an event that replaces one occurrence. "
            "Give the event that has the rule.",
            id="replacement",
        ),
        pytest.param(
            ["DTSTART:20260302T090000Z", "RRULE;X:FREQ=DAILY"],
            "'RRULE;X:FREQ=DAILY' is not a line of a calendar, such as DTSTART:20260302T090000Z.",
            id="broken-line",
        ),
    ],
)
def test_what_cannot_be_taken_is_refused(lines, sentence):
    """
    Each refusal is a sentence that names the part and says what to do.
    """
    with pytest.raises(InvalidCalendarError) as refused:
        rule_from_ics(event(*lines))

    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "line",
    [
        "EXRULE:FREQ=WEEKLY",
        "RRULE:FREQ=WEEKLY",
        "RDATE;VALUE=PERIOD:20260302T090000Z/PT1H",
        "EXDATE:tomorrow",
    ],
    ids=["exrule", "second-rrule", "periods", "no-date"],
)
def test_lines_the_engine_refuses_are_refused(line):
    """
    What no rule of ours can say is refused by the rule's own reader.
    """
    with pytest.raises(InvalidRuleError):
        rule_from_ics(event("DTSTART:20260302T090000Z", "RRULE:FREQ=DAILY", line))


def test_several_events_are_refused():
    """
    Of two events none is chosen.
    """
    one = event("DTSTART:20260302T090000Z", "RRULE:FREQ=DAILY")

    with pytest.raises(InvalidCalendarError, match="has 2 VEVENTs"):
        rule_from_ics(one + one)


def test_zone_is_for_times_without_one():
    """
    A zone that is given reads floating times and unknown zones, and leaves a known one.
    """
    floating = event("DTSTART:20260302T090000", "RRULE:FREQ=DAILY")
    unknown = event("DTSTART;TZID=Home:20260302T090000", "RRULE:FREQ=DAILY")
    known = event("DTSTART;TZID=Asia/Tokyo:20260302T090000", "RRULE:FREQ=DAILY")

    found = [rule_from_ics(each, zone="Europe/Paris") for each in (floating, unknown, known)]

    assert [each.zone for each in found] == ["Europe/Paris", "Europe/Paris", "Asia/Tokyo"]
    with pytest.raises(UnknownTimeZoneError):
        rule_from_ics(floating, zone="Mars/Phobos")


def test_too_fine_a_rule_is_refused():
    """
    FINEST_FREQUENCY holds for imported rules, unless another is given.
    """
    text = event("DTSTART:20260302T090000Z", "RRULE:FREQ=MINUTELY")

    with pytest.raises(InvalidRuleError):
        rule_from_ics(text)

    assert rule_from_ics(text, finest="MINUTELY").rule == "FREQ=MINUTELY"


@pytest.mark.parametrize(
    "text",
    [
        "x" * (LONGEST_CALENDAR + 1),
        "BEGIN:VEVENT\r\n" * (LONGEST_CALENDAR // 14),
        "RRULE:" + "FREQ=DAILY;" * (LONGEST_CALENDAR // 12),
        "DTSTART:20260302T090000Z\nEXDATE:" + ",".join(["20260302T090000Z"] * 11_000),
        "DTSTART;" + 'X-A="' * 20_000,
        "\r\n ".join(["RRULE:"] * 20_000),
        "\0" * 1000,
    ],
    ids=["long", "begins", "parts", "dates", "quotes", "folds", "zeros"],
)
def test_hostile_text_is_refused_soon(text):
    """
    No text makes the reader work for long, nor fail with anything but an error of ours.
    """
    before = process_time()

    with pytest.raises(RecurringJobsError):
        rule_from_ics(text)

    assert process_time() - before < 5


@settings(max_examples=examples(80), deadline=None)
@given(
    st.lists(
        st.sampled_from(["DTSTART", "RRULE", "EXDATE", "BEGIN", "END", "VEVENT", "TZID=", "Europe"])
        | st.sampled_from(
            [":", ";", "=", "\n", "\r\n ", '"', ",", "20260302T090000Z", "FREQ=DAILY"]
        )
        | st.text(max_size=5),
        max_size=30,
    ).map("".join)
)
def test_any_text_is_read_or_refused(text):
    """
    Whatever is given is a rule or an error of ours.
    """
    try:
        found = rule_from_ics(text)
    except RecurringJobsError:
        return

    assert found.rule


@pytest.mark.django_db
def test_what_we_write_we_read(make_todo, now):
    """
    The file of a template without rows gives its rule, zone and next time back.
    """
    template = make_todo(
        recurrence_rule="FREQ=WEEKLY;BYDAY=MO,FR", recurrence_timezone="Europe/Paris"
    )

    found = rule_from_ics(to_ics(template, now=now))

    assert found == ImportedRule(
        "FREQ=WEEKLY;BYDAY=MO,FR", datetime(2026, 3, 6, 10, tzinfo=PARIS), "Europe/Paris"
    )

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurring_jobs.exceptions import ExtraMissingError, InvalidRuleError
from recurring_jobs.recurrence.calendar import (
    CALENDAR_END,
    CalendarEntry,
    CalendarWriter,
    calendar_head,
    to_ics,
)
from recurring_jobs.recurrence.occurrences import generate_occurrences
from recurring_jobs.recurrence.published import TIMES_TOLD, publish
from recurring_jobs.recurrence.rows import series_of
from recurring_jobs.recurrence.vtimezones import vtimezone
from recurring_jobs.recurrence.window import Series
from recurring_jobs.rules import Rule
from tests.examples import examples
from tests.host.models import Course, Event, Holiday, Lesson, Todo
from tests.recurrence.calendars import Zone, events_in, shown_before

#: Zones whose clocks change by an hour or by half of one, north and south, and one's never.
ZONES = [
    "Europe/Paris",
    "America/New_York",
    "America/Santiago",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
]
RULES = [
    "FREQ=DAILY",
    "FREQ=DAILY;COUNT=40",
    "FREQ=DAILY;INTERVAL=3;UNTIL=20260405",
    "FREQ=DAILY;BYHOUR=1,2;BYMINUTE=15,30",
    "FREQ=WEEKLY;BYDAY=MO,WE",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;UNTIL=20261101T013000Z",
    "FREQ=MONTHLY;BYDAY=-1SU",
    "FREQ=MONTHLY;BYMONTHDAY=29,31",
    "FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD",
    "FREQ=YEARLY;BYMONTHDAY=28,29",
    "FREQ=YEARLY;BYWEEKNO=12,13,14,44",
    "FREQ=HOURLY;INTERVAL=5",
    "FREQ=HOURLY;BYHOUR=1,2,3",
    "RRULE:FREQ=WEEKLY\nRDATE:20260327T100000Z\nEXDATE;VALUE=DATE:20260329,20260405",
]
#: Those that make sense for whole days.
DATED_RULES = [rule for rule in RULES if "HOUR" not in rule and "RDATE" not in rule]

templates = st.builds(
    lambda rule, zone, month, day, hour, minute: Todo(
        pk=7,
        title="as made",
        due_at=datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC),
        recurrence_rule=rule,
        recurrence_timezone=zone,
    ),
    st.sampled_from(RULES),
    st.sampled_from(ZONES),
    st.integers(1, 3),
    st.integers(1, 28),
    st.sampled_from([1, 2, 9, 23]),
    st.sampled_from([0, 15, 30]),
)
moments = st.integers(0, 300 * 24 * 60).map(
    lambda minutes: datetime(2026, 2, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
#: What a person did to a row: nothing (most often), gave it away, moved it, renamed it.
deeds = st.sampled_from([None, None, None, None, "deleted", -90, 37, 4320, "renamed"])


def title_of(row) -> CalendarEntry:
    return CalendarEntry(row.title)


def calendar_of(template, rows, *, now: datetime, since: datetime) -> bytes:
    writer = CalendarWriter(title_of, "example.com", now, since, revised_at=now)
    zone = series_of(template).zone
    events = (event.to_ical() for event in writer.events_of(template, rows))
    return b"".join([calendar_head(), vtimezone(zone, now), *events, CALENDAR_END])


@settings(max_examples=examples(60), deadline=None)
@given(
    template=templates,
    now=moments,
    ahead=st.sampled_from([0, 5, 40]),
    deeds=st.lists(deeds, min_size=30, max_size=30),
)
def test_calendar_shows_the_rows_and_then_the_rule(template, now, ahead, deeds):
    """
    Whatever people did to rows, a calendar program shows each row at its time, and no other
    time up to the last one made; later it shows what the rule says, over all clock changes.
    """
    since, last = now - timedelta(days=60), now + timedelta(days=100)
    series = series_of(template)
    made = list(series.between(since, now + timedelta(days=ahead)))
    template.recurrence_cursor = made[-1].nominal if made else None
    upto = max([now, *(series.instant(each.at) for each in made)])
    rows = []
    for number, each in enumerate(made):
        deed = deeds[number % len(deeds)]
        if deed != "deleted":
            at = each.at.astimezone(UTC)
            moved = timedelta(minutes=deed) if isinstance(deed, int) else timedelta()
            title = deed if isinstance(deed, str) else "as made"
            row = Todo(title=title, due_at=at + moved, recurrence_id=each.nominal)
            rows += [row] if row.due_at >= since else []

    shown = shown_before(calendar_of(template, rows, now=now, since=since), last)

    coming = [
        at
        for each, _ in zip(series.after(upto), range(TIMES_TOLD), strict=False)
        if (at := each.at.astimezone(UTC)) < last
    ]
    expected = [f"{row.due_at:%Y-%m-%dT%H:%MZ} {row.title}" for row in rows if row.due_at < last]
    expected += [f"{at:%Y-%m-%dT%H:%MZ} as made" for at in coming]
    # Of an endless list, such as each hour, the first two hundred are told.
    until = f"{max(coming):%Y-%m-%dT%H:%MZ}~" if len(coming) == TIMES_TOLD else "~"
    assert [each for each in shown if each <= until] == sorted(expected)


@settings(max_examples=examples(40), deadline=None)
@given(template=templates, now=moments)
def test_calendar_of_a_rule_alone_shows_all_its_times(template, now):
    """
    A row that has a rule and no rows shows the times of its rule, from its start on.
    """
    since = now - timedelta(days=60)
    content = calendar_of(template, None, now=now, since=since)

    shown = shown_before(content, now + timedelta(days=100))

    series = series_of(template)
    from_start = series.between(series.instant(series.start), now + timedelta(days=100))
    expected = [f"{each.at.astimezone(UTC):%Y-%m-%dT%H:%MZ} as made" for each in from_start]
    if b"RRULE" not in content:  # told one by one
        expected = [each for each in expected if each >= f"{since:%Y-%m-%dT%H:%MZ}"][:TIMES_TOLD]
        shown = shown[: len(expected)]
    assert shown == expected


@settings(max_examples=examples(30), deadline=None)
@given(
    rule=st.sampled_from(DATED_RULES),
    start=st.dates(date(2026, 1, 1), date(2026, 3, 31)),
    now=moments,
    deleted=st.sets(st.integers(0, 40)),
)
def test_all_day_rows_are_days(rule, start, now, deleted):
    """
    Rows that begin on a date are whole days: the rows there are, and then the rule.
    """
    since, last = now - timedelta(days=60), now + timedelta(days=100)
    holiday = Holiday(pk=3, name="off", first_on=start, recurrence_rule=rule)
    series = series_of(holiday)
    made = list(series.between(since, now + timedelta(days=30)))
    holiday.recurrence_cursor = made[-1].nominal if made else None
    rows = [
        Holiday(name="off", first_on=each.at, recurrence_id=each.nominal)
        for number, each in enumerate(made)
        if number not in deleted
    ]
    writer = CalendarWriter(lambda row: CalendarEntry("off"), "x", now, since, revised_at=now)

    events = b"".join(event.to_ical() for event in writer.events_of(holiday, rows))
    shown = shown_before(calendar_head() + events + CALENDAR_END, last)

    upto = max([now, *(series.instant(each.at) for each in made)])
    coming = [each.at for each in series.between(upto, last) if series.instant(each.at) > upto]
    expected = sorted(f"{at} off" for at in [*(row.first_on for row in rows), *coming])
    assert shown == expected
    assert b"TZID" not in events


@pytest.mark.parametrize("name", [*ZONES, "Africa/Casablanca", "America/Caracas", "Asia/Gaza"])
def test_told_zone_is_the_zone(name):
    """
    A VTIMEZONE gives the same local times as the time zone database, from 1970 on.
    """
    zone = ZoneInfo(name)
    content = calendar_head() + vtimezone(zone, datetime(2026, 1, 1, tzinfo=UTC)) + CALENDAR_END
    told = [Zone.of(each) for each in icalendar.Calendar.from_ical(content).walk("VTIMEZONE")]

    instants = [datetime(1970, 1, 2, tzinfo=UTC) + timedelta(hours=101 * n) for n in range(5_800)]

    if name == "UTC":
        assert told == []
    else:
        (there,) = told
        assert [there.at(at.replace(tzinfo=None)) for at in instants] == [
            at.astimezone(zone).utcoffset() for at in instants
        ]


@pytest.fixture
def plants(make_todo, now) -> Todo:
    """A daily template with its five rows."""
    template = make_todo()
    generate_occurrences(Todo, now=now)
    template.refresh_from_db()
    return template


def test_deleted_moved_and_changed_rows(plants, now):
    """
    A deleted row is an EXDATE; a moved or renamed one an event of the same UID.
    """
    first, second, third, *_ = plants.occurrences.order_by("due_at")
    second.delete()
    Todo.objects.filter(pk=first.pk).update(due_at=first.due_at + timedelta(hours=2))
    Todo.objects.filter(pk=third.pk).update(title="Water, feed; and talk")

    series, moved, renamed = events_in(to_ics(plants, domain="example.com", now=now))

    assert series["DTSTART"].to_ical() == b"20260303T090000Z"
    assert series["RRULE"].to_ical() == b"FREQ=DAILY"
    assert series["EXDATE"].to_ical() == b"20260304T090000Z"
    assert (moved["RECURRENCE-ID"].to_ical(), moved["DTSTART"].to_ical()) == (
        b"20260303T090000Z",
        b"20260303T110000Z",
    )
    assert renamed["RECURRENCE-ID"].to_ical() == b"20260305T090000Z"
    assert renamed["SUMMARY"] == "Water, feed; and talk"
    uid = f"host.todo-{plants.pk}@example.com"
    assert {each["UID"] for each in (series, moved, renamed)} == {uid}


def test_wall_times_have_their_zone(make_todo, now):
    """
    A series in a zone begins on its clock, and the file brings the zone along.
    """
    template = make_todo(recurrence_timezone="Europe/Paris")

    content = to_ics(template, now=now).decode()

    assert "BEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\n" in content
    assert "DTSTART;TZID=Europe/Paris:20260303T100000\r\n" in content


def test_new_template_shows_what_will_be_made(make_todo, now):
    """
    Before the first pass a calendar shows the times to come, and none that has passed.
    """
    template = make_todo(due_at=datetime(2020, 1, 1, 9, tzinfo=UTC))

    shown = shown_before(to_ics(template, now=now), now + timedelta(days=2))

    assert shown == ["2026-03-03T09:00Z Water the plants", "2026-03-04T09:00Z Water the plants"]


def test_rows_of_a_former_rule_are_still_shown(plants, now):
    """
    What a person kept of a rule that is no more is an event of its own.
    """
    kept = plants.occurrences.earliest("due_at")
    Todo.objects.filter(pk=kept.pk).update(done=True)
    Todo.objects.filter(pk=plants.pk).update(recurrence_rule="FREQ=MONTHLY;BYMONTHDAY=20")
    generate_occurrences(Todo, now=now)
    plants.refresh_from_db()

    shown = shown_before(to_ics(plants, now=now), now + timedelta(days=25))

    assert shown == ["2026-03-03T09:00Z Water the plants", "2026-03-20T09:00Z Water the plants"]


def test_entry_says_what_is_shown(plants, now):
    """
    Text is escaped and folded, a duration given, and the last change known where it is.
    """
    changed = datetime(2026, 3, 1, 10, tzinfo=UTC)
    entry = CalendarEntry(
        summary="Plants, all; of them",
        description="Ä line\nand " + "a long one " * 20,
        location="Balcony",
        url="https://example.com/plants/1",
        duration=timedelta(minutes=25),
        modified=changed,
    )

    content = to_ics(plants, entry=lambda row: entry, now=now)

    (event,) = events_in(content)
    assert max(map(len, content.split(b"\r\n"))) <= 75
    assert rb"SUMMARY:Plants\, all\; of them" in content
    assert (str(event["DESCRIPTION"]), str(event["LOCATION"])) == (entry.description, "Balcony")
    assert str(event["URL"]) == entry.url
    assert event["DURATION"].dt == entry.duration
    assert (event["DTSTAMP"].dt, event["LAST-MODIFIED"].dt) == (changed, changed)


def test_same_rows_give_the_same_bytes(plants, now):
    """
    A file that is made twice is the same file.
    """
    assert to_ics(plants, now=now) == to_ics(plants, now=now)


def test_template_that_cannot_be_read_is_refused(make_todo, now):
    """
    The file of a template is that template or an error, never something else.
    """
    template = make_todo(recurrence_rule="FREQ=SOMETIMES")

    with pytest.raises(InvalidRuleError, match="SOMETIMES"):
        to_ics(template, now=now)


def test_missing_library_is_named(monkeypatch, make_todo):
    """
    Without the extra, the error says what to type.
    """
    monkeypatch.setitem(sys.modules, "icalendar", None)

    with pytest.raises(ExtraMissingError) as refused:
        to_ics(make_todo())

    assert str(refused.value) == (
        'This needs the library icalendar. Install it: pip install "django-recurring-jobs[ics]"'
    )


@pytest.mark.django_db
def test_occurrences_in_a_table_of_their_own(now):
    """
    A course is told with its lessons: one that was deleted is left out, one that was moved moved.
    """
    course = Course.objects.create(
        title="Singing",
        first_at=datetime(2026, 3, 2, 18, tzinfo=UTC),
        recurrence_rule="FREQ=WEEKLY",
        recurrence_timezone="Europe/Paris",
    )
    generate_occurrences(Course, now=now)
    course.refresh_from_db()
    first, second, *_ = course.occurrences.order_by("starts_at")
    first.delete()
    Lesson.objects.filter(pk=second.pk).update(starts_at=second.starts_at + timedelta(days=1))

    content = to_ics(course, entry=lambda row: CalendarEntry("Singing"), now=now)

    assert shown_before(content, now + timedelta(days=24)) == [
        "2026-03-10T18:00Z Singing",
        "2026-03-16T18:00Z Singing",
        "2026-03-23T18:00Z Singing",
    ]


@pytest.mark.django_db
def test_row_with_a_rule_alone(now):
    """
    An event that has a rule and no rows is told from its start on.
    """
    event = Event.objects.create(
        title="Jour fixe",
        starts_at=datetime(2025, 12, 1, 9, tzinfo=UTC),
        recurrence_rule="FREQ=MONTHLY;COUNT=4",
        recurrence_timezone="Europe/Paris",
    )

    (told,) = events_in(to_ics(event, now=now))

    assert told["DTSTART"].to_ical() == b"20251201T100000"
    assert told["RRULE"].to_ical() == b"FREQ=MONTHLY;COUNT=4"


def test_what_is_skipped_stays_left_out_of_what_comes(now):
    """
    A time that was skipped is not shown, also where no row has been made so far yet.
    """
    start = datetime(2026, 3, 3, 9, tzinfo=UTC)
    series = Series(Rule.parse("RRULE:FREQ=DAILY\nRDATE:20260306T120000Z"), start, ZoneInfo("UTC"))
    skipped = ["20260305T090000", "20260306T120000", "20990101T000000", "20260303T090000"]

    told = publish(
        series,
        now=now,
        since=now,
        rows=["20260304T090000"],
        upto="20260304T090000",
        skipped=skipped,
    )

    assert (told.first, told.left_out, told.added, told.apart) == (
        "20260304T090000",
        ("20260305T090000",),
        (),
        (),
    )

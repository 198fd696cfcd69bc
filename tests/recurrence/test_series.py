"""Edits of a series, as in a calendar: skip and its undo, reschedule, change, end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recurring_jobs.exceptions import InvalidRuleError, SeriesEditError
from recurring_jobs.models import change_rule, end, reschedule, skip, split, unskip
from recurring_jobs.recurrence.occurrences import GenerationReport, generate_occurrences
from recurring_jobs.signals import occurrences_created
from tests.host.models import Holiday, Tag, Todo
from tests.recurrence.test_two_tables import make_course

FIFTH = "20260305T090000"


@pytest.fixture
def template(make_todo, now) -> Todo:
    """A daily template with its five rows, 3 to 7 March."""
    template = make_todo(remind_at=datetime(2026, 3, 1, 8, tzinfo=UTC))
    generate_occurrences(Todo, now=now)
    return template


@pytest.fixture
def fifth(template) -> Todo:
    """Its row of 5 March."""
    return template.occurrences.get(recurrence_id=FIFTH)


def values_of(row) -> dict[str, object]:
    return type(row).objects.filter(pk=row.pk).values().get()


@pytest.fixture
def make_holiday(db):
    def make(**values) -> Holiday:
        weekly = {
            "name": "Sunday walk",
            "first_on": date(2026, 3, 1),
            "last_on": date(2026, 3, 2),
            "recurrence_rule": "FREQ=WEEKLY;COUNT=5",
            "recurrence_timezone": "UTC",
        }
        return Holiday.objects.create(**{**weekly, **values})

    return make


# Skip, and its undo


def test_skipped_row_is_gone_and_nothing_takes_its_place(template, fifth, now, days):
    """A skipped occurrence is deleted at once, and no pass makes it or another one instead."""
    skip(fifth, now=now)
    found = days(template)
    report = generate_occurrences(Todo, now=now)

    assert found == days(template) == ["20260303", "20260304", "20260306", "20260307"]
    assert report == GenerationReport()


@pytest.mark.parametrize(
    "rule", ["FREQ=DAILY;INTERVAL=2", "FREQ=HOURLY;INTERVAL=24;BYHOUR=9", "FREQ=WEEKLY"]
)
def test_skipped_time_stays_empty_under_any_rule(template, fifth, now, days, rule):
    """What was skipped does not come back by an edit of the rule, nor by one and back."""
    skip(fifth, now=now)

    template.refresh_from_db()
    change_rule(template, rule, now=now)
    change_rule(template, "FREQ=DAILY", now=now)

    assert days(template) == ["20260303", "20260304", "20260306", "20260307"]


def test_skip_moves_along_with_the_start(template, fifth, now):
    """When the series moves to another time of day, the skipped day stays empty."""
    skip(fifth, now=now)
    template.due_at = datetime(2026, 3, 1, 17, tzinfo=UTC)
    template.save()

    generate_occurrences(Todo, now=now)

    starts = template.occurrences.order_by("due_at").values_list("due_at", flat=True)
    assert [start.day for start in starts] == [2, 3, 4, 6]


def test_save_of_an_instance_read_before_keeps_the_skip(template, fifth, now, days):
    """An instance that knows nothing of the skip does not undo it by being saved."""
    stale = Todo.objects.get(pk=template.pk)
    skip(fifth, now=now)

    stale.title = "Feed the cat"
    stale.save()
    generate_occurrences(Todo, now=now)

    assert days(template) == ["20260303", "20260304", "20260306", "20260307"]


@pytest.mark.parametrize(
    "touch",
    [{}, {"done": True, "title": "Water the roses"}, {"due_at": datetime(2026, 3, 9, tzinfo=UTC)}],
    ids=["untouched", "changed", "moved"],
)
def test_undone_skip_brings_the_same_row_back(template, fifth, now, touch):
    """Undo brings the row back with its key, all its values, and its tags."""
    if touch:
        fifth.tags.add(Tag.objects.create(name="urgent"))
        Todo.objects.filter(pk=fifth.pk).update(**touch)
    before = values_of(fifth)
    key = fifth.pk
    skip(Todo.objects.get(pk=key), now=now)

    row = unskip(template, FIFTH, now=now)

    assert row.pk == key
    assert values_of(row) == before
    assert row.tags.count() == (1 if touch else 0)
    template.refresh_from_db()
    assert template.recurrence_skips is None


def test_undone_skip_takes_what_the_template_says_now(template, fifth, now):
    """A row nobody had touched comes back with what the template became; its key is kept."""
    skip(fifth, now=now)
    Todo.objects.filter(pk=template.pk).update(title="Feed the cat")

    row = unskip(template, FIFTH, now=now)

    assert (row.title, row.due_at) == ("Feed the cat", datetime(2026, 3, 5, 9, tzinfo=UTC))
    template.title = "Comb the dog"
    template.save()
    generate_occurrences(Todo, now=now)
    assert values_of(row)["title"] == "Comb the dog"


def test_undone_skip_of_a_time_the_rule_lost(template, fifth, now, days):
    """What the rule names no more is not brought back, but a person's row is."""
    sixth = template.occurrences.get(recurrence_id="20260306T090000")
    Todo.objects.filter(pk=sixth.pk).update(done=True)
    sixth.refresh_from_db()
    skip(fifth, now=now)
    skip(sixth, now=now)
    change_rule(template, "FREQ=WEEKLY", now=now)

    answers = [unskip(template, name, now=now) for name in (FIFTH, "20260306T090000")]

    assert answers[0] is None
    assert answers[1].done
    assert days(template)[0] == "20260306"


def test_deleted_row_can_be_brought_back(template, fifth, now, days):
    """A row that was deleted, not skipped, is made again when a person asks for it."""
    fifth.delete()

    row = unskip(template, FIFTH, now=now)

    assert row.due_at == datetime(2026, 3, 5, 9, tzinfo=UTC)
    assert days(template) == [f"2026030{day}" for day in range(3, 8)]


def test_row_that_others_point_to_is_not_skipped(template, fifth, now, monkeypatch):
    """Where other rows would be lost with it, nothing happens, and the error says which."""
    nested = Todo.objects.create(title="Fill the can", recurrence_parent=fifth)

    with pytest.raises(SeriesEditError) as caught:
        skip(fifth, now=now)

    assert str(caught.value) == (
        f"Todo {fifth.pk}: rows of todos point to it and would be lost. Delete or move them first."
    )
    assert Todo.objects.filter(pk__in=[fifth.pk, nested.pk]).count() == 2


@pytest.mark.parametrize("name", ["20260304T090000", "20260305", "20310305T090000", "nonsense"])
def test_undo_of_what_was_not_skipped(template, fifth, now, name):
    """A time that has its row, or never had one, cannot be brought back."""
    skip(fifth, now=now)

    with pytest.raises(SeriesEditError, match="is not skipped"):
        unskip(template, name, now=now)


def test_undo_with_an_owner_that_is_gone(template, fifth, now, django_user_model):
    """A row whose owner was deleted meanwhile is not brought back half, and stays skipped."""
    owner = django_user_model.objects.create_user("ann")
    Todo.objects.filter(pk=fifth.pk).update(owner=owner)
    fifth.refresh_from_db()
    skip(fifth, now=now)
    key = owner.pk
    owner.delete()

    with pytest.raises(SeriesEditError) as caught:
        unskip(template, FIFTH, now=now)

    assert f"its owner ({key}) is gone" in str(caught.value)
    assert FIFTH in Todo.objects.get(pk=template.pk).recurrence_skips


# Reschedule


def test_moved_row_keeps_its_nominal_time_and_takes_its_reminder_along(template, fifth, now):
    """The row moves with what is shifted; it stays the occurrence of the 5th, and stays moved."""
    to = datetime(2026, 3, 6, 18, 30, tzinfo=UTC)

    reschedule(fifth, to)
    template.title = "Feed the cat"
    template.save()
    generate_occurrences(Todo, now=now)

    stored = Todo.objects.get(pk=fifth.pk)
    assert (stored.due_at, stored.remind_at, stored.recurrence_id, stored.title) == (
        *(to, to - timedelta(hours=1), FIFTH, "Water the plants"),
    )
    assert (fifth.due_at, fifth.remind_at) == (to, to - timedelta(hours=1))
    assert template.occurrences.count() == 5


def test_moved_over_a_change_of_the_clocks(make_todo, now):
    """A reminder an hour before stays one hour before, also on the other side of a gap."""
    berlin = ZoneInfo("Europe/Berlin")
    template = make_todo(
        due_at=datetime(2026, 3, 1, 9, tzinfo=berlin),
        remind_at=datetime(2026, 2, 28, 9, tzinfo=berlin),
        recurrence_timezone="Europe/Berlin",
    )
    generate_occurrences(Todo, now=now)
    row = template.occurrences.get(recurrence_id=FIFTH)

    reschedule(row, datetime(2026, 3, 29, 9, tzinfo=berlin))

    assert row.remind_at == datetime(2026, 3, 28, 8, tzinfo=berlin)


def test_moved_all_day_row(make_holiday, now):
    """A row of days moves by days, its last day along."""
    template = make_holiday()
    generate_occurrences(Holiday, now=now)
    row = template.occurrences.get(recurrence_id="20260308")

    reschedule(row, date(2026, 3, 10))

    stored = Holiday.objects.get(pk=row.pk)
    assert (stored.first_on, stored.last_on, stored.recurrence_id) == (
        *(date(2026, 3, 10), date(2026, 3, 11), "20260308"),
    )


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        (datetime(2026, 3, 6, 9), "has no time zone. Give it one."),  # noqa: DTZ001  refused
        (date(2026, 3, 6), "is no date-time. Give an aware one."),
        (None, "is no date-time. Give an aware one."),
    ],
    ids=["naive", "date", "nothing"],
)
def test_where_a_row_cannot_be_moved(template, fifth, to, problem):
    """A time without a zone, a date, or none at all is refused with a sentence."""
    with pytest.raises(SeriesEditError) as caught:
        reschedule(fifth, to)

    assert str(caught.value) == f"Todo {fifth.pk}: to={to!r} {problem}"


def test_all_day_row_cannot_be_given_a_time(make_holiday, now):
    """A row that lasts all day has a date."""
    template = make_holiday()
    generate_occurrences(Holiday, now=now)
    row = template.occurrences.get(recurrence_id="20260308")

    with pytest.raises(SeriesEditError, match="is no date, and its rows last all day"):
        reschedule(row, datetime(2026, 3, 10, 9, tzinfo=UTC))


@pytest.mark.parametrize("edit", [skip, lambda row: reschedule(row, row.due_at)])
def test_row_without_a_template(make_todo, edit):
    """A row that was not made from a template is no occurrence."""
    row = make_todo(recurrence_rule=None)

    with pytest.raises(SeriesEditError) as caught:
        edit(row)

    assert str(caught.value) == (
        f"Todo {row.pk}: is no occurrence: it was not made from a template."
    )


def test_row_that_was_deleted_meanwhile(template, fifth):
    """An occurrence that another person has deleted cannot be moved any more."""
    Todo.objects.filter(pk=fifth.pk).delete()

    with pytest.raises(SeriesEditError) as caught:
        reschedule(fifth, fifth.due_at)

    assert str(caught.value) == (
        f"Todo {template.pk}: its occurrence {FIFTH} does not exist any more."
    )


# Change of the rule


def test_changed_rule_is_in_line_at_once(template, fifth, now, days):
    """Rows are there as the new rule says before any pass; those it names too keep their keys."""
    key = fifth.pk

    report = change_rule(template, "FREQ=DAILY;INTERVAL=2", now=now)

    assert report == GenerationReport(templates=1, created=2, removed=2)
    assert days(template) == ["20260303", "20260305", "20260307", "20260309", "20260311"]
    assert template.occurrences.get(recurrence_id=FIFTH).pk == key
    assert template.recurrence_rule == "FREQ=DAILY;INTERVAL=2"
    assert generate_occurrences(Todo, now=now) == GenerationReport()


def test_changed_rule_leaves_a_person_s_row(template, fifth, now, days):
    """A row that is done stays, also where the new rule does not name its day."""
    Todo.objects.filter(pk=fifth.pk).update(done=True)

    change_rule(template, "FREQ=WEEKLY;BYDAY=SU", now=now)

    assert days(template)[:2] == ["20260305", "20260308"]


def test_unsaved_changes_of_the_caller_stay_unsaved(template, now):
    """Only the rule is written; what else the instance holds is neither saved nor lost."""
    template.title = "Not saved"

    change_rule(template, "FREQ=WEEKLY", now=now)

    assert template.title == "Not saved"
    assert Todo.objects.get(pk=template.pk).title == "Water the plants"


def test_rule_that_cannot_be_read_changes_nothing(template, now, days):
    """A wrong rule is refused by its part, and the rows are as before."""
    with pytest.raises(InvalidRuleError):
        change_rule(template, "FREQ=SOMETIMES", now=now)

    assert Todo.objects.get(pk=template.pk).recurrence_rule == "FREQ=DAILY"
    assert days(template) == [f"2026030{day}" for day in range(3, 8)]


@pytest.mark.parametrize("rule", [None, ""])
def test_rule_is_needed(template, rule):
    """No rule is no change of the rule; the error names what is meant."""
    with pytest.raises(SeriesEditError) as caught:
        change_rule(template, rule)

    assert str(caught.value) == (
        f"Todo {template.pk}: a rule is needed. To let the series stop, use end()."
    )


def test_changed_rule_mends_a_template_that_was_set_aside(template, now, days):
    """A template whose rule could not be read gets its rows as soon as it has one that can."""
    Todo.objects.filter(pk=template.pk).update(recurrence_rule="FREQ=NEVER")
    generate_occurrences(Todo, now=now)

    change_rule(template, "FREQ=WEEKLY", now=now)

    assert days(template)[0] == "20260308"
    assert Todo.objects.get(pk=template.pk).recurrence_set_aside == ""


def test_rows_that_are_refused_undo_the_edit(make_todo, now):
    """Where the rows cannot be made as the edit asks, nothing of it is stored."""
    template = make_todo()
    generate_occurrences(Todo, now=now)
    Todo.objects.filter(pk=template.pk).update(due_at=None)

    with pytest.raises(SeriesEditError, match="Its start, 'due_at', is empty"):
        change_rule(template, "FREQ=WEEKLY", now=now)

    assert Todo.objects.get(pk=template.pk).recurrence_rule == "FREQ=DAILY"


@pytest.mark.django_db(transaction=True)
def test_rows_made_by_an_edit_are_told_of(make_todo, now):
    """Listeners hear of the rows that an edit made, as of those a pass made."""
    told = []

    def listen(sender, **facts):
        told.append((sender, facts["count"]))

    template = make_todo()
    occurrences_created.connect(listen)
    try:
        change_rule(template, "FREQ=WEEKLY", now=now)
    finally:
        occurrences_created.disconnect(listen)

    assert told == [(Todo, 5)]


# End


@pytest.mark.parametrize(
    ("rule", "ended"),
    [
        ("FREQ=DAILY", "FREQ=DAILY;UNTIL=20260305T090000Z"),
        ("FREQ=DAILY;COUNT=100", "FREQ=DAILY;COUNT=5"),
        ("FREQ=DAILY;UNTIL=20260401", "FREQ=DAILY;UNTIL=20260305T090000Z"),
        (
            "RRULE:FREQ=DAILY\nRDATE:20260304T120000,20260305T120000",
            "RRULE:FREQ=DAILY;UNTIL=20260305T090000Z\nRDATE:20260304T120000",
        ),
    ],
    ids=["endless", "COUNT", "UNTIL", "RDATE"],
)
def test_ended_series(make_todo, now, days, rule, ended):
    """After the end there are no rows but those a person touched; the rule says where it ends."""
    template = make_todo(recurrence_rule=rule)
    generate_occurrences(Todo, now=now)
    last = template.occurrences.order_by("due_at").last()
    Todo.objects.filter(pk=last.pk).update(done=True)

    end(template, datetime(2026, 3, 5, 9, tzinfo=UTC), now=now)
    generate_occurrences(Todo, now=now + timedelta(days=30))

    left = template.occurrences.exclude(pk=last.pk)
    assert template.recurrence_rule == ended
    assert sorted({row.due_at.day for row in left}) == [3, 4, 5]
    assert Todo.objects.get(pk=last.pk).done


def test_end_by_day(template, now, days):
    """A date means until the end of that day."""
    report = end(template, date(2026, 3, 5), now=now)

    assert report == GenerationReport(templates=1, removed=2)
    assert days(template) == ["20260303", "20260304", "20260305"]


def test_end_of_a_series_of_days(make_holiday, now):
    """A series of days ends with a day."""
    template = make_holiday(recurrence_rule="FREQ=WEEKLY")
    generate_occurrences(Holiday, now=now)

    end(template, date(2026, 3, 20), now=now)

    assert template.recurrence_rule == "FREQ=WEEKLY;UNTIL=20260315"
    rows = template.occurrences.order_by("first_on").values_list("first_on", flat=True)
    assert list(rows) == [date(2026, 3, 8), date(2026, 3, 15)]


def test_end_before_now_keeps_what_has_begun(template, now):
    """Rows that have begun stay as history, whenever the series is said to have ended."""
    end(template, datetime(2026, 2, 1, tzinfo=UTC), now=now + timedelta(days=2))

    rows = template.occurrences.order_by("due_at").values_list("due_at__day", flat=True)
    assert list(rows) == [3, 4]


@pytest.mark.parametrize(
    "after",
    [datetime(2026, 3, 5, 9), None, "20260305"],  # noqa: DTZ001  refused
    ids=["naive", "nothing", "text"],
)
def test_when_a_series_cannot_end(template, after):
    """The end is an aware date-time or a date."""
    with pytest.raises(SeriesEditError, match="after="):
        end(template, after)


def test_end_of_a_row_without_a_rule(make_todo):
    """What does not recur has no end."""
    row = make_todo(recurrence_rule=None)

    with pytest.raises(SeriesEditError) as caught:
        end(row, date(2026, 3, 5))

    assert str(caught.value) == f"Todo {row.pk}: has no rule, so there is nothing to end."


# Occurrences in a table of their own


@pytest.mark.django_db
def test_edits_in_two_tables(now):
    """Each edit does the same where occurrences have a table of their own."""
    course = make_course()
    generate_occurrences(type(course), now=now)
    lessons = {row.recurrence_id[6:8]: row for row in course.occurrences.all()}

    skip(lessons["03"], now=now)
    reschedule(lessons["04"], lessons["04"].starts_at + timedelta(hours=3))
    following = split(course, lessons["05"], now=now, title="Painting")
    end(following, date(2026, 3, 6), now=now)

    found = [
        (row.recurrence_id[6:8], row.title, row.recurrence_parent_id, row.starts_at.hour)
        for row in type(lessons["04"]).objects.order_by("recurrence_id")
    ]
    assert found == [
        ("04", "Sketching", course.pk, 11),
        ("05", "Painting", following.pk, 8),
        ("06", "Painting", following.pk, 8),
    ]
    back = unskip(course, "20260303T090000", now=now)
    assert back.ends_at - back.starts_at == timedelta(hours=1)

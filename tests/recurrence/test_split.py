"""This and following: one series becomes two, and every row goes where a person expects it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from recurring_jobs.exceptions import InvalidRuleError, SeriesEditError
from recurring_jobs.models import skip, split, unskip
from recurring_jobs.recurrence.occurrences import GenerationReport, generate_occurrences
from tests.host.models import Holiday, Invoice, Subscription, Tag, Todo
from tests.recurrence.test_two_tables import make_subscription

BERLIN = ZoneInfo("Europe/Berlin")
FIFTH = "20260305T090000"


@pytest.fixture
def template(make_todo, now) -> Todo:
    """A daily template with its five rows, 3 to 7 March."""
    template = make_todo(remind_at=datetime(2026, 3, 1, 8, tzinfo=UTC))
    generate_occurrences(Todo, now=now)
    return template


def at(template: Todo, name: str) -> Todo:
    return template.occurrences.get(recurrence_id=name)


def keys(template: Todo) -> dict[str, int]:
    return dict(template.occurrences.values_list("recurrence_id", "pk"))


def test_rows_keep_their_keys_and_take_the_changes(template, now, days):
    """Rows before stay as they are; those from there on move, the same rows, with the changes."""
    before = keys(template)

    following = split(template, at(template, FIFTH), now=now, title="Feed the cat")

    assert days(template) == ["20260303", "20260304"]
    assert days(following) == [f"2026030{day}" for day in range(5, 10)]
    assert set(template.occurrences.values_list("title", flat=True)) == {"Water the plants"}
    assert set(following.occurrences.values_list("title", flat=True)) == {"Feed the cat"}
    after = {**keys(template), **keys(following)}
    assert {name: after[name] for name in before} == before
    assert (template.recurrence_rule, following.recurrence_rule) == (
        *("FREQ=DAILY;UNTIL=20260304T090000Z", "FREQ=DAILY"),
    )
    assert (following.due_at, following.remind_at) == (
        *(datetime(2026, 3, 5, 9, tzinfo=UTC), datetime(2026, 3, 5, 8, tzinfo=UTC)),
    )
    assert generate_occurrences(Todo, now=now) == GenerationReport()


def test_a_person_s_rows_move_along_untouched(template, now):
    """A row that was changed or moved goes to the new template with all its values."""
    touched = at(template, "20260306T090000")
    Todo.objects.filter(pk=touched.pk).update(
        title="Water the roses", due_at=datetime(2026, 3, 20, tzinfo=UTC)
    )
    before = Todo.objects.filter(pk=touched.pk).values().get()

    following = split(template, at(template, FIFTH), now=now, title="Feed the cat")

    after = Todo.objects.filter(pk=touched.pk).values().get()
    assert after == {**before, "recurrence_parent_id": following.pk}


def test_another_time_of_day_moves_the_following_rows(template, now):
    """With a new start the rows keep their keys, and a person's row stands for its day alone."""
    before = keys(template)
    done = at(template, "20260307T090000")
    Todo.objects.filter(pk=done.pk).update(done=True)

    following = split(
        template, at(template, FIFTH), now=now, due_at=datetime(2026, 3, 5, 17, tzinfo=UTC)
    )

    rows = list(following.occurrences.order_by("recurrence_id"))
    assert [(row.recurrence_id, row.due_at.hour, row.remind_at.hour) for row in rows] == [
        ("20260305T170000", 17, 16),
        ("20260306T170000", 17, 16),
        ("20260307T170000", 9, 8),
        ("20260308T170000", 17, 16),
        ("20260309T170000", 17, 16),
    ]
    assert [row.pk for row in rows[:3]] == [before[f"2026030{day}T090000"] for day in (5, 6, 7)]


def test_another_rule_from_there_on(template, now, days):
    """A new rule counts from the occurrence; rows it does not name go, with no pass between."""
    following = split(template, at(template, FIFTH), now=now, recurrence_rule="FREQ=WEEKLY;COUNT=3")

    assert days(template) == ["20260303", "20260304"]
    assert days(following) == ["20260305", "20260312", "20260319"]


@pytest.mark.parametrize(
    ("rule", "head", "tail"),
    [
        ("FREQ=DAILY;COUNT=10", "FREQ=DAILY;COUNT=4", "FREQ=DAILY;COUNT=6"),
        (
            "FREQ=DAILY;UNTIL=20260310T090000Z",
            "FREQ=DAILY;UNTIL=20260304T090000Z",
            "FREQ=DAILY;UNTIL=20260310T090000Z",
        ),
        (
            "RRULE:FREQ=DAILY;COUNT=10\nRDATE:20260304T120000,20260306T120000\nEXDATE:20260307T090000",
            "RRULE:FREQ=DAILY;COUNT=4\nRDATE:20260304T120000",
            "RRULE:FREQ=DAILY;COUNT=6\nRDATE:20260306T120000\nEXDATE:20260307T090000",
        ),
    ],
    ids=["COUNT", "UNTIL", "RDATE and EXDATE"],
)
def test_the_two_make_what_the_one_made(make_todo, now, rule, head, tail):
    """Split without changes, the two series have exactly the times that the one would have had."""
    whole, template = make_todo(recurrence_rule=rule), make_todo(recurrence_rule=rule)
    generate_occurrences(Todo, now=now)

    following = split(template, at(template, FIFTH), now=now)
    for days in range(15):
        generate_occurrences(Todo, now=now + timedelta(days=days))

    assert (template.recurrence_rule, following.recurrence_rule) == (head, tail)
    assert sorted([*keys(template), *keys(following)]) == sorted(keys(whole))


@pytest.mark.parametrize(
    ("rule", "new_rule"),
    [
        ("FREQ=DAILY;UNTIL=20260310T090000Z", "FREQ=DAILY;UNTIL=20260310T170000Z"),
        (
            "RRULE:FREQ=DAILY\nEXDATE:20260307T090000",
            "RRULE:FREQ=DAILY\nEXDATE:20260307T170000",
        ),
    ],
    ids=["UNTIL", "EXDATE"],
)
def test_dates_of_the_rule_go_with_a_new_start(make_todo, now, rule, new_rule):
    """The last occurrence stays the last, and an excluded day stays excluded."""
    template = make_todo(recurrence_rule=rule)
    generate_occurrences(Todo, now=now)

    following = split(
        template, at(template, FIFTH), now=now, due_at=datetime(2026, 3, 5, 17, tzinfo=UTC)
    )

    assert following.recurrence_rule == new_rule


@pytest.mark.parametrize("day", [29, 30], ids=["on the day of the gap", "on the day after"])
def test_over_a_change_of_the_clocks(make_todo, day):
    """Split on, or after, the day that 02:30 does not exist, each day still has its one row."""
    now = datetime(2026, 3, 27, tzinfo=UTC)
    template = make_todo(
        due_at=datetime(2026, 3, 1, 2, 30, tzinfo=BERLIN), recurrence_timezone="Europe/Berlin"
    )
    generate_occurrences(Todo, now=now)
    before = dict(template.occurrences.values_list("pk", "due_at"))

    following = split(template, at(template, f"202603{day}T023000"), now=now)

    rows = Todo.objects.occurrences().order_by("due_at")
    local = [row.due_at.astimezone(BERLIN) for row in rows]
    assert {row.pk: row.due_at for row in rows if row.pk in before} == before
    assert [(moment.day, moment.hour) for moment in local[:6]] == [
        *((27, 2), (28, 2), (29, 3), (30, 2), (31, 2), (1, 2)),
    ]
    assert following.occurrences.count() == 5


def test_all_day_rows(db, now):
    """A series of days is split between days; its count is shared out."""
    template = Holiday.objects.create(
        name="Sunday walk",
        first_on=date(2026, 3, 1),
        recurrence_rule="FREQ=WEEKLY;COUNT=5",
    )
    generate_occurrences(Holiday, now=now)

    following = split(
        template, template.occurrences.get(recurrence_id="20260315"), now=now, name="Monday walk",
        first_on=date(2026, 3, 16),
    )  # fmt: skip

    rows = Holiday.objects.occurrences().order_by("first_on").values_list("name", "first_on")
    assert (template.recurrence_rule, following.recurrence_rule) == (
        *("FREQ=WEEKLY;COUNT=2", "FREQ=WEEKLY;COUNT=3"),
    )
    assert list(rows) == [
        ("Sunday walk", date(2026, 3, 8)),
        ("Monday walk", date(2026, 3, 16)),
        ("Monday walk", date(2026, 3, 23)),
        ("Monday walk", date(2026, 3, 30)),
    ]


def test_at_the_first_occurrence_all_are_changed(make_todo, now, days):
    """At the first occurrence of all there is nothing before: the template itself is changed."""
    template = make_todo(due_at=datetime(2026, 3, 3, 9, tzinfo=UTC))
    generate_occurrences(Todo, now=now)
    before = keys(template)

    answer = split(template, at(template, "20260303T090000"), now=now, title="Feed the cat")

    assert answer is template
    assert template.title == Todo.objects.get(pk=template.pk).title == "Feed the cat"
    assert Todo.objects.templates().count() == 1
    assert keys(template) == before
    assert set(template.occurrences.values_list("title", flat=True)) == {"Feed the cat"}


def test_what_was_skipped_goes_with_its_time(template, now, days):
    """Skipped occurrences stay skipped on either side, and can be undone there."""
    for name in ("20260304T090000", "20260306T090000"):
        skip(at(template, name), now=now)

    following = split(template, at(template, FIFTH), now=now, title="Feed the cat")
    rows = [
        unskip(template, "20260304T090000", now=now),
        unskip(following, "20260306T090000", now=now),
    ]

    assert [row.title for row in rows] == ["Water the plants", "Feed the cat"]
    assert days(template) == ["20260303", "20260304"]
    assert days(following)[:3] == ["20260305", "20260306", "20260307"]


def test_deleted_rows_stay_deleted(template, now, days):
    """What was deleted before a split is not made by either template."""
    at(template, "20260306T090000").delete()

    following = split(template, at(template, FIFTH), now=now, title="Feed the cat")

    assert days(following) == ["20260305", "20260307", "20260308", "20260309"]


def test_moved_row_is_split_at_its_nominal_time(template, now, days):
    """Where a row was moved to does not matter; the time it stands for does."""
    row = at(template, FIFTH)
    Todo.objects.filter(pk=row.pk).update(due_at=datetime(2026, 3, 20, tzinfo=UTC))

    following = split(template, row, now=now)

    assert days(template) == ["20260303", "20260304"]
    assert days(following)[0] == "20260305"
    assert row.recurrence_parent_id == following.pk


def test_template_s_own_tags_are_copied(template, now):
    """The new template is linked to what the old one is linked to."""
    template.tags.add(Tag.objects.create(name="urgent"))

    following = split(template, at(template, FIFTH), now=now)

    assert [tag.name for tag in following.tags.all()] == ["urgent"]


def test_edit_that_no_pass_has_seen_yet(template, now, days):
    """What was saved just before reaches the rows before the split as well."""
    Todo.objects.filter(pk=template.pk).update(title="Comb the dog")

    split(template, at(template, FIFTH), now=now, title="Feed the cat")

    rows = Todo.objects.occurrences().order_by("due_at").values_list("title", flat=True)
    assert list(rows)[:3] == ["Comb the dog", "Comb the dog", "Feed the cat"]


@pytest.mark.django_db
def test_rows_that_a_hook_marks_with_their_template(now):
    """A row whose number comes from its template is renumbered, and still counts as untouched."""
    template = make_subscription(recurrence_rule="FREQ=MONTHLY")
    generate_occurrences(Subscription, now=now)

    following = split(
        template, template.occurrences.get(recurrence_id="20260415"), now=now, amount=60
    )

    rows = Invoice.objects.order_by("billed_on").values_list("number", "amount")
    assert list(rows)[:2] == [
        (f"{template.pk}-20260315", Decimal("49.90")),
        (f"{following.pk}-20260415", Decimal(60)),
    ]


# What cannot be


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"titel": "x"}, "'titel' is no field that can be changed. Did you mean 'title'?"),
        ({"recurrence_cursor": "x"}, "'recurrence_cursor' is no field that can be changed."),
        ({"pk": 7}, "'pk' is no field that can be changed."),
        ({"recurrence_rule": None}, "a rule is needed. To let the series stop, use end()."),
        ({"due_at": date(2026, 3, 5)}, "due_at=datetime.date(2026, 3, 5) is no date-time."),
    ],
    ids=["misspelt", "ours", "key", "no rule", "date"],
)
def test_changes_that_cannot_be(template, now, changes, problem):
    """A change that cannot be is refused with a sentence, and nothing is split."""
    with pytest.raises(SeriesEditError) as caught:
        split(template, at(template, FIFTH), now=now, **changes)

    assert str(caught.value).startswith(f"Todo {template.pk}: {problem}")
    assert Todo.objects.templates().count() == 1


def test_rule_that_cannot_be_read(template, now):
    """A wrong rule is refused by its part."""
    with pytest.raises(InvalidRuleError):
        split(template, at(template, FIFTH), now=now, recurrence_rule="FREQ=SOMETIMES")

    assert Todo.objects.templates().count() == 1


def test_occurrence_of_another_template(template, make_todo, now):
    """A series is split at an occurrence of its own."""
    other = make_todo(title="Other")
    generate_occurrences(Todo, now=now)
    row = other.occurrences.first()

    with pytest.raises(SeriesEditError) as caught:
        split(template, row, now=now)

    assert str(caught.value) == (
        f"Todo {row.pk}: is no occurrence of Water the plants ({template.pk})."
    )


def test_skipped_occurrence(template, now):
    """A series is not split at what is skipped: undo that first."""
    row = at(template, FIFTH)
    skip(row, now=now)

    with pytest.raises(SeriesEditError) as caught:
        split(template, row, now=now)

    assert str(caught.value) == (
        f"Todo {template.pk}: its occurrence {FIFTH} was skipped. Undo that first, or name another."
    )


def test_row_that_the_rule_no_longer_names(template, now):
    """A row that a person kept from an earlier rule is no place to split at."""
    row = at(template, FIFTH)
    Todo.objects.filter(pk=row.pk).update(done=True)
    Todo.objects.filter(pk=template.pk).update(recurrence_rule="FREQ=WEEKLY")

    with pytest.raises(SeriesEditError) as caught:
        split(template, row, now=now)

    assert str(caught.value) == (
        f"Todo {template.pk}: its rule does not name {FIFTH}, so it cannot be split there."
    )

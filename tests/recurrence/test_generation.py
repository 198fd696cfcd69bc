from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from recurring_jobs.exceptions import InvalidRuleError, SettingError
from recurring_jobs.recurrence.fields import SET_ASIDE
from recurring_jobs.recurrence.occurrences import (
    GenerationReport,
    generate_occurrences,
    recurring_model,
    recurring_models,
)
from recurring_jobs.rules import Rule
from recurring_jobs.signals import occurrences_created, template_set_aside
from tests.host.models import Holiday, Shift, Todo

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard():
    """What the two signals said: model, template, and count or reason."""
    said: list[tuple[object, ...]] = []

    def created(sender, template, count, using, **kwargs):
        said.append((sender, template.pk, count, using))

    def aside(sender, template, reason, using, **kwargs):
        said.append((sender, template.pk, reason, using))

    occurrences_created.connect(created)
    template_set_aside.connect(aside)
    yield said
    occurrences_created.disconnect(created)
    template_set_aside.disconnect(aside)


def test_next_five_are_made(make_todo, now):
    """Each of the next five times after now gets one row, with the template's values."""
    template = make_todo(remind_at=datetime(2026, 3, 1, 8, 30, tzinfo=UTC))

    report = generate_occurrences(Todo, now=now)

    rows = template.occurrences.order_by("due_at")
    assert report == GenerationReport(templates=1, created=5)
    assert [(r.recurrence_id, r.due_at, r.remind_at, r.title, r.recurrence_rule) for r in rows] == [
        (
            f"202603{day:02}T090000",
            datetime(2026, 3, day, 9, tzinfo=UTC),
            datetime(2026, 3, day, 8, 30, tzinfo=UTC),
            "Water the plants",
            None,
        )
        for day in range(3, 8)
    ]


def test_wrong_setting_sets_no_template_aside(make_todo, now, settings):
    """A FINEST_FREQUENCY that is none ends the pass; the templates have no fault."""
    template = make_todo()
    settings.RECURRING_JOBS = {"FINEST_FREQUENCY": "HOURS"}

    with pytest.raises(SettingError):
        generate_occurrences(Todo, now=now)

    template.refresh_from_db()
    assert template.recurrence_set_aside == ""


def test_start_of_a_template_gets_a_row_of_its_own(make_todo, days):
    """The template is the pattern: its start is the first of its occurrences."""
    template = make_todo()

    generate_occurrences(Todo, now=datetime(2026, 2, 1, tzinfo=UTC))

    assert days(template)[0] == "20260301"


def test_second_pass_has_nothing_to_do(make_todo, now):
    """Right after a pass no template is due."""
    make_todo()
    generate_occurrences(Todo, now=now)

    assert generate_occurrences(Todo, now=now) == GenerationReport()


def test_pass_with_nothing_due_is_one_query(make_todo, now, django_assert_num_queries):
    """When no template is due, the database is asked once."""
    make_todo()
    generate_occurrences(Todo, now=now)

    with django_assert_num_queries(1):
        generate_occurrences(Todo, now=now)


def test_one_more_is_made_when_one_has_passed(make_todo, now, days):
    """A day later the first row has begun, and a sixth is made."""
    template = make_todo()
    generate_occurrences(Todo, now=now)

    report = generate_occurrences(Todo, now=now + timedelta(days=1))

    assert report == GenerationReport(templates=1, created=1)
    assert days(template)[-1] == "20260308"


def test_times_that_passed_meanwhile_are_not_made_up_for(make_todo, now, days):
    """After a month without a generator, rows are made for what lies ahead only."""
    template = make_todo()
    generate_occurrences(Todo, now=now)

    generate_occurrences(Todo, now=datetime(2026, 4, 10, 12, tzinfo=UTC))

    assert days(template)[5:] == ["20260411", "20260412", "20260413", "20260414", "20260415"]


def test_deleted_occurrence_does_not_come_back(make_todo, now, days):
    """What a person deleted stays deleted, in the next pass and after an edit."""
    template = make_todo()
    generate_occurrences(Todo, now=now)
    template.occurrences.filter(recurrence_id="20260305T090000").delete()

    generate_occurrences(Todo, now=now + timedelta(days=1))
    template.title = "Feed the cat"
    template.save()
    generate_occurrences(Todo, now=now + timedelta(days=1))

    assert days(template) == ["20260303", "20260304", "20260306", "20260307", "20260308"]


def test_moved_occurrence_is_not_made_again(make_todo, now, days):
    """A row that was moved stands for its nominal time, wherever it is now."""
    template = make_todo()
    generate_occurrences(Todo, now=now)
    moved = template.occurrences.get(recurrence_id="20260304T090000")
    moved.due_at = datetime(2026, 4, 1, 15, tzinfo=UTC)
    moved.save()

    generate_occurrences(Todo, now=now + timedelta(days=1))

    moved.refresh_from_db()
    assert moved.due_at == datetime(2026, 4, 1, 15, tzinfo=UTC)
    assert days(template) == [f"202603{day:02}" for day in range(3, 9)]


def test_rule_that_ends_needs_no_further_pass(make_todo, now, days):
    """With COUNT, the last row made is the last ever, and the template is due no more."""
    template = make_todo(recurrence_rule="FREQ=DAILY;COUNT=4")

    report = generate_occurrences(Todo, now=now)

    template.refresh_from_db()
    assert report == GenerationReport(templates=1, created=2)
    assert days(template) == ["20260303", "20260304"]
    assert template.recurrence_due_at is None


def test_wall_clock_is_kept_over_a_clock_change(make_todo):
    """Nine in Paris is nine in Paris on both sides; the reminder stays an hour before."""
    template = make_todo(
        due_at=datetime(2026, 3, 1, 8, tzinfo=UTC),
        remind_at=datetime(2026, 3, 1, 7, tzinfo=UTC),
        recurrence_timezone="Europe/Paris",
    )

    generate_occurrences(Todo, now=datetime(2026, 3, 27, 12, tzinfo=UTC))

    rows = template.occurrences.order_by("due_at")[:2]
    assert [(r.recurrence_id, r.due_at, r.remind_at) for r in rows] == [
        (
            "20260328T090000",
            datetime(2026, 3, 28, 8, tzinfo=UTC),
            datetime(2026, 3, 28, 7, tzinfo=UTC),
        ),
        (
            "20260329T090000",
            datetime(2026, 3, 29, 7, tzinfo=UTC),
            datetime(2026, 3, 29, 6, tzinfo=UTC),
        ),
    ]


def test_empty_zone_is_the_zone_of_the_project(make_todo, settings):
    """A template without a zone of its own follows TIME_ZONE, which its rows then name."""
    settings.TIME_ZONE = "America/New_York"
    template = make_todo(recurrence_timezone="", due_at=datetime(2026, 3, 1, 14, tzinfo=UTC))

    generate_occurrences(Todo, now=datetime(2026, 3, 9, tzinfo=UTC))

    row = template.occurrences.earliest("due_at")
    assert (row.recurrence_id, row.due_at, row.recurrence_timezone) == (
        "20260309T090000",
        datetime(2026, 3, 9, 13, tzinfo=UTC),
        "America/New_York",
    )


def test_hourly_rows_follow_elapsed_time(now):
    """With both promises, the larger one holds: all within two days, three at least."""
    template = Shift.objects.create(
        place="Harbour",
        starts_at=datetime(2026, 3, 2, tzinfo=UTC),
        ends_at=datetime(2026, 3, 2, 8, tzinfo=UTC),
        recurrence_rule="FREQ=HOURLY;INTERVAL=8",
    )

    generate_occurrences(Shift, now=now)

    rows = list(template.occurrences.order_by("starts_at"))
    assert [r.starts_at for r in rows] == [
        datetime(2026, 3, 2, 16, tzinfo=UTC) + n * timedelta(hours=8) for n in range(6)
    ]
    assert rows[0].ends_at == datetime(2026, 3, 3, tzinfo=UTC)
    assert rows[0].label == "Harbour 20260302T160000Z"
    template.refresh_from_db()
    assert template.recurrence_due_at == datetime(2026, 3, 2, 16, tzinfo=UTC)


def test_rare_rows_reach_beyond_the_horizon(now):
    """With both promises, a monthly rule still has its three rows ahead."""
    template = Shift.objects.create(
        place="Harbour",
        starts_at=datetime(2026, 1, 15, tzinfo=UTC),
        ends_at=datetime(2026, 1, 15, 8, tzinfo=UTC),
        recurrence_rule="FREQ=MONTHLY",
    )

    generate_occurrences(Shift, now=now)

    starts = template.occurrences.order_by("starts_at").values_list("starts_at", flat=True)
    assert [start.month for start in starts] == [3, 4, 5]


def test_all_day_rows_are_dates(now):
    """A date start gives dates; what is shifted keeps its distance in days."""
    template = Holiday.objects.create(
        name="Long weekend",
        first_on=date(2026, 1, 3),
        last_on=date(2026, 1, 5),
        recurrence_rule="FREQ=MONTHLY",
    )

    generate_occurrences(Holiday, now=now)

    rows = list(template.occurrences.order_by("first_on"))
    assert len(rows) == 12
    assert [(r.recurrence_id, r.first_on, r.last_on) for r in rows[:2]] == [
        ("20260303", date(2026, 3, 3), date(2026, 3, 5)),
        ("20260403", date(2026, 4, 3), date(2026, 4, 5)),
    ]


def test_bad_template_is_set_aside_and_the_others_go_on(make_todo, now, days):
    """A rule that cannot be read stops its own template only, and says why on the row."""
    good, bad, better = make_todo(), make_todo(recurrence_rule="FREQ=NEVER"), make_todo()
    with pytest.raises(InvalidRuleError) as refused:
        Rule.parse("FREQ=NEVER")

    report = generate_occurrences(Todo, now=now)

    bad.refresh_from_db()
    assert report == GenerationReport(templates=3, created=10, set_aside=1)
    assert len(days(good)) == len(days(better)) == 5
    assert days(bad) == []
    assert bad.recurrence_due_at == SET_ASIDE
    assert bad.recurrence_set_aside == str(refused.value)
    assert list(Todo.objects.set_aside()) == [bad]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            {"recurrence_timezone": "Mars/Olympus"},
            "Time zone 'Mars/Olympus' is not known. Use an IANA name such as 'Europe/Paris'.",
        ),
        ({"due_at": None}, "Its start, 'due_at', is empty. Give it a value."),
    ],
    ids=["unknown zone", "no start"],
)
def test_reason_of_a_template_set_aside(make_todo, now, values, reason):
    """The stored reason is a sentence that says what to do."""
    template = make_todo(**values)

    generate_occurrences(Todo, now=now)

    template.refresh_from_db()
    assert template.recurrence_set_aside == reason


def test_edit_brings_a_template_back(make_todo, now, days):
    """A template that was set aside is tried again once it is edited."""
    template = make_todo(recurrence_rule="FREQ=NEVER")
    generate_occurrences(Todo, now=now)

    Todo.objects.filter(pk=template.pk).update(recurrence_rule="FREQ=DAILY")
    report = generate_occurrences(Todo, now=now)

    template.refresh_from_db()
    assert report == GenerationReport(templates=1, created=5)
    assert template.recurrence_set_aside == ""


def shift(place: str, **values: object) -> Shift:
    start = datetime(2026, 3, 1, 6, tzinfo=UTC)
    end = datetime(2026, 3, 1, 14, tzinfo=UTC)
    defaults = {"starts_at": start, "ends_at": end, "recurrence_rule": "FREQ=DAILY"}
    return Shift.objects.create(place=place, **{**defaults, **values})


def test_hook_that_raises_sets_its_template_aside(now):
    """What build_occurrence() raises is the reason, and stops no other template."""
    broken, fine = shift("nowhere"), shift("Harbour")

    report = generate_occurrences(Shift, now=now)

    broken.refresh_from_db()
    assert report == GenerationReport(templates=2, created=3, set_aside=1)
    assert broken.recurrence_set_aside == "LookupError: There is no such place."
    assert fine.occurrences.count() == 3


def test_rows_the_database_refuses_set_their_template_aside(now):
    """A row that breaks a constraint of the host leaves none of its template's rows."""
    taken = shift("Harbour", starts_at=datetime(2026, 3, 4, 6, tzinfo=UTC), recurrence_rule=None)
    blocked, fine = shift("Harbour"), shift("Airport")

    report = generate_occurrences(Shift, now=now)

    blocked.refresh_from_db()
    assert report == GenerationReport(templates=2, created=3, set_aside=1)
    assert blocked.recurrence_set_aside.startswith("IntegrityError: ")
    assert blocked.recurrence_due_at == SET_ASIDE
    assert blocked.occurrences.count() == 0
    assert fine.occurrences.count() == 3
    assert Shift.objects.filter(pk=taken.pk).exists()


def test_row_that_is_there_already_is_not_made_again(make_todo, now, days):
    """A row of the same template and nominal time, made by other means, is taken as it is."""
    template = make_todo()
    own = Todo.objects.create(
        title="By hand",
        due_at=datetime(2026, 3, 4, 11, tzinfo=UTC),
        recurrence_parent=template,
        recurrence_id="20260304T090000",
    )

    report = generate_occurrences(Todo, now=now)

    own.refresh_from_db()
    assert report == GenerationReport(templates=1, created=4)
    assert own.title == "By hand"


def test_row_made_by_other_means_after_a_pass_is_no_obstacle(make_todo, now):
    """Where the unique constraint refuses a row that exists, the rest is made all the same."""
    template = make_todo()
    generate_occurrences(Todo, now=now)
    Todo.objects.create(
        title="By hand",
        due_at=datetime(2026, 3, 8, 11, tzinfo=UTC),
        recurrence_parent=template,
        recurrence_id="20260308T090000",
    )

    report = generate_occurrences(Todo, now=now + timedelta(days=2))

    assert report == GenerationReport(templates=1, created=1)


def test_database_holds_one_row_for_each_nominal_time(make_todo):
    """The table itself refuses a second row of a template for the same nominal time."""
    template = make_todo()
    Todo.objects.create(title="1", recurrence_parent=template, recurrence_id="20260304T090000")

    with pytest.raises(IntegrityError), transaction.atomic():
        Todo.objects.create(title="2", recurrence_parent=template, recurrence_id="20260304T090000")


def test_signals_come_after_the_commit(make_todo, now, heard, django_capture_on_commit_callbacks):
    """Listeners hear of rows that are there, and of what was set aside; never before."""
    good, bad = make_todo(), make_todo(recurrence_timezone="Mars/Olympus")

    with django_capture_on_commit_callbacks() as callbacks:
        generate_occurrences(Todo, now=now)
    before = list(heard)
    for callback in callbacks:
        callback()

    reason = "Time zone 'Mars/Olympus' is not known. Use an IANA name such as 'Europe/Paris'."
    assert before == []
    assert heard == [(Todo, good.pk, 5, "default"), (Todo, bad.pk, reason, "default")]


def test_limit_and_batches(make_todo, now):
    """A pass looks at no more templates than its limit, in batches of the given size."""
    for _ in range(7):
        make_todo()

    first = generate_occurrences(Todo, now=now, batch_size=2, limit=5)
    rest = generate_occurrences(Todo, now=now, batch_size=2)

    assert first == GenerationReport(templates=5, created=25)
    assert rest == GenerationReport(templates=2, created=10)


def test_rehearsal_writes_nothing(make_todo, now):
    """A dry run counts what a pass would do."""
    for _ in range(3):
        make_todo()

    rehearsed = generate_occurrences(Todo, now=now, batch_size=2, dry_run=True)

    assert not Todo.objects.occurrences().exists()
    assert rehearsed == generate_occurrences(Todo, now=now)


def test_naive_now_is_refused():
    """A time without a zone is no moment."""
    with pytest.raises(ValueError, match=r"now=datetime\.datetime\(2026, 3, 2, 0, 0\) has no"):
        generate_occurrences(Todo, now=datetime(2026, 3, 2))  # noqa: DTZ001  that is the point


def test_recurring_models_are_found_by_label():
    """All models with the mixin are known, in any case of their label."""
    assert set(recurring_models()) >= {Holiday, Shift, Todo}
    assert recurring_model("HOST.todo") is Todo

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction

from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.occurrences import (
    GenerationReport,
    generate_occurrences,
    recurring_models,
)
from recurring_jobs.signals import occurrences_created
from tests.host.models import Course, Event, Invoice, Lesson, Subscription, Todo

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")


def make_course(**values: Any) -> Course:
    """Store a course at nine in Paris each day, of an hour."""
    daily = {
        "title": "Sketching",
        "first_at": datetime(2026, 3, 1, 9, tzinfo=PARIS),
        "first_until": datetime(2026, 3, 1, 10, tzinfo=PARIS),
        "fee": 20,
        "recurrence_rule": "FREQ=DAILY",
        "recurrence_timezone": "Europe/Paris",
    }
    return Course.objects.create(**{**daily, **values})


def make_subscription(**values: Any) -> Subscription:
    """Store a subscription billed on the 15th, to be paid within two weeks."""
    monthly = {
        "customer": "Harbour & Sons",
        "amount": Decimal("49.90"),
        "billed_on": date(2026, 1, 15),
        "pay_by": date(2026, 1, 29),
        "recurrence_rule": "FREQ=MONTHLY",
    }
    return Subscription.objects.create(**{**monthly, **values})


def ids(template: Any) -> list[str]:
    return sorted(template.occurrences.values_list("recurrence_id", flat=True))


def test_rows_are_made_in_the_table_of_the_occurrences(now):
    """Each next time gets a row there, with the template's values under the names there."""
    course = make_course()

    report = generate_occurrences(Course, now=now)

    rows = course.occurrences.order_by("starts_at")
    assert report == GenerationReport(templates=1, created=3)
    columns = ("recurrence_id", "starts_at", "ends_at", "title", "recurrence_timezone")
    assert list(rows.values_list(*columns)) == [
        (
            f"202603{day:02}T090000",
            datetime(2026, 3, day, 9, tzinfo=PARIS),
            datetime(2026, 3, day, 10, tzinfo=PARIS),
            "Sketching",
            "Europe/Paris",
        )
        for day in (3, 4, 5)
    ]
    assert Course.objects.count() == 1


def test_generator_may_be_asked_by_either_model(now):
    """The model of the occurrences stands for its templates."""
    make_course()

    assert generate_occurrences(Lesson, now=now) == GenerationReport(templates=1, created=3)
    assert Course in recurring_models()
    assert Lesson not in recurring_models()


def test_pass_with_nothing_due_is_one_query(now, django_assert_num_queries):
    """A second table adds no query to a pass with nothing to do."""
    make_course()
    generate_occurrences(Course, now=now)

    with django_assert_num_queries(1):
        generate_occurrences(Course, now=now)


def test_days_have_no_time_of_day(now):
    """A date start gives dates; copied by default is what both tables have."""
    subscription = make_subscription(comment="By post")

    generate_occurrences(Subscription, now=now)

    rows = subscription.occurrences.order_by("billed_on")
    assert [(r.recurrence_id, r.billed_on, r.pay_by, r.customer, r.number) for r in rows] == [
        (
            f"2026{month:02}15",
            date(2026, month, 15),
            date(2026, month, 29),
            "Harbour & Sons",
            f"{subscription.pk}-2026{month:02}15",
        )
        for month in (3, 4, 5)
    ]


def test_edit_of_the_template_reaches_untouched_rows_only(now):
    """Rows a person changed stay; the others follow, and keep their primary keys."""
    course = make_course()
    generate_occurrences(Course, now=now)
    touched = course.occurrences.earliest("starts_at")
    Lesson.objects.filter(pk=touched.pk).update(attended=7)
    keys = set(course.occurrences.values_list("pk", flat=True))

    course.title = "Painting"
    course.save()
    report = generate_occurrences(Course, now=now)

    rows = course.occurrences.order_by("starts_at")
    assert report == GenerationReport(templates=1, updated=2)
    assert [row.title for row in rows] == ["Sketching", "Painting", "Painting"]
    assert {row.pk for row in rows} == keys


def test_update_of_a_field_that_is_not_carried_over_makes_nothing_due(now):
    """Only what takes part in recurrence makes a template due."""
    make_course()
    generate_occurrences(Course, now=now)

    Course.objects.update(fee=30)

    assert not Course.objects.due(now).exists()
    Course.objects.update(title="Painting")
    assert Course.objects.due(now).exists()


def test_new_zone_moves_the_rows(now):
    """In another zone the same wall time is another instant: rows are moved, not remade."""
    tokyo = ZoneInfo("Asia/Tokyo")
    course = make_course()
    generate_occurrences(Course, now=now)
    keys = set(course.occurrences.values_list("pk", flat=True))

    course.recurrence_timezone = "Asia/Tokyo"
    course.first_at = datetime(2026, 3, 1, 9, tzinfo=tokyo)
    course.first_until = datetime(2026, 3, 1, 10, tzinfo=tokyo)
    course.save()
    report = generate_occurrences(Course, now=now)

    rows = course.occurrences.order_by("starts_at")
    assert report == GenerationReport(templates=1, updated=3)
    assert {row.pk for row in rows} == keys
    assert [row.local_start for row in rows] == [
        datetime(2026, 3, day, 9, tzinfo=tokyo) for day in (3, 4, 5)
    ]


def test_new_zone_of_days_keeps_the_days(now):
    """A day has no time of day to move: its rows only follow another clock from now on."""
    subscription = make_subscription(recurrence_timezone="Europe/Paris")
    generate_occurrences(Subscription, now=now)
    before = list(subscription.occurrences.order_by("pk").values_list("pk", "billed_on"))

    Subscription.objects.update(recurrence_timezone="Asia/Tokyo")
    report = generate_occurrences(Subscription, now=now)

    rows = subscription.occurrences.order_by("pk")
    assert report == GenerationReport(templates=1, updated=3)
    assert list(rows.values_list("pk", "billed_on")) == before
    assert {row.recurrence_timezone for row in rows} == {"Asia/Tokyo"}


def test_deleted_row_does_not_come_back(now):
    """What a person deleted, one by one or by queryset, stays deleted after an edit, too."""
    course = make_course()
    generate_occurrences(Course, now=now)
    course.occurrences.get(recurrence_id="20260303T090000").delete()
    Lesson.objects.filter(recurrence_id="20260304T090000").delete()

    course.title = "Painting"
    course.save()
    generate_occurrences(Course, now=now + timedelta(hours=1))

    assert ids(course) == ["20260305T090000"]


def test_deleting_a_template_deletes_its_rows(now):
    """The foreign key that the host wrote says what becomes of them."""
    course = make_course()
    generate_occurrences(Course, now=now)

    course.delete()

    assert not Lesson.objects.exists()


def test_rows_that_no_rule_made_live_beside_the_others(now):
    """A lesson given once is no occurrence, and its table may hold many such rows."""
    course = make_course()
    moment = datetime(2026, 3, 4, 18, tzinfo=UTC)
    once = [Lesson.objects.create(title="Open day", starts_at=moment) for _ in range(2)]

    generate_occurrences(Course, now=now)

    assert Lesson.objects.count() == 5
    assert Lesson.objects.occurrences().count() == 3
    assert [row.is_occurrence for row in once] == [False, False]
    assert [row.title for row in Lesson.objects.upcoming(now)] == ["Sketching"] * 3
    assert course.occurrences.get(recurrence_id="20260303T090000").is_occurrence
    assert (course.is_template, course.is_occurrence) == (True, False)


def test_table_refuses_a_second_row_for_one_time(now):
    """Exactly once is the table's job, whoever writes."""
    course = make_course()
    generate_occurrences(Course, now=now)
    row = course.occurrences.earliest("starts_at")

    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_bad_template_is_set_aside_and_tried_again_after_an_edit(now):
    """A template that cannot be read says why, and has its rows once it is mended."""
    course = make_course(recurrence_rule="FREQ=NEVER")
    generate_occurrences(Course, now=now)
    reason = Course.objects.set_aside().get().recurrence_set_aside

    course.recurrence_rule = "FREQ=WEEKLY"
    course.save()
    report = generate_occurrences(Course, now=now)

    assert "NEVER" in reason
    assert report == GenerationReport(templates=1, created=3)
    assert not Course.objects.set_aside().exists()


def test_listeners_hear_the_model_of_the_occurrences(now, django_capture_on_commit_callbacks):
    """The sender is where the rows are; the template comes along."""
    heard = []

    def listen(sender: Any, template: Any, count: int, **kwargs: Any) -> None:
        heard.append((sender, template, count))

    course = make_course()
    occurrences_created.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            generate_occurrences(Course, now=now)
    finally:
        occurrences_created.disconnect(listen)

    assert heard == [(Lesson, course, 3)]


def test_hook_must_return_a_row_of_the_occurrences(now):
    """A hook that gives back the wrong thing sets its template aside with a sentence."""
    make_subscription(customer="nobody")

    generate_occurrences(Subscription, now=now)

    assert Subscription.objects.set_aside().get().recurrence_set_aside == (
        "ImproperlyConfigured: build_occurrence() returned None, which is no Invoice."
    )


def test_local_start_is_on_the_rows_own_clock(now):
    """What is stored in UTC is read on the clock that the row was made on."""
    course = make_course()
    generate_occurrences(Course, now=datetime(2026, 3, 27, 12, tzinfo=UTC))
    row = course.occurrences.get(recurrence_id="20260329T090000")

    assert row.starts_at.tzinfo is UTC
    assert (row.starts_at.hour, row.local_start.hour) == (7, 9)
    assert row.local_start.tzinfo == PARIS
    assert make_subscription().local_start == date(2026, 1, 15)


def test_event_has_times_and_no_rows():
    """A model with a rule only can be asked for its times; nothing is stored about rows."""
    event = Event.objects.create(
        title="Market",
        starts_at=datetime(2026, 3, 7, 8, tzinfo=PARIS),
        recurrence_rule="FREQ=WEEKLY;BYDAY=SA",
        recurrence_timezone="Europe/Paris",
    )
    Event.objects.create(title="Opening", starts_at=datetime(2026, 3, 1, 8, tzinfo=PARIS))

    times = event.occurrences_between(
        datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    )

    assert times == [datetime(2026, 3, day, 8, tzinfo=PARIS) for day in (21, 28)]
    assert [time.hour for time in times] == [8, 8]
    assert event.next_occurrence(after=times[0]) == times[1]
    assert list(Event.objects.templates()) == [event]
    assert [f.name for f in Event._meta.fields if f.name.startswith("recurrence_")] == [
        "recurrence_rule",
        "recurrence_timezone",
    ]


def test_layout_is_one_for_both_models():
    """Templates and occurrences lead to the same layout; a model of neither kind to none."""
    layout = layout_of(Lesson)

    assert layout is layout_of(Course)
    assert (layout.template, layout.occurrence, layout.is_one_table) == (Course, Lesson, False)
    assert [(source.name, target.name) for source, target in layout.carried] == [
        ("first_at", "starts_at"),
        ("first_until", "ends_at"),
        ("title", "title"),
        ("teacher", "teacher"),
    ]
    assert [source.name for source, _ in layout_of(Invoice).copied] == ["customer", "amount"]
    assert layout_of(Todo).is_one_table
    with pytest.raises(ImproperlyConfigured, match=r"host\.Event has no 'recurrence_parent' that"):
        layout_of(Event)

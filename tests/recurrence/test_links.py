from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps

from recurring_jobs.recurrence.models import RecurringModelMixin
from recurring_jobs.recurrence.occurrences import GenerationReport, generate_occurrences
from tests.host.models import Course, Holiday, Lesson, Tag, Todo

pytestmark = pytest.mark.django_db


@pytest.fixture
def art() -> Tag:
    return Tag.objects.create(name="art")


@pytest.fixture
def music() -> Tag:
    return Tag.objects.create(name="music")


@pytest.fixture
def course(art, music) -> Course:
    """A daily course of art and music, with its three lessons."""
    course = make_course(art, music)
    generate_occurrences(Course, now=datetime(2026, 3, 2, 12, tzinfo=UTC))
    return course


def make_course(*topics: Tag) -> Course:
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    course = Course.objects.create(title="Theory", first_at=start, recurrence_rule="FREQ=DAILY")
    course.topics.set(topics)
    return course


def names(rows: Any, field: str = "labels") -> list[list[str]]:
    ordered = rows.order_by("recurrence_id")
    return [sorted(getattr(row, field).values_list("name", flat=True)) for row in ordered]


def test_links_are_copied_with_the_rows(course):
    """Each row has the links of its template, under the name the field has there."""
    assert names(course.occurrences) == [["art", "music"]] * 3


def test_links_are_copied_in_one_table(now, art):
    """A model that holds its own occurrences copies links as well."""
    holiday = Holiday.objects.create(
        name="Free", first_on=date(2026, 3, 1), recurrence_rule="FREQ=YEARLY;COUNT=2"
    )
    holiday.tags.add(art)

    generate_occurrences(Holiday, now=now)

    assert names(holiday.occurrences, "tags") == [["art"]]


def test_number_of_queries_does_not_grow(now, art, music, django_assert_max_num_queries):
    """A batch of forty templates copies its links in as many queries as one of four."""
    for _ in range(40):
        make_course(art, music)
    with django_assert_max_num_queries(40) as few:
        generate_occurrences(Course, now=now, limit=4)

    with django_assert_max_num_queries(len(few)):
        report = generate_occurrences(Course, now=now, limit=36)

    assert report.created == 3 * 36
    assert names(Lesson.objects.all()) == [["art", "music"]] * 120


@pytest.mark.parametrize(
    "change",
    [
        lambda course, art: course.topics.remove(art),
        lambda course, art: art.courses.remove(course),
        lambda course, art: art.courses.clear(),
        lambda course, art: course.topics.set(Tag.objects.exclude(pk=art.pk)),
    ],
    ids=["remove", "from the other side", "cleared from the other side", "set"],
)
def test_changed_links_of_a_template_reach_untouched_rows(course, art, now, change):
    """A change of its links makes a template due, from whichever side it was made."""
    change(course, art)

    report = generate_occurrences(Course, now=now)

    assert report == GenerationReport(templates=1, updated=3)
    assert names(course.occurrences) == [["music"]] * 3


def test_links_that_a_person_changed_stay(course, music, now):
    """A row with other links than it was made with is a row that a person touched."""
    touched = course.occurrences.earliest("starts_at")
    touched.labels.set([Tag.objects.create(name="outdoors")])

    course.topics.set([music])
    Course.objects.update(title="Practice", recurrence_rule="FREQ=WEEKLY")
    generate_occurrences(Course, now=now)

    touched.refresh_from_db()
    assert touched.title == "Theory"
    assert names(course.occurrences)[0] == ["outdoors"]
    assert names(course.occurrences)[1:] == [["music"]] * 3


def test_untouched_rows_with_links_go_with_their_rule(course, now):
    """Copied links hold no row back when the rule no longer names its time."""
    course.recurrence_rule = None
    course.save()

    assert generate_occurrences(Course, now=now) == GenerationReport(templates=1, removed=3)


def test_other_links_make_no_template_due(make_todo, now, art):
    """Links that are not copied are the row's own affair, on a template as on its rows."""
    template = make_todo()
    generate_occurrences(Todo, now=now)

    template.tags.add(art)
    template.occurrences.earliest("due_at").tags.add(art)

    assert not Todo.objects.due(now).exists()


def test_links_of_a_row_make_its_template_not_due(course, art, now):
    """A person may tag an occurrence without a visit of the generator."""
    course.occurrences.earliest("starts_at").labels.remove(art)

    assert not Course.objects.due(now).exists()


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (
            lambda: models.ManyToManyField("host.Word", through="host.Link"),
            "whose links are rows of a model of their own",
        ),
        (lambda: models.ManyToManyField("self"), "which links its rows with each other"),
    ],
    ids=["through a model", "to itself"],
)
@isolate_apps("tests.host")
def test_links_that_cannot_be_copied_are_an_error(field, problem):
    """Links that hold more than two keys, or that join the rows, are refused by a check."""

    class Word(models.Model):  # noqa: DJ008  never printed
        class Meta:
            app_label = "host"

    class Chore(RecurringModelMixin):
        due_at = models.DateTimeField()
        words = field()

        class Meta(RecurringModelMixin.Meta):
            app_label = "host"

        class Recurrence:
            start = "due_at"
            copied = ("words",)

    class Link(models.Model):  # noqa: DJ008  never printed
        word = models.ForeignKey(Word, models.CASCADE)
        chore = models.ForeignKey(Chore, models.CASCADE)

        class Meta:
            app_label = "host"

    found = [(message.id, message.msg) for message in Chore.check()]

    assert found == [
        ("recurring_jobs.E104", f"host.Chore names 'words' in Recurrence.copied, {problem}.")
    ]

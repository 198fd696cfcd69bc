"""The calendar on the page of a template."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from recurring_jobs.models import skip
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.admin.rows import PAYLOAD
from tests.host.models import Course, Event, Todo

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def template(time_machine) -> Todo:
    """A to-do of each Monday and Thursday in Paris with its rows, on 10 March 2026."""
    time_machine.move_to(NOW, tick=False)
    template = Todo.objects.create(
        title="Water the plants",
        due_at=datetime(2026, 3, 2, 8, tzinfo=UTC),
        recurrence_rule="FREQ=WEEKLY;BYDAY=MO,TH",
        recurrence_timezone="Europe/Paris",
    )
    generate_occurrences(Todo)
    return template


def page_of(row, **query: str) -> str:
    url = reverse(f"admin:host_{row._meta.model_name}_change", args=[row.pk])
    return url + ("?" + "&".join(f"{name}={value}" for name, value in query.items()))


def month_in(answer) -> str:
    """Return the piece of the page that is the calendar."""
    html = answer.content.decode()
    return html.split('id="recurring-jobs-month"')[1].split("</table>")[0]


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_month_of_today_is_shown_first(boss, template):
    """It has a word for each occurrence, and links to those that have a row."""
    skip(template.occurrences.get(recurrence_id="20260319T090000"))

    html = month_in(boss.get(page_of(template)))

    assert "March 2026" in html
    assert html.count('aria-current="date"') == 1
    assert "Thu 12 09:00 made" in text_of(html)
    assert "Thu 19 09:00 skipped" in text_of(html)
    assert "Mon 30 09:00 expected" in text_of(html)
    row = template.occurrences.get(recurrence_id="20260312T090000")
    assert f'href="{reverse("admin:host_todo_change", args=[row.pk])}"' in html


def test_months_lead_to_each_other(boss, template):
    """The links keep what else the address says, and the year turns."""
    html = month_in(boss.get(page_of(template, month="2026-12", _changelist_filters="q%3Dwater")))

    links = re.findall(r'href="(\?[^"]+)" rel="(\w+)"', html)
    assert links == [
        ("?month=2026-11&amp;_changelist_filters=q%3Dwater#recurring-jobs-month", "prev"),
        ("?month=2027-01&amp;_changelist_filters=q%3Dwater#recurring-jobs-month", "next"),
    ]


@pytest.mark.parametrize(
    "asked", ["", "2026-13", "soon", "0001-01", "9999-12", "2026-3", "%3Cscript%3E", "%00"]
)
def test_month_that_is_none_is_the_present_one(boss, template, asked):
    """An address that someone made up shows the month of today."""
    assert "March 2026" in month_in(boss.get(page_of(template, month=asked)))


@pytest.mark.parametrize("asked", ["1900-01", "2199-12"])
def test_months_end_somewhere(boss, template, asked):
    """The first and the last one that are shown have one neighbour."""
    assert month_in(boss.get(page_of(template, month=asked))).count("rel=") == 1


def test_template_that_begins_later_opens_where_it_begins(boss, template):
    """The month of its start, not an empty one of today."""
    Todo.objects.filter(pk=template.pk).update(due_at=datetime(2027, 6, 7, 8, tzinfo=UTC))

    assert "June 2027" in month_in(boss.get(page_of(template)))


def test_week_begins_as_the_language_has_it(boss, template):
    """On Sunday in English, on Monday in German."""
    english = text_of(month_in(boss.get(page_of(template))))
    with override("de"):
        german = text_of(month_in(boss.get(page_of(template))))

    assert "Sun Mon Tue Wed Thu Fri Sat" in english
    assert "Mo Di Mi Do Fr Sa So" in german


def test_day_with_many_occurrences_is_cut(boss, template):
    """The first five stand there, the others are counted."""
    template.recurrence_rule = "FREQ=HOURLY"
    template.save()

    html = text_of(month_in(boss.get(page_of(template, month="2026-04"))))

    assert "04:00 expected and 19 more" in html


def test_change_of_clocks_is_noted(boss, template):
    """On the last Sunday of March the clocks of Paris change."""
    assert "Sun 29 clocks change" in text_of(month_in(boss.get(page_of(template))))


def test_rule_without_rows_and_rows_of_another_table(boss, template):
    """An event and a course have calendars of their own kind."""
    event = Event.objects.create(title="Board", starts_at=NOW, recurrence_rule="FREQ=WEEKLY")
    course = Course.objects.create(
        title="Sketching", first_at=NOW + timedelta(days=1), recurrence_rule="FREQ=DAILY"
    )
    generate_occurrences(Course)
    lesson = course.occurrences.first()

    pages = [month_in(boss.get(page_of(row))) for row in (event, course)]

    assert "12:00 expected" in text_of(pages[0])
    assert reverse("admin:host_lesson_change", args=[lesson.pk]) in pages[1]


def test_row_that_does_not_recur_has_none(boss, template):
    """Neither a plain row nor an occurrence has a calendar."""
    once = Todo.objects.create(title="once", due_at=NOW)

    pages = [boss.get(page_of(row)) for row in (once, template.occurrences.first())]

    assert [b"recurring-jobs-month" in page.content for page in pages] == [False, False]


def test_rule_that_cannot_be_read_does_not_take_the_page_away(boss, template):
    """The page opens, so that the rule can be mended."""
    Todo.objects.filter(pk=template.pk).update(
        recurrence_rule=PAYLOAD, recurrence_timezone=PAYLOAD[:64], title=PAYLOAD
    )

    answer = boss.get(page_of(template))

    assert answer.status_code == 200
    assert b"<script>alert" not in answer.content


def test_number_of_queries_is_constant(boss, template, django_assert_max_num_queries):
    """A page with five rows takes as many queries as one with two hundred."""
    template.recurrence_rule = "FREQ=HOURLY"
    template.save()
    generate_occurrences(Todo, until=timezone.now() + timedelta(days=9))

    with django_assert_max_num_queries(14):
        boss.get(page_of(template))

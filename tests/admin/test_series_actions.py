from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from recurring_jobs.models import skip
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.host.models import Course, Lesson, Todo

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

LIST = "/admin/host/todo/"
ALL = ("skip", "reschedule", "split", "regenerate", "change_rule", "end", "unskip")


@pytest.fixture
def template() -> Todo:
    """A daily to-do with its five rows from tomorrow on."""
    start = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    template = Todo.objects.create(
        title="Water the plants",
        due_at=start,
        recurrence_rule="FREQ=DAILY",
        recurrence_timezone="UTC",
    )
    generate_occurrences(Todo)
    return template


def rows_of(template: Todo) -> list[Todo]:
    return list(template.occurrences.order_by("recurrence_id"))


def confirm(browser: Client, row: Todo, action: str, **data: str):
    """Ask, then confirm as the page that was shown would."""
    url = f"{LIST}{row.pk}/{action}/"
    asked = browser.post(url)
    assert asked.status_code == 200
    shown = asked.context["form"]
    given = {name: _text(shown, name) for name in shown.fields} if shown else {}
    return browser.post(url, {"confirmed": "yes", **given, **data}, follow=True)


def _text(form, name: str) -> str:
    value = form[name].value()
    field = form.fields[name]
    return "" if value is None else str(field.widget.format_value(value) or "")


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_each_page_offers_its_edits(boss, template):
    """A template's page has the edits of all, an occurrence's those of one; no other page any."""
    row = rows_of(template)[0]
    once = Todo.objects.create(title="once", due_at=timezone.now())

    pages = [boss.get(f"{LIST}{each.pk}/change/") for each in (template, row, once)]

    offered = [[tool["name"] for tool in page.context["recurring_jobs_tools"]] for page in pages]
    assert offered == [["regenerate", "change_rule", "end"], ["skip", "reschedule", "split"], []]
    assert 'class="recurring-jobs-tool-end"' in pages[0].content.decode()


def test_skip_and_back(boss, template):
    """An occurrence is skipped on its page, and brought back on its template's; both on record."""
    row = rows_of(template)[2]

    answer = confirm(boss, row, "skip")
    gone = not Todo.objects.filter(pk=row.pk).exists()
    back = confirm(boss, template, "unskip", name=row.recurrence_id)

    assert answer.redirect_chain[-1][0] == f"{LIST}{template.pk}/change/"
    assert said(answer) == [f"Occurrence {row.recurrence_id} was skipped."]
    assert gone
    assert said(back) == [f"Occurrence {row.recurrence_id} was brought back."]
    assert Todo.objects.filter(pk=row.pk).exists()
    assert LogEntry.objects.count() == 2


def test_several_are_skipped_from_the_list(boss, template):
    """Selected occurrences are skipped after one question; what is none is named."""
    rows = rows_of(template)[:2]
    data = {
        "action": "skip_selected",
        "_selected_action": [str(each.pk) for each in (*rows, template)],
        "confirmed": "yes",
    }

    answer = boss.post(LIST, data, follow=True)

    assert said(answer) == [
        "2 occurrences were skipped.",
        f"Todo {template.pk}: is no occurrence: it was not made from a template.",
    ]


def test_question_says_which_occurrences(boss, template):
    """
    Rows of a series have one name, so the question tells them apart by their times.
    """
    rows = rows_of(template)[:2]

    one = boss.post(f"{LIST}{rows[0].pk}/skip/").content.decode()
    both = {"action": "skip_selected", "_selected_action": [row.pk for row in rows]}
    many = boss.post(LIST, both).content.decode()

    times = [f'datetime="{row.due_at.isoformat()}"' for row in rows]
    assert [time in one for time in times] == [True, False]
    assert [time in many for time in times] == [True, True]


def test_question_for_a_rule_shows_its_next_times(boss, template):
    """
    The start and the zone of the template are known, so the times of its rule are shown.
    """
    asked = boss.post(f"{LIST}{template.pk}/change_rule/").content.decode()

    assert "Every day" in asked
    assert all(f'datetime="{row.due_at.isoformat()}"' in asked for row in rows_of(template))


def test_occurrence_is_moved(boss, template):
    """The form has the start as it is; the row moves to what is typed."""
    row = rows_of(template)[0]
    to = row.due_at + timedelta(hours=5)

    answer = confirm(boss, row, "reschedule", to=f"{to:%Y-%m-%dT%H:%M:%S}")

    assert said(answer) == [f"Occurrence {row.recurrence_id} was moved."]
    assert Todo.objects.get(pk=row.pk).due_at == to


def test_series_is_split(boss, template):
    """Only what is typed is a change; the page of the new template follows."""
    row = rows_of(template)[2]

    answer = confirm(boss, row, "split", title="Feed the cat")

    following = Todo.objects.templates().get(title="Feed the cat")
    assert answer.redirect_chain[-1][0] == f"{LIST}{following.pk}/change/"
    assert following.recurrence_rule == "FREQ=DAILY"
    assert following.due_at == row.due_at
    assert [each.title for each in rows_of(following)] == ["Feed the cat"] * 5
    assert [each.title for each in rows_of(template)] == ["Water the plants"] * 2


def test_rule_is_changed(boss, template):
    """The new rule is in line at once, and the message says what that did."""
    answer = confirm(boss, template, "change_rule", rule="FREQ=DAILY;INTERVAL=2")

    assert said(answer)[0].startswith("The rule was changed: rows made ")
    assert Todo.objects.get(pk=template.pk).recurrence_rule == "FREQ=DAILY;INTERVAL=2"


def test_rows_are_made_at_once(boss, template):
    """A new template need not wait for the next pass, and says what was made."""
    fresh = Todo.objects.create(
        title="Feed the cat", due_at=template.due_at, recurrence_rule="FREQ=DAILY"
    )

    answer = boss.post(f"{LIST}{fresh.pk}/regenerate/", follow=True)

    assert said(answer) == ["Rows made 5, changed 0, removed 0."]
    assert len(rows_of(fresh)) == 5


def test_template_that_was_set_aside_is_tried_again(boss, template):
    """Its reason stands on its page and in the list, until its rows can be made."""
    reason = "There is no such place."
    Todo.objects.filter(pk=template.pk).update(recurrence_set_aside=reason)
    page = f"{LIST}{template.pk}/change/"
    before = [boss.get(url).content.decode() for url in (LIST, page)]

    boss.post(f"{LIST}{template.pk}/regenerate/")
    after = [boss.get(url).content.decode() for url in (LIST, page)]

    assert [reason in html for html in (*before, *after)] == [True, True, False, False]


def test_several_are_made_at_once(boss, template):
    """Those selected in the list; what has no rule is named."""
    row = rows_of(template)[0]
    data = {"action": "regenerate_selected", "_selected_action": [str(template.pk), str(row.pk)]}

    answer = boss.post(LIST, data, follow=True)

    assert said(answer) == [
        "The rows of 1 template were made.",
        f"Todo {row.pk}: has no rule, so there is nothing to make.",
    ]


def test_series_ends(boss, template):
    """With the day that is typed the series ends."""
    day = rows_of(template)[1].due_at.date()

    answer = confirm(boss, template, "end", after=day.isoformat())

    assert said(answer) == [f"The series ends with {day}: 3 rows were removed."]


@pytest.mark.parametrize(
    ("action", "data", "part_of_the_error"),
    [
        pytest.param("change_rule", {"rule": "FREQ=SOMETIMES"}, "SOMETIMES", id="rule"),
        pytest.param("change_rule", {"rule": ""}, "This field is required.", id="no-rule"),
        pytest.param("end", {"after": "soon"}, "Enter a valid date.", id="day"),
    ],
)
def test_what_cannot_be_is_asked_for_again(boss, template, action, data, part_of_the_error):
    """A wrong answer is shown with its fault, and nothing is changed."""
    answer = confirm(boss, template, action, **data)

    assert part_of_the_error in answer.content.decode()
    assert Todo.objects.get(pk=template.pk).recurrence_rule == "FREQ=DAILY"
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("action", ALL)
@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        pytest.param((), 403, id="staff-without-rights"),
        pytest.param(("host.view_todo",), 403, id="viewer"),
        pytest.param(("host.change_todo",), 200, id="who-may-change"),
    ],
)
def test_edits_are_for_those_who_may_change_rows(browser_of, template, action, permissions, status):
    """Each edit asks for the change permission of the model, and is never done by a link."""
    first, second = rows_of(template)[:2]
    skip(second)
    row = first if action in ("skip", "reschedule", "split") else template
    url = f"{LIST}{row.pk}/{action}/"

    browser = browser_of(*permissions)

    assert browser.post(url, follow=True).status_code == status
    assert browser.get(url).status_code == 405


@pytest.mark.parametrize("broken", [{"recurrence_timezone": "Mars/Olympus"}, {"due_at": None}])
@pytest.mark.parametrize("action", ["split", "unskip"])
def test_template_that_cannot_be_read_is_named(boss, template, action, broken):
    """
    What asks for its times says why there are none, and leads back to the page.
    """
    skipped, row = rows_of(template)[:2]
    skip(skipped)
    Todo.objects.filter(pk=template.pk).update(**broken)
    asked = row if action == "split" else template

    answer = boss.post(f"{LIST}{asked.pk}/{action}/", follow=True)

    assert answer.status_code == 200
    assert any("Mars/Olympus" in text or "due_at" in text for text in said(answer))


def test_lessons_of_a_course(boss):
    """Where occurrences have a table of their own, their pages have the edits of one."""
    course = Course.objects.create(
        title="Sketching",
        first_at=datetime(2026, 3, 1, 8, tzinfo=UTC),
        recurrence_rule="FREQ=DAILY",
        recurrence_timezone="UTC",
    )
    generate_occurrences(Course)
    lesson = course.occurrences.order_by("recurrence_id")[1]
    url = f"/admin/host/lesson/{lesson.pk}/"

    tools = boss.get(f"{url}change/").context["recurring_jobs_tools"]
    answer = boss.post(f"{url}skip/", {"confirmed": "yes"}, follow=True)

    assert [tool["name"] for tool in tools] == ["skip", "reschedule", "split"]
    assert answer.redirect_chain[-1][0] == f"/admin/host/course/{course.pk}/change/"
    assert not Lesson.objects.filter(pk=lesson.pk).exists()

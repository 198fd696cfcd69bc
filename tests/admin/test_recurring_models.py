from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory

from recurring_jobs.admin import RecurringModelAdmin, RecurringModelAdminMixin
from recurring_jobs.recurrence.fields import SET_ASIDE
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.admin.rows import PAYLOAD
from tests.host.models import Course, Event, Holiday, Invoice, Lesson, Subscription, Todo

pytestmark = pytest.mark.django_db

LIST = "/admin/host/todo/"
PREVIEW = f"{LIST}recurrence-preview/"
TYPED = {
    "recurrence_rule": "FREQ=MONTHLY;BYDAY=-1FR",
    "recurrence_timezone": "America/New_York",
    "due_at_0": "2026-03-02",
    "due_at_1": "14:00:00",
}


def make_todo(title: str = "water the plants", **fields) -> Todo:
    """Store a to-do that recurs each Monday and Thursday at 09:00 in Paris."""
    values = {
        "title": title,
        "due_at": datetime(2026, 3, 2, 8, tzinfo=UTC),
        "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO,TH",
        "recurrence_timezone": "Europe/Paris",
        **fields,
    }
    return Todo.objects.create(**values)


def make_occurrence(template: Todo, day: int, **fields) -> Todo:
    return Todo.objects.create(
        title=template.title,
        due_at=datetime(2026, 3, day, 8, tzinfo=UTC),
        recurrence_parent=template,
        recurrence_id=f"202603{day:02}T090000",
        **fields,
    )


def form_data(**fields) -> dict[str, str]:
    return {
        "title": "water the plants",
        "due_at_0": "2026-03-02",
        "due_at_1": "08:00:00",
        "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO",
        "recurrence_timezone": "Europe/Paris",
        **fields,
    }


def test_list_tells_templates_occurrences_and_others_apart(boss):
    """
    The list shows a template's rule in words with its next time, and an occurrence's template.
    """
    template = make_todo()
    make_occurrence(template, 5)

    html = boss.get(LIST).content.decode()

    assert template.describe_recurrence() in html
    assert f'<a href="{LIST}{template.pk}/change/">occurrence</a>' in html


@pytest.mark.parametrize(
    ("part", "titles"),
    [
        pytest.param("template", ["broken", "template"], id="templates"),
        pytest.param("occurrence", ["template"], id="occurrences"),
        pytest.param("set_aside", ["broken"], id="set-aside"),
        pytest.param("none", ["once"], id="not-recurring"),
        pytest.param("nonsense", ["broken", "once", "template", "template"], id="unknown"),
    ],
)
def test_rows_are_filtered_by_their_part(boss, part, titles):
    """
    Each part of a recurrence has its filter.
    """
    make_occurrence(make_todo("template"), 5)
    make_todo("once", recurrence_rule=None)
    broken = make_todo("broken")
    reason = {"recurrence_set_aside": "It cannot be read.", "recurrence_due_at": SET_ASIDE}
    Todo.objects.filter(pk=broken.pk).update(**reason)

    answer = boss.get(LIST, {"recurrence": part})

    assert sorted(row.title for row in answer.context["cl"].result_list) == titles


def test_page_shows_words_next_times_and_rows(boss):
    """
    A template's page has its rule in words, ten times in its zone, and its rows with links.
    """
    template = make_todo()
    rows = [make_occurrence(template, day) for day in (5, 9)]

    html = boss.get(f"{LIST}{template.pk}/change/").content.decode()

    words = template.describe_recurrence()
    assert words[:1].upper() + words[1:] in html
    assert '<th scope="col">Europe/Paris</th>' in html
    assert html.count("</span> 09:00</time>") == 10
    assert all(f'href="{LIST}{row.pk}/change/"' in html for row in rows)


def test_page_of_a_template_with_many_rows_stays_short(boss):
    """
    Of a hundred rows the latest twenty are on the page, with a link to the list of all.
    """
    template = make_todo()
    Todo.objects.bulk_create(
        Todo(
            title="water",
            due_at=datetime(2026, 3, 2, 8, number % 60, tzinfo=UTC),
            recurrence_parent=template,
            recurrence_id=f"nominal-{number}",
        )
        for number in range(100)
    )

    html = boss.get(f"{LIST}{template.pk}/change/").content.decode()
    everything = f"{LIST}?recurrence_parent__id__exact={template.pk}"

    assert html.count(">water</a>") == 20
    assert f'href="{everything}"' in html
    assert boss.get(everything).context["cl"].result_count == 100


def test_page_of_an_occurrence_leads_to_its_template(boss):
    """
    An occurrence shows where it comes from and for which nominal time, and no preview.
    """
    template = make_todo()
    row = make_occurrence(template, 5)

    html = boss.get(f"{LIST}{row.pk}/change/").content.decode()

    assert f'href="{LIST}{template.pk}/change/"' in html
    assert "20260305T090000" in html
    assert "recurring-jobs-preview" not in html


def test_set_aside_template_says_why(boss):
    """
    The reason that the generator left stands on the page and in the list.
    """
    template = make_todo()
    Todo.objects.filter(pk=template.pk).update(recurrence_set_aside="Its start is empty.")

    assert "Its start is empty." in boss.get(f"{LIST}{template.pk}/change/").content.decode()
    assert "Its start is empty." in boss.get(LIST).content.decode()


def test_stored_rule_that_cannot_be_read_breaks_no_page(boss):
    """
    A rule that came past the form is shown with its fault.
    """
    template = make_todo(recurrence_rule=f"FREQ=SOMETIMES;X={PAYLOAD}")

    pages = [boss.get(url).content.decode() for url in (LIST, f"{LIST}{template.pk}/change/")]

    assert all("SOMETIMES" in html for html in pages)
    assert all("<img src=x" not in html for html in pages)


def test_valid_rule_is_saved_in_its_normal_form(boss):
    """
    The form stores what was meant.
    """
    boss.post(f"{LIST}add/", form_data(recurrence_rule="RRULE:freq=weekly;byday=mo"))

    assert Todo.objects.get().recurrence_rule == "FREQ=WEEKLY;BYDAY=MO"


@pytest.mark.parametrize(
    ("field", "text", "part_of_the_error"),
    [
        pytest.param("recurrence_rule", "FREQ=SOMETIMES", "SOMETIMES", id="rule"),
        pytest.param("recurrence_rule", "FREQ=SECONDLY", "SECONDLY", id="too-fine"),
        pytest.param("recurrence_timezone", "Europe/Pari", "Europe/Paris", id="zone"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(boss, field, text, part_of_the_error):
    """
    A wrong rule or zone is refused by the form, naming what is wrong, and nothing is stored.
    """
    answer = boss.post(f"{LIST}add/", form_data(**{field: text}))

    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert part_of_the_error in errors[field][0]
    assert errors[field][0].endswith(".")
    assert not Todo.objects.exists()


def test_preview_shows_what_is_typed(boss):
    """
    The preview reads rule, zone and start as the form would, and stores nothing.
    """
    html = boss.get(PREVIEW, TYPED).content.decode()

    assert '<th scope="col">America/New_York</th>' in html
    assert html.count("</span> 09:00</time>") == 10
    assert html.count(">Fri ") == 20
    assert "<html" not in html
    assert not Todo.objects.exists()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        pytest.param({"recurrence_rule": "FREQ=SOMETIMES"}, "SOMETIMES", id="wrong-rule"),
        pytest.param({"recurrence_rule": PAYLOAD}, "&lt;/script&gt;", id="markup"),
        pytest.param({"recurrence_rule": "x" * 5000}, "errorlist", id="endless"),
        pytest.param({"recurrence_timezone": "Mars/Phobos"}, "Mars/Phobos", id="wrong-zone"),
        pytest.param({"due_at_0": "yesterday"}, "Enter a valid date.", id="wrong-start"),
        pytest.param({"recurrence_rule": ""}, "Does not recur.", id="no-rule"),
        pytest.param(
            {"recurrence_rule": "FREQ=DAILY;UNTIL=20260303T000000Z"}, "No time is left.", id="over"
        ),
    ],
)
def test_preview_says_what_is_wrong(boss, typed, expected):
    """
    What cannot be read is answered with a sentence, what is over with its end; always escaped.
    """
    answer = boss.get(PREVIEW, {**TYPED, **typed})

    html = answer.content.decode()
    assert answer.status_code == 200
    assert expected in html
    assert "<img src=x" not in html.lower()
    assert "<script>" not in html.lower()


def test_preview_takes_what_is_not_typed_from_the_row(boss):
    """
    On the page of a row, a start that is not in the form is that of the row.
    """
    template = make_todo()

    html = boss.get(PREVIEW, {"recurrence_rule": "FREQ=DAILY", "object": template.pk})

    assert html.content.decode().count("</span> 09:00</time>") == 10


def test_preview_of_a_row_that_is_not_there(boss):
    """
    A key that was made up is no row, and no error.
    """
    assert boss.get(PREVIEW, {**TYPED, "object": "nonsense"}).status_code == 200


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        pytest.param((), 403, id="staff-without-rights"),
        pytest.param(("host.view_todo",), 200, id="viewer"),
        pytest.param(("host.add_todo",), 200, id="who-may-add"),
        pytest.param(("host.change_todo",), 200, id="who-may-change"),
    ],
)
def test_preview_is_for_those_who_may_see_such_rows(browser_of, permissions, status):
    """
    The preview asks for the permission of the page it stands on.
    """
    assert browser_of(*permissions).get(PREVIEW, TYPED).status_code == status


def test_preview_of_a_row_needs_the_permission_to_see_rows(browser_of):
    """
    Who may only add rows learns nothing of a stored one by its key.
    """
    rule = {"recurrence_rule": "FREQ=DAILY", "object": make_todo().pk}

    assert browser_of("host.add_todo").get(PREVIEW, rule).status_code == 403


def test_preview_asks_strangers_to_log_in():
    """
    Without a log-in there is no preview.
    """
    assert Client().get(PREVIEW, TYPED).url.startswith("/admin/login/")


def test_preview_only_answers_questions(boss):
    """
    A POST is refused.
    """
    assert boss.post(PREVIEW, TYPED).status_code == 405


def test_viewer_sees_the_page_without_a_form(browser_of):
    """
    Who may only look sees words and times.
    """
    template = make_todo()

    html = browser_of("host.view_todo").get(f"{LIST}{template.pk}/change/").content.decode()

    assert html.count("</span> 09:00</time>") == 10
    assert "<textarea" not in html


def test_all_day_rows_have_dates(rf):
    """
    A model that starts on a date shows dates, without clocks.
    """
    row = Holiday(
        name="new year",
        first_on=datetime(2026, 1, 1, tzinfo=UTC).date(),
        recurrence_rule="FREQ=YEARLY",
    )
    page = RecurringModelAdmin(Holiday, admin.AdminSite())
    page.admin_site.register(Holiday, RecurringModelAdmin)

    words, following = page.recurrence_words(row), page.recurrence_next(row)

    assert words == row.describe_recurrence()
    assert following.endswith("-01-01</bdi></span>")


class ThemedAdmin(RecurringModelAdminMixin, admin.ModelAdmin):
    """As a host would write it that has a theme, with sections of its own."""

    list_display = ("title", "recurrence_next")
    list_filter = ("done",)
    readonly_fields = ("done",)
    fieldsets = ((None, {"fields": ("title", "recurrence_rule", "recurrence_preview")}),)


def test_what_a_host_declares_comes_first(rf: RequestFactory, person):
    """
    Columns, filters and sections of the host stay as they are; ours are added once.
    """
    page = ThemedAdmin(Todo, admin.AdminSite())
    request = rf.get("/")
    request.user = person(is_superuser=True)
    row = make_todo()

    assert page.get_list_display(request) == ["title", "recurrence_next", "recurrence_words"]
    assert [getattr(each, "parameter_name", each) for each in page.get_list_filter(request)] == [
        "done",
        "recurrence",
    ]
    first, ours = page.get_fieldsets(request, row)
    assert first == ThemedAdmin.fieldsets[0]
    assert ours == ("Recurrence", {"fields": ["recurrence_month", "recurrence_rows"]})
    assert page.get_readonly_fields(request, row)[0] == "done"


def test_page_of_a_template_shows_rows_of_another_table(boss):
    """
    A course's page has its lessons with links to their own pages, and a link to all of them.
    """
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    course = Course.objects.create(title="Art", first_at=start, recurrence_rule="FREQ=DAILY")
    Lesson.objects.bulk_create(
        Lesson(
            recurrence_parent=course,
            recurrence_id=f"nominal-{number}",
            title="Art",
            starts_at=start + timedelta(days=number),
        )
        for number in range(30)
    )
    row = course.occurrences.latest("starts_at")

    listed = boss.get("/admin/host/course/", {"recurrence": "template"}).content.decode()
    html = boss.get(f"/admin/host/course/{course.pk}/change/").content.decode()
    everything = f"/admin/host/lesson/?recurrence_parent__id__exact={course.pk}"

    assert course.describe_recurrence() in listed
    assert "recurrence=occurrence" not in listed
    assert html.count(">Art</a>") == 20
    assert f'href="/admin/host/lesson/{row.pk}/change/"' in html
    assert f'href="{everything}"' in html
    assert boss.get(everything).context["cl"].result_count == 30


def test_rows_of_a_model_without_pages_are_shown_without_links(boss):
    """
    Invoices that are not registered in the admin stand on the subscription's page as text.
    """
    subscription = Subscription.objects.create(
        customer="Harbour", amount=1, billed_on=date(2026, 3, 1), recurrence_rule="FREQ=MONTHLY"
    )
    for number in range(30):
        Invoice.objects.create(
            recurrence_parent=subscription,
            recurrence_id=f"nominal-{number}",
            amount=1,
            billed_on=date(2026, 3, 1),
            number=f"number-{number}",
        )

    html = boss.get(f"/admin/host/subscription/{subscription.pk}/change/").content.decode()

    assert html.count("number-") == 20
    assert "/admin/host/invoice/" not in html


def test_set_aside_template_of_two_tables_says_why_until_it_is_saved(boss):
    """
    The reason stands on the page of a template in either layout, and goes when it is saved.
    """
    course = Course.objects.create(
        title="Art",
        first_at=datetime(2026, 3, 1, 9, tzinfo=UTC),
        recurrence_rule="FREQ=DAILY",
        recurrence_timezone="Mars/Olympus",
    )
    generate_occurrences(Course, now=datetime(2026, 3, 2, tzinfo=UTC))
    page = f"/admin/host/course/{course.pk}/change/"
    before = boss.get(page).content.decode()

    answer = boss.post(
        page,
        {
            "title": "Art",
            "first_at_0": "2026-03-01",
            "first_at_1": "09:00:00",
            "fee": "0",
            "recurrence_rule": "FREQ=DAILY",
            "recurrence_timezone": "Europe/Paris",
        },
    )
    report = generate_occurrences(Course, now=datetime(2026, 3, 2, tzinfo=UTC))

    assert "Time zone &#x27;Mars/Olympus&#x27; is not known." in before
    assert answer.status_code == 302
    assert (report.created, Course.objects.set_aside().count()) == (3, 0)


def test_page_of_a_rule_alone_shows_its_times_and_no_rows(boss):
    """
    An event has words and next times; there are no rows, and nothing to be set aside.
    """
    event = Event.objects.create(
        title="Market",
        starts_at=datetime(2026, 3, 2, 8, tzinfo=UTC),
        recurrence_rule="FREQ=WEEKLY;BYDAY=SA",
        recurrence_timezone="Europe/Paris",
    )

    listed = boss.get("/admin/host/event/", {"recurrence": "none"})
    html = boss.get(f"/admin/host/event/{event.pk}/change/").content.decode()

    assert listed.context["cl"].result_count == 0
    assert "recurrence=set_aside" not in listed.content.decode()
    assert '<th scope="col">Europe/Paris</th>' in html
    assert html.count("</span> 09:00</time>") == 10
    assert "None has been made yet." not in html

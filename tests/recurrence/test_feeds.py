from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import http_date

from recurring_jobs.recurrence.calendar import CalendarEntry
from recurring_jobs.recurrence.feeds import RecurrenceFeedView, feed_token, subscriber_of
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.host.feeds import CourseFeed, TodoFeed
from tests.host.models import Course, Lesson, Todo
from tests.recurrence.calendars import events_in, shown_before

pytestmark = pytest.mark.django_db

SECRET = "a long and secret password"


@pytest.fixture
def ann(django_user_model):
    """Somebody who subscribes."""
    return django_user_model.objects.create_user("ann", password=SECRET)


@pytest.fixture
def address(ann) -> str:
    """Where Ann's to-dos are."""
    return reverse("todo-feed", args=[feed_token(ann)])


@pytest.fixture
def plants(make_todo, ann) -> Todo:
    """A template of Ann's that goes on each day from tomorrow, with its five rows."""
    tomorrow = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0)
    template = make_todo(owner=ann, due_at=tomorrow + timedelta(days=1))
    generate_occurrences(Todo)
    template.refresh_from_db()
    return template


class LongFeed(TodoFeed):
    """To-dos with a long description each."""

    def entry(self, row: Todo) -> CalendarEntry:
        return CalendarEntry(summary=row.title, description="x" * 50_000)


urlpatterns = [path("<str:token>.ics", LongFeed.as_view(), name="long-feed")]


def test_subscriber_gets_a_calendar(client, address, plants):
    """
    The address alone, without a log-in, answers with the person's rows as a calendar.
    """
    plants.occurrences.earliest("due_at").delete()

    answer = client.get(address)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'inline; filename="to-do.ics"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    shown = shown_before(answer.content, plants.due_at + timedelta(days=3))
    assert shown == [
        f"{plants.due_at + timedelta(days=day):%Y-%m-%dT%H:%MZ} Water the plants" for day in (1, 2)
    ]
    assert b"X-WR-CALNAME:To do" in answer.content
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H" in answer.content


def test_feed_has_only_what_the_host_gives(client, address, plants, make_todo):
    """
    What others own is not in it.
    """
    make_todo(title="Somebody else's")

    assert b"Somebody" not in client.get(address).content


@pytest.mark.parametrize("kind", ["nothing", "made-up", "of-another", "cut", "no-key"])
def test_without_a_valid_token_there_is_no_such_page(client, ann, django_user_model, kind):
    """
    A token that is empty, guessed, borrowed or cut opens nothing, and tells nothing.
    """
    bob = django_user_model.objects.create_user("bob", password=SECRET)
    signature = feed_token(bob).partition(".")[2]
    token = {
        "nothing": "-",
        "made-up": f"{ann.pk}.abcdefghijklmnopqrstuvwxyz",
        "of-another": f"{ann.pk}.{signature}",
        "cut": feed_token(ann)[:-1],
        "no-key": f"x{feed_token(ann)}",
    }[kind]

    assert client.get(reverse("todo-feed", args=[token])).status_code == 404


@pytest.mark.parametrize("change", ["password", "deactivated", "deleted", "another-key"])
def test_token_ends_with_what_it_stands_for(client, ann, address, settings, change):
    """
    A new password, a deactivated or deleted user, or another SECRET_KEY ends a subscription.
    """
    assert client.get(address).status_code == 200
    if change == "password":
        ann.set_password("another one")
        ann.save()
    elif change == "deactivated":
        ann.is_active = False
        ann.save()
    elif change == "deleted":
        ann.delete()
    else:
        settings.SECRET_KEY = "another key"

    assert client.get(address).status_code == 404


def test_token_survives_a_rotated_key(client, ann, address, settings):
    """
    An address that was signed with a key among SECRET_KEY_FALLBACKS still opens.
    """
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key"

    assert client.get(address).status_code == 200
    assert subscriber_of(feed_token(ann)) == ann


def test_logged_in_people_need_the_token_too(ann):
    """
    A session is no way in: the address is, and it may be given to a program.
    """
    browser = Client()
    browser.force_login(ann)

    assert browser.get(reverse("todo-feed", args=["-"])).status_code == 404


def test_unchanged_calendar_is_not_sent_again(client, address, plants):
    """
    A program that has the content gets 304; after a change it gets the new content.
    """
    first = client.get(address)
    tag = first.headers["ETag"]

    again = client.get(address, headers={"If-None-Match": tag})
    Todo.objects.filter(pk=plants.pk).update(title="Feed the cat")
    changed = client.get(address, headers={"If-None-Match": tag})

    assert (again.status_code, again.content) == (304, b"")
    assert (again.headers["ETag"], again.headers["Cache-Control"]) == (tag, "private, no-cache")
    assert changed.status_code == 200
    assert b"Feed the cat" in changed.content


def test_host_may_know_when_it_last_changed(rf, plants, ann):
    """
    With last_modified() a program that is up to date is answered without reading a row.
    """
    modified = datetime(2026, 3, 1, 12, tzinfo=UTC)

    class Known(TodoFeed):
        def last_modified(self) -> datetime:
            return modified

        def get_queryset(self):
            message = "read"
            raise LookupError(message)

    class Read(TodoFeed):
        def last_modified(self) -> datetime:
            return modified

    since = http_date(modified.timestamp())
    request = rf.get("/", headers={"If-Modified-Since": since})

    assert Known.as_view()(request, token=feed_token(ann)).status_code == 304
    full = Read.as_view()(rf.get("/"), token=feed_token(ann))
    assert (full.status_code, full.headers["Last-Modified"]) == (200, since)


def test_head_and_other_methods(client, address, plants):
    """
    HEAD is answered as GET without the content; whatever would write is refused.
    """
    head = client.head(address)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == client.get(address).headers["ETag"]
    assert client.post(address).status_code == 405


def test_rows_that_do_not_recur_and_broken_templates(client, address, ann, make_todo):
    """
    A row without a rule is one event; a template that cannot be read takes no other with it.
    """
    soon = timezone.now() + timedelta(days=1)
    make_todo(owner=ann, title="once", recurrence_rule=None, due_at=soon)
    make_todo(owner=ann, title="long ago", recurrence_rule=None, due_at=soon - timedelta(days=200))
    make_todo(owner=ann, title="never", recurrence_rule=None, due_at=None)
    make_todo(owner=ann, title="odd", recurrence_rule="FREQ=SOMETIMES")
    make_todo(owner=ann, title="nowhere", recurrence_timezone="Mars/Phobos")
    make_todo(owner=ann, title="daily", due_at=soon)

    told = events_in(client.get(address).content)

    assert sorted(str(each["SUMMARY"]) for each in told) == ["daily", "once"]


def test_number_of_queries_does_not_grow_with_the_rows_of_a_page(
    rf, ann, make_todo, django_assert_num_queries
):
    """
    Templates are read a page at a time: zones, the page and its occurrences.
    """

    class Paged(TodoFeed):
        batch_size = 100

    for _ in range(20):
        make_todo(owner=ann)
    token = feed_token(ann)

    with django_assert_num_queries(5):  # the user, the zones, a page, its rows, no second page
        Paged.as_view()(rf.get("/"), token=token)


@pytest.mark.urls(__name__)
def test_long_calendar_is_not_kept_in_memory(client, ann, django_user_model):
    """
    A calendar of many megabytes is built with a fraction of them in memory, and sent whole.
    """
    soon = timezone.now() + timedelta(days=1)
    Todo.objects.bulk_create(Todo(title=f"{n}", owner=ann, due_at=soon) for n in range(200))
    short = reverse("long-feed", args=[feed_token(django_user_model.objects.create_user("bob"))])
    client.get(short)  # so that what is loaded once does not count
    tracemalloc.start()

    answer = client.get(reverse("long-feed", args=[feed_token(ann)]))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    content = b"".join(answer.streaming_content)
    assert len(content) > 10_000_000
    assert peak < len(content) / 2
    assert content.count(b"BEGIN:VEVENT") == 200
    assert content.endswith(b"END:VCALENDAR\r\n")


def test_two_tables_and_lessons_alone(client):
    """
    A feed of courses has their lessons; one of lessons has each by itself.
    """
    soon = timezone.now() + timedelta(days=1)
    Course.objects.create(
        title="Singing", first_at=soon, recurrence_rule="FREQ=WEEKLY", recurrence_timezone="UTC"
    )
    generate_occurrences(Course)
    Lesson.objects.create(title="Trial", starts_at=soon)

    courses = events_in(client.get(reverse("course-feed")).content)
    lessons = events_in(client.get(reverse("lesson-feed")).content)

    assert [str(each["SUMMARY"]) for each in courses] == ["Singing"]
    assert courses[0]["UID"].endswith("@school.example")
    assert sorted(str(each["SUMMARY"]) for each in lessons) == ["Singing"] * 3 + ["Trial"]


def test_feed_without_rows_to_show_is_a_mistake(rf):
    """
    A host that forgets get_queryset() is told so.
    """

    class Forgotten(RecurrenceFeedView):
        def has_access(self) -> bool:
            return True

    with pytest.raises(ImproperlyConfigured, match="Forgotten needs get_queryset"):
        Forgotten.as_view()(rf.get("/"))


def test_course_feed_is_open_because_the_host_says_so(client):
    """
    has_access() is the host's word.
    """
    assert CourseFeed().has_access()
    assert client.get(reverse("course-feed")).status_code == 200

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from recurring_jobs.models import DeadLetter, Fire, Run, Schedule
from tests.admin.rows import (
    PAYLOAD,
    make_fire,
    make_letter,
    make_rule_schedule,
    make_run,
    make_schedule,
)

pytestmark = pytest.mark.django_db

LISTS = ["schedule", "fire", "run", "deadletter"]


def list_url(model: str) -> str:
    return reverse(f"admin:recurring_jobs_{model}_changelist")


def page_url(row: object) -> str:
    name = row._meta.model_name
    return reverse(f"admin:recurring_jobs_{name}_change", args=[row.pk])


def make_hostile_rows() -> list[object]:
    """Store one row of each model with markup in every text."""
    schedule = make_schedule(PAYLOAD, declared_in=PAYLOAD, set_aside_reason=PAYLOAD)
    schedule.periodic_task.__class__.objects.update(
        task=PAYLOAD, args=f'["{PAYLOAD}"]', kwargs=PAYLOAD, queue=PAYLOAD
    )
    fire = make_fire(schedule, state="missed", reason=PAYLOAD)
    run = make_run(
        "failed",
        fire=fire,
        task=PAYLOAD,
        worker=PAYLOAD,
        queue=PAYLOAD,
        exception=PAYLOAD,
        args=[PAYLOAD],
        kwargs={PAYLOAD: PAYLOAD},
        progress_done=1,
        progress_total=2,
        progress_note=PAYLOAD,
    )
    letter = make_letter(
        task=PAYLOAD,
        queue=PAYLOAD,
        args=[PAYLOAD],
        kwargs={PAYLOAD: PAYLOAD},
        exception=PAYLOAD,
        exception_type=PAYLOAD,
        tracebacks=[PAYLOAD],
        not_sendable_reason=PAYLOAD,
        closed_by=PAYLOAD,
        requeued_as="<b>",
        root_id="<b>",
    )
    return [schedule, fire, run, letter]


@pytest.mark.parametrize("model", LISTS)
def test_lists_open_without_rows(boss, model):
    """
    The list of each model opens on the first day, when there is nothing to list.
    """
    assert boss.get(list_url(model)).status_code == 200


def test_overview_links_to_each_list(boss):
    """
    The pages stand under the package's own name in the admin.
    """
    html = boss.get(reverse("admin:app_list", args=["recurring_jobs"])).content.decode()

    assert all(list_url(model) in html for model in LISTS)


def test_hostile_text_is_escaped_on_every_page(boss):
    """
    Markup in names, arguments, exceptions and reasons is shown as text, on lists and pages.
    """
    rows = make_hostile_rows()
    urls = [*map(list_url, LISTS), *map(page_url, rows)]

    answers = {url: boss.get(url) for url in urls}

    assert {url: answer.status_code for url, answer in answers.items()} == dict.fromkeys(urls, 200)
    for url, answer in answers.items():
        html = answer.content.decode()
        assert "onerror=alert(1)" in html, url
        assert "<img src=x" not in html, url
        assert "<script>alert" not in html, url
        assert "<b>" not in html, url


def test_pages_say_when_something_is_sent_again(boss):
    """
    With RESEND_AFTER a run that waits, and a fire without a run, have a time for it.

    What has ended or begun is not sent again, whatever time its row has kept.
    """
    at = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)
    schedule = make_schedule("nightly")
    begun = make_fire(schedule, days_ago=1, due_at=at)
    waits = [make_run("retrying", resend_at=at), make_fire(schedule, due_at=at)]
    done = [make_run("failed", resend_at=at), make_run(fire=begun), begun]

    says = {row: at.isoformat() in boss.get(page_url(row)).content.decode() for row in waits + done}

    assert says == dict.fromkeys(waits, True) | dict.fromkeys(done, False)


@pytest.mark.parametrize("model", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        pytest.param("q=" + "x" * 5000, id="endless-search"),
        pytest.param("q=%00", id="null-in-search"),
        pytest.param("task=%00", id="null-in-filter"),
        pytest.param("task=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E", id="markup-in-filter"),
        pytest.param("state=nonsense", id="unknown-state"),
        pytest.param("p=99999999", id="page-beyond-the-end"),
        pytest.param("o=99.-3", id="unknown-order"),
    ],
)
def test_lists_survive_any_address(boss, model, query):
    """
    An address that someone made up opens the list, or leads back to it.
    """
    answer = boss.get(f"{list_url(model)}?{query}", follow=True)

    assert answer.status_code == 200
    assert "<script>alert(1)" not in answer.content.decode()


@pytest.mark.parametrize("model", LISTS)
def test_page_of_a_row_that_is_not_there(boss, model):
    """
    A link to a row that was deleted leads to the front page with a message, as in all the admin.
    """
    answer = boss.get(reverse(f"admin:recurring_jobs_{model}_change", args=["404"]), follow=True)

    assert answer.redirect_chain == [("/admin/", 302)]
    assert "Perhaps it was deleted?" in answer.content.decode()


@pytest.mark.parametrize("model", LISTS)
def test_nothing_is_added_by_hand(boss, model):
    """
    There is no form to add what only the machinery writes, not even for a superuser.
    """
    assert boss.get(reverse(f"admin:recurring_jobs_{model}_add")).status_code == 403


def test_records_cannot_be_edited(boss):
    """
    A POST to the page of a fire, a run or a dead letter is refused and changes nothing.
    """
    fire = make_fire(make_schedule())
    rows = [fire, make_run(fire=fire), make_letter()]

    codes = [boss.post(page_url(row), {"task": "other"}).status_code for row in rows]

    assert codes == [403, 403, 403]
    assert Run.objects.get().task == DeadLetter.objects.get().task == "host.report"


def test_deleting_a_periodic_task_takes_its_schedule_and_fires_along(boss):
    """
    Who may delete everything can delete a periodic task in the admin that has fired.
    """
    schedule = make_schedule()
    make_fire(schedule)
    url = reverse("admin:django_celery_beat_periodictask_delete", args=[schedule.periodic_task_id])

    boss.post(url, {"post": "yes"})

    assert (Schedule.objects.count(), Fire.objects.count()) == (0, 0)
    assert LogEntry.objects.count() == 1


def test_schedule_page_shows_what_comes_and_what_came(boss):
    """
    A schedule's page names trigger, zone, owner, ten times to come and the past ones with outcome.
    """
    schedule = make_schedule(declared_in="shop.tasks", next_fire_at=None)
    fire = make_fire(schedule, days_ago=1)
    run = make_run("failed", fire=fire)
    make_fire(schedule, days_ago=2, state="missed", published_at=None, reason="No beat ran.")

    html = boss.get(page_url(schedule)).content.decode()

    assert "Europe/Paris" in html
    assert "shop.tasks" in html
    assert html.count(" 09:00</time>") == 10
    assert page_url(fire) in html
    assert page_url(run) in html
    assert "No beat ran." in html
    assert "2.0\xa0s" in html


def test_page_of_a_paused_schedule_says_that_it_will_not_fire(boss):
    """
    The times of a disabled schedule are shown for what they are.
    """
    html = boss.get(page_url(make_schedule(enabled=False))).content.decode()

    assert "It is not enabled: these are the times it would fire at." in html


def test_schedule_that_cannot_be_read_is_shown_with_its_fault(boss):
    """
    A schedule with a wrong rule has a row and a page like any other, with the sentence.
    """
    schedule = make_rule_schedule("broken", "FREQ=SOMETIMES", set_aside_reason="It was set aside.")

    pages = [boss.get(url).content.decode() for url in (list_url("schedule"), page_url(schedule))]

    assert all("It was set aside." in html for html in pages)
    assert all("SOMETIMES" in html for html in pages)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        pytest.param("enabled", "on", id="enabled"),
        pytest.param("paused", "off", id="paused"),
        pytest.param("withdrawn", "gone", id="withdrawn"),
        pytest.param("set_aside", "broken", id="set-aside"),
    ],
)
def test_schedules_are_filtered_by_state(boss, state, name):
    """
    Each state has its rows, and no row two states.
    """
    make_schedule("on")
    make_schedule("off", enabled=False)
    make_schedule("gone", enabled=False, withdrawn_at=datetime(2026, 1, 1, tzinfo=UTC))
    make_schedule("broken", set_aside_reason="no zone")

    answer = boss.get(list_url("schedule"), {"state": state})

    assert [row.periodic_task.name for row in answer.context["cl"].result_list] == [name]


@pytest.mark.parametrize(
    ("owner", "names"),
    [("code", ["declared"]), ("person", ["made by hand"]), ("x", ["declared", "made by hand"])],
)
def test_schedules_are_filtered_by_owner(boss, owner, names):
    """
    What the code declares and what a person made can be told apart.
    """
    make_schedule("declared", declared_in="shop.tasks")
    make_schedule("made by hand")

    answer = boss.get(list_url("schedule"), {"owner": owner})

    assert [row.periodic_task.name for row in answer.context["cl"].result_list] == names


def test_schedule_list_costs_the_same_for_any_number_of_rows(boss):
    """
    Last fires and their runs are read for the whole list at once.
    """
    counts = []
    for number in range(12):
        make_run(fire=make_fire(make_schedule(f"schedule {number}")))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            boss.get(list_url("schedule"))
        counts.append(len(queries))

    assert counts[1] == counts[-1]


def test_last_fire_in_the_list_is_the_latest_of_any_kind(boss):
    """
    A fire by hand counts as the last one when it was the last.
    """
    schedule = make_schedule()
    make_run("failed", fire=make_fire(schedule, days_ago=2))
    make_run("succeeded", fire=make_fire(schedule, days_ago=1, kind=Fire.Kind.MANUAL))

    row = boss.get(list_url("schedule")).context["cl"].result_list[0]

    assert row.last_fire_shown.kind == Fire.Kind.MANUAL
    assert row.last_fire_shown.run_shown.state == "succeeded"


def test_run_page_shows_progress_and_connections(boss):
    """
    A running run has a bar, and links to its fire; a failed one to its dead letter.
    """
    fire = make_fire(make_schedule())
    running = make_run("running", fire=fire, progress_done=3, progress_total=12)
    failed = make_run("failed")
    letter = make_letter(task_id=failed.pk)

    html = boss.get(page_url(running)).content.decode()

    assert '<progress class="recurring-jobs-progress" max="100" value="25">' in html
    assert page_url(fire) in html
    assert page_url(letter) in boss.get(page_url(failed)).content.decode()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param({"started_at": None}, "-", id="not-started"),
        pytest.param({"finished_at": None}, "-", id="given-back-and-waiting"),
        pytest.param({}, "3.0\xa0s", id="finished"),
    ],
)
def test_run_takes_time_once_it_started(fields, text):
    """
    Only a run that is running or has ended has a duration.
    """
    from recurring_jobs.admin import RunAdmin

    started = datetime(2026, 3, 2, 9, tzinfo=UTC)
    times = {"started_at": started, "finished_at": started + timedelta(seconds=3), **fields}

    assert RunAdmin.took(None, Run(state="retrying", **times)) == text


def test_filters_offer_what_the_newest_rows_hold(boss):
    """
    The task filter offers the names in use, and keeps one that is in the address.
    """
    make_letter(task="shop.charge")
    make_letter(task="shop.refund")

    answer = boss.get(list_url("deadletter"), {"task": "shop.old"})

    (task_filter,) = [each for each in answer.context["cl"].filter_specs if each.title == "task"]
    assert [value for value, _ in task_filter.lookup_choices] == [
        "shop.charge",
        "shop.refund",
        "shop.old",
    ]
    assert list(answer.context["cl"].result_list) == []


def test_letters_are_filtered_by_task_exception_and_state(boss):
    """
    The three filters work together.
    """
    wanted = make_letter(task="shop.charge", exception_type="builtins.ValueError")
    make_letter(task="shop.charge", exception_type="builtins.OSError")
    make_letter(task="shop.refund", exception_type="builtins.ValueError")

    answer = boss.get(
        list_url("deadletter"),
        {"task": "shop.charge", "exception": "builtins.ValueError", "state__exact": "open"},
    )

    assert list(answer.context["cl"].result_list) == [wanted]


@pytest.mark.parametrize(
    "term", [pytest.param("abc-1", id="task-id"), pytest.param("shop.ch", id="beginning-of-name")]
)
def test_search_finds_ids_and_beginnings(boss, term):
    """
    The search looks for a whole id or the beginning of a name.
    """
    wanted = make_letter(task="shop.charge", task_id="abc-1")
    make_letter(task="workshop.charge", task_id="abc-12")

    answer = boss.get(list_url("deadletter"), {"q": term})

    assert list(answer.context["cl"].result_list) == [wanted]


def test_search_term_is_cut(boss):
    """
    No more than two hundred characters of a search reach the database.
    """
    wanted = make_letter(task="x" * 200)

    answer = boss.get(list_url("deadletter"), {"q": "x" * 5000})

    assert list(answer.context["cl"].result_list) == [wanted]


def test_null_characters_never_reach_the_database(boss):
    """
    PostgreSQL would answer them with an error; no row can hold them.
    """
    with CaptureQueriesContext(connection) as queries:
        boss.get(f"{list_url('deadletter')}?task=a%00b")

    assert not [query for query in queries.captured_queries if '"task" = ' in query["sql"]]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("recurring_jobs/schedule", "No schedule yet: declare one in code"),
        ("recurring_jobs/fire", "Nothing has fired yet."),
        ("recurring_jobs/run", "No run is kept yet"),
        ("recurring_jobs/deadletter", "No task has given up."),
        ("recurring_jobs/tasklock", "No run has a lock."),
        ("django_celery_results/taskresult", "No result is kept yet."),
    ],
)
def test_empty_list_says_what_to_do(boss, path, sentence):
    """
    On the first day a list says why it is empty; a search that finds nothing does not.
    """
    assert sentence in boss.get(f"/admin/{path}/").content.decode()
    assert sentence not in boss.get(f"/admin/{path}/?q=nothing").content.decode()

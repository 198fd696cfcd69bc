from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from recurring_jobs.admin.overview import overview
from recurring_jobs.inspection.coming import MOST_FIRES, coming_fires
from recurring_jobs.inspection.liveness import WorkerFacts, troubles, workers
from recurring_jobs.inspection.outcomes import fires_by_weekday, outcomes_by_hour, task_figures
from recurring_jobs.models import Beat, Fire, Run, Schedule
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.admin.rows import (
    PAYLOAD,
    make_fire,
    make_letter,
    make_run,
    make_schedule,
    make_worker,
)
from tests.host.models import Course, Todo

pytestmark = pytest.mark.django_db

URL = "/admin/recurring_jobs/"
NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)
PIECES = ["liveness", "troubles", "coming", "outcomes", "tasks", "week", "queues"]


def pieces_of(html: str) -> list[str]:
    """The names of the pieces that a page has, in order."""
    return re.findall(r'<section [^>]*aria-labelledby="recurring-jobs-(\w+)"', html)


def make_beat(name: str = "web-1:7", *, age: int = 3, **fields: object) -> Beat:
    """Store a beat that ticked so many seconds ago."""
    now = timezone.now()
    return Beat.objects.create(
        name=name, started_at=now, ticked_at=now - timedelta(seconds=age), **fields
    )


def make_interval(every: int, period: str, next_fire_at: datetime, **fields: object) -> Schedule:
    """Store a schedule that fires each so many seconds, minutes or hours."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=every, period=period)
    task = PeriodicTask.objects.create(
        name=f"each {every} {period}", task="host.report", interval=interval
    )
    return Schedule.objects.create(periodic_task=task, next_fire_at=next_fire_at, **fields)


def test_overview_opens_on_the_first_day(boss):
    """With no row at all, each piece says so, and that no beat and no worker is alive."""
    html = boss.get(URL).content.decode()

    assert pieces_of(html) == PIECES
    assert "No beat is alive: nothing fires." in html
    assert "No worker is alive: nothing runs." in html
    assert "Nothing is to fire." in html


def test_overview_stands_above_the_lists(boss):
    """The links to the lists, which Django draws, stay."""
    html = boss.get(URL).content.decode()

    assert reverse("admin:recurring_jobs_run_changelist") in html.split('id="content-main"')[1]


@pytest.mark.parametrize(
    ("permissions", "pieces"),
    [
        (["recurring_jobs.view_deadletter"], []),
        (["recurring_jobs.view_schedule"], ["liveness", "troubles", "coming"]),
        (["recurring_jobs.view_run"], ["outcomes", "tasks", "queues"]),
        (["recurring_jobs.view_fire"], ["week"]),
    ],
    ids=["letters", "schedules", "runs", "fires"],
)
def test_a_piece_is_for_those_who_may_view_its_rows(browser_of, permissions, pieces):
    """What a person may not view is left out of the page."""
    make_run("running", worker="secret-host", heartbeat_at=timezone.now())
    make_worker("secret-host")
    make_beat()

    html = browser_of(*permissions).get(URL).content.decode()

    assert pieces_of(html) == pieces
    assert "secret-host" not in html


def test_troubles_are_told_to_those_who_may_view_the_rows(browser_of):
    """Who may see schedules but no dead letters is not told their number."""
    make_letter()
    make_schedule("unreadable", set_aside_reason="No zone.")

    html = browser_of("recurring_jobs.view_schedule").get(URL).content.decode()

    assert "1 schedule cannot be read" in html
    assert "dead letter" not in html


def test_hostile_names_are_text(boss):
    """Markup in the name of a schedule, task, beat or worker is shown as text."""
    make_schedule(PAYLOAD, next_fire_at=timezone.now() + timedelta(hours=1))
    make_beat(PAYLOAD)
    make_worker(PAYLOAD, queues=[PAYLOAD])
    make_run("failed", task=PAYLOAD)

    html = boss.get(URL).content.decode()

    assert html.count("onerror=alert(1)") >= 5
    assert "<img src=x" not in html
    assert "<script>alert" not in html


def test_number_of_queries_does_not_grow(boss, django_assert_max_num_queries):
    """With many rows of each kind the page takes as few queries as with none."""
    for number in range(20):
        schedule = make_schedule(f"job {number}", next_fire_at=timezone.now())
        make_run("failed", fire=make_fire(schedule), task=f"host.task{number}")
        make_beat(f"web-{number}:7")
        make_worker(f"celery@web-{number}")

    with django_assert_max_num_queries(25):
        assert boss.get(URL).status_code == 200


def test_beat_that_is_silent(boss):
    """A beat that did not tick for half a minute is called silent, one with a wrong clock so."""
    make_beat("web-1:7", age=45)
    make_beat("web-2:7", clock_skew=timedelta(minutes=-61))

    html = boss.get(URL).content.decode()

    assert html.count(">silent<") == html.count(">alive<") == 1
    assert "its clock is -1\xa0h 01\xa0min off" in html


def test_every_trouble_has_words(boss):
    """What waits for a person is counted, and leads to the list of it."""
    late = timezone.now() - timedelta(minutes=5)
    overdue = make_schedule("late", next_fire_at=late)
    make_schedule("odd", set_aside_reason="No zone.", next_fire_at=None)
    make_run("running", heartbeat_at=late)
    make_letter()
    make_fire(overdue, days_ago=1, state="missed")
    make_fire(overdue, days_ago=2, state="refused")

    found = {each.name: each.count for each in troubles(timezone.now())}
    html = boss.get(URL).content.decode()

    names = ("overdue", "set_aside", "stuck", "dead_letters", "missed", "refused")
    assert found == dict.fromkeys(names, 1)
    links = re.findall(r'<a href="([^"]+)"', html.split('class="recurring-jobs-troubles"')[1])[:6]
    assert [boss.get(link.replace("&amp;", "&")).status_code for link in links] == [200] * 6


def test_workers_are_those_with_a_sign_of_life():
    """Each is told with its queues and the runs it has now; those that are silent come last."""
    make_worker("celery@a", age=60)
    row = make_worker("celery@b", age=5, queues=["celery", "mails"])
    for state in ("running", "succeeded"):
        make_run(state, worker="celery@b", heartbeat_at=row.seen_at)
    make_run("running", worker="celery@c", heartbeat_at=row.seen_at)

    alive, silent = workers(row.seen_at + timedelta(seconds=5))

    assert alive == WorkerFacts("celery@b", timedelta(seconds=5), ("celery", "mails"), 1)
    assert (silent.name, silent.running) == ("celery@a", 0)
    assert (alive.is_alive, silent.is_alive) == (True, False)


def test_worker_that_is_silent(boss):
    """It is called so; where no other is left, that nothing runs."""
    make_worker("celery@a", age=60)
    alone = boss.get(URL).content.decode()
    make_worker("celery@b")
    make_beat()

    html = boss.get(URL).content.decode()

    assert "No worker is alive: nothing runs." in alone
    assert "No worker is alive" not in html
    assert html.count(">silent<") == 1
    assert html.count(">alive<") == 2


def test_what_was_killed_is_news_for_an_hour(boss):
    """After that it is one of a number, and after a day not told at all."""
    make_worker("celery@now")
    make_worker("celery@lately", age=1800)
    make_worker("celery@early", age=2 * 3600)
    make_worker("celery@long-ago", age=2 * 86_400)
    make_beat("web-1:1")
    for number in (2, 3):
        make_beat(f"web-1:{number}", age=5 * 3600)

    html = boss.get(URL).content.decode()

    assert [name for name in ("now", "lately", "early", "long-ago") if f"@{name}<" in html] == [
        "now",
        "lately",
    ]
    assert "1 more worker fell silent over an hour ago." in html
    assert "2 more beats fell silent over an hour ago." in html


def test_last_worker_is_listed_however_long_it_is_silent(boss):
    """Where none is alive, a person wants to know which was the last, and since when."""
    make_worker("celery@early", age=2 * 3600)
    make_worker("celery@earlier", age=3 * 3600)
    make_beat("web-1:1", age=3 * 86_400)

    html = boss.get(URL).content.decode()

    assert "<bdi>celery@early</bdi>" in html
    assert "<bdi>web-1:1</bdi>" in html
    assert "1 more worker fell silent over an hour ago." in html


def test_templates_that_were_set_aside_wait_for_a_person(boss, browser_of):
    """They are counted for each model whose rows the person may view, and lead to its list."""
    for model in (Todo, Todo, Course):
        values = {"due_at": NOW} if model is Todo else {"first_at": NOW}
        model.objects.create(title="x", recurrence_rule="FREQ=NEVER", **values)
        generate_occurrences(model, now=NOW)

    html = boss.get(URL).content.decode()
    permissions = ("recurring_jobs.view_schedule", "host.view_todo")
    seen = browser_of(*permissions).get(URL).content.decode()

    assert "2 templates of todos were set aside" in html
    assert "1 template of courses was set aside" in html
    assert "2 templates of todos were set aside" in seen
    assert "courses" not in seen.split("recurring-jobs-troubles")[1].split("</ul>")[0]
    listed = boss.get("/admin/host/todo/?recurrence=set_aside").context["cl"].result_list
    assert 'href="/admin/host/todo/?recurrence=set_aside"' in html
    assert len(listed) == 2


def test_worker_with_a_slow_heartbeat(settings):
    """It may be silent for two heartbeats before it is called so."""
    settings.RECURRING_JOBS = {"HEARTBEAT": timedelta(seconds=30)}
    make_worker(age=50)

    (worker,) = workers(timezone.now())

    assert worker.is_alive


def test_outcomes_fall_into_their_hours():
    """Of the last 24 hours each is told, the present one last; older runs are not."""
    for hours, state in ((0, "succeeded"), (0, "failed"), (3, "lost"), (23, "succeeded")):
        make_run(state, created_at=NOW - timedelta(hours=hours))
    make_run("failed", created_at=NOW - timedelta(hours=24))
    make_run("running", created_at=NOW)

    hours = outcomes_by_hour(NOW)

    told = {each.at.hour: (each.succeeded, each.failed) for each in hours}
    assert [each.at.hour for each in hours] == [*range(11, 24), *range(11)]
    assert {hour: each for hour, each in told.items() if any(each)} == {
        10: (1, 1),
        7: (0, 1),
        11: (1, 0),
    }


def test_tasks_that_fail_come_first():
    """Then those that take longest; percentiles are by the nearest rank."""
    for seconds in range(1, 21):
        make_run(
            task="host.slow",
            created_at=NOW,
            started_at=NOW,
            finished_at=NOW + timedelta(seconds=seconds),
        )
    make_run("failed", task="host.flaky", created_at=NOW)

    flaky, slow = task_figures(NOW)

    assert (flaky.task, flaky.runs, flaky.failed) == ("host.flaky", 1, 1)
    assert (slow.runs, slow.p50, slow.p95) == (20, timedelta(seconds=10), timedelta(seconds=19))


def test_fires_of_a_week_are_counted_on_the_local_clock():
    """A nominal time of Sunday night in UTC is one of Monday morning in Tokyo."""
    schedule = make_schedule()
    fire = make_fire(schedule)
    Fire.objects.filter(pk=fire.pk).update(nominal_at=datetime(2026, 3, 1, 22, 15, tzinfo=UTC))

    week = fires_by_weekday(timezone.zoneinfo.ZoneInfo("Asia/Tokyo"))

    assert week[0][7] == sum(map(sum, week)) == 1


def test_coming_fires_are_right_over_a_change_of_clocks():
    """09:00 in Paris is another instant on the Sunday after; each kind of trigger is asked."""
    saturday = datetime(2026, 3, 28, 8, tzinfo=UTC)
    make_schedule("at nine", next_fire_at=saturday)
    make_interval(6, "hours", saturday + timedelta(hours=4))

    nine, six_hours = coming_fires(saturday + timedelta(hours=24))

    assert nine.times == (saturday, saturday + timedelta(hours=23))
    assert len(six_hours.times) == 4


def test_coming_fires_end_where_the_schedule_does():
    """Remaining fires, an expiry and one_off are kept; paused and unreadable ones are left out."""
    first = NOW + timedelta(minutes=30)
    make_interval(1, "hours", first, remaining_fires=2)
    expiring = make_interval(2, "hours", first + timedelta(seconds=1))
    PeriodicTask.objects.filter(pk=expiring.periodic_task_id).update(
        expires=NOW + timedelta(hours=3)
    )
    once = make_interval(3, "hours", first + timedelta(seconds=2))
    PeriodicTask.objects.filter(pk=once.periodic_task_id).update(one_off=True)
    make_interval(4, "hours", first, set_aside_reason="No zone.")

    found = coming_fires(NOW + timedelta(hours=24))

    assert [len(each.times) for each in found] == [2, 2, 1]


def test_schedule_that_fires_all_the_time_is_a_band():
    """More fires than can be drawn are not computed to the end."""
    make_interval(10, "seconds", NOW)

    (coming,) = coming_fires(NOW + timedelta(hours=24))

    assert coming.is_dense
    assert len(coming.times) == MOST_FIRES


def test_schedule_that_is_overdue_is_no_band():
    """Its times that have passed do not fill up the day to come."""
    make_interval(6, "hours", NOW - timedelta(days=60))

    (coming,) = coming_fires(NOW + timedelta(hours=24), NOW)

    assert not coming.is_dense
    assert coming.times[0] == NOW - timedelta(days=60)
    assert len([at for at in coming.times if at > NOW]) == len(coming.times) - 1 == 4


def test_queues_are_asked_for_only_on_demand(boss, monkeypatch):
    """A broker that is away does not hold up the page; when it is asked, it says so."""
    asked = boss.get(URL).content.decode()
    answer = boss.get(URL, {"queues": "1"}).content.decode()

    assert "?queues=1" in asked
    assert "errornote" in answer or "Messages that wait" in answer


def test_hour_with_failures_leads_to_them(boss):
    """A red bar is a link to the runs that failed or were lost in that hour, and to no others."""
    now = timezone.now()
    lost = make_run("lost", created_at=now)
    make_run("succeeded", created_at=now)
    make_run("failed", created_at=now - timedelta(hours=30))

    html = boss.get(URL).content.decode()

    (url,) = re.findall(r'href="([^"]+created_at__gte[^"]+)"', html)
    runs = boss.get(url.replace("&amp;", "&")).context["cl"].result_list
    assert [run.pk for run in runs] == [lost.pk]


def test_site_without_our_lists():
    """On a site where a list is not registered the page stands, without a link to it."""
    request = RequestFactory().get(URL)
    request.user = type("Boss", (), {"has_perm": lambda self, name: True})()
    make_letter()

    shown = overview(request, "admin", NOW)

    assert [piece["name"] for piece in shown["pieces"]] == PIECES


@pytest.mark.parametrize("state", Fire.State.values)
def test_fire_of_each_state_can_be_looked_at(boss, state):
    """The list of fires and the page of a schedule open, whatever state a fire is in."""
    fire = make_fire(make_schedule(), state=state)

    for url in (
        reverse("admin:recurring_jobs_fire_changelist"),
        reverse("admin:recurring_jobs_fire_change", args=[fire.pk]),
        reverse("admin:recurring_jobs_schedule_change", args=[fire.schedule_id]),
    ):
        assert boss.get(url).status_code == 200


def test_states_of_runs_are_all_known():
    """Each outcome is counted: what is neither queued nor going on has an hour."""
    for state in Run.State.values:
        make_run(state, created_at=NOW)

    (*_, hour) = outcomes_by_hour(NOW)

    assert (hour.succeeded, hour.failed) == (1, 2)

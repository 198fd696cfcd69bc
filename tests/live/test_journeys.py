"""What a person on duty comes for, clicked from start to end, with a real beat and worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from recurring_jobs.models import DeadLetter, Fire, Run, Schedule
from recurring_jobs.recurrence.occurrences import generate_occurrences
from recurring_jobs.testing import check_ledger
from tests.host.celery import app
from tests.host.models import Todo
from tests.host.tasks import recovers
from tests.live.browser import SCHEMES, messages_of
from tests.live.processes import Host, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.live,
    pytest.mark.timeout(180),
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", SCHEMES),
]

OVERVIEW = "/admin/recurring_jobs/"


@pytest.fixture
def host(tmp_path: Path, settings) -> Iterator[Host]:
    """The processes of the host project, on the database and the broker of this test."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        url = f"sqlite:///{name}"
    else:
        url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()
    started = Host.on(tmp_path, database_url=url)
    # The broker of files of this process is theirs, too, and is left as empty as it was.
    started.env["HOST_DIR"] = str(django_settings.BASE_DIR)
    yield started
    started.stop_all()
    app.control.purge()


def wait_for_page(page: Page, text: str, *, seconds: float = 40) -> None:
    """Reload the page until it says *text*, as a person would."""

    def says() -> bool:
        page.reload()
        return text in page.locator("#content").inner_text()

    wait_until(says, seconds=seconds, what=f"{text!r} on {page.url}")


def test_last_nights_failure_is_found_and_sent_again(open_page, host, scheme):
    """
    From the overview to the letter: read why it failed, mend the arguments, see it succeed.
    """
    host.worker()
    failed = recovers.apply_async(kwargs={"failures": "one"})
    wait_until(DeadLetter.objects.exists, seconds=40, what="a dead letter")
    last_night = timezone.now() - timedelta(hours=9)
    Run.objects.update(created_at=last_night, finished_at=last_night)
    DeadLetter.objects.update(failed_at=last_night)

    page = open_page(OVERVIEW, scheme=scheme)
    page.get_by_role("link", name="1 dead letter waits for a person").click()
    page.locator("#result_list").get_by_role("link", name="host.recovers").click()
    reason = page.locator("#content").inner_text()
    page.get_by_role("button", name="Send again").click()
    page.get_by_label("Keyword arguments").fill('{"failures": 1}')
    page.get_by_role("button", name="Yes").click()

    assert "'<' not supported between instances of 'int' and 'str'" in reason
    assert "was sent again with edited arguments" in messages_of(page)
    again = Run.objects.exclude(pk=failed.id).get()
    wait_until(
        lambda: Run.objects.get(pk=again.pk).state == "succeeded", seconds=40, what="the run"
    )
    page.goto(page.url.split("/admin/")[0] + OVERVIEW)
    assert "dead letter" not in page.locator(".recurring-jobs-piece-troubles").inner_text()


def test_schedule_is_paused_with_a_reason_and_does_not_fire(open_page, host, scheme):
    """
    It fires every second; once paused it is silent, says why and by whom; then it goes on.
    """
    interval = IntervalSchedule.objects.create(every=1, period="seconds")
    task = PeriodicTask.objects.create(
        name="poll the shop", task="host.add", args="[1, 2]", interval=interval
    )
    schedule = Schedule.objects.create(periodic_task=task)
    host.worker()
    host.beat()
    wait_until(Fire.objects.exists, seconds=60, what="the first fire")

    page = open_page(OVERVIEW, scheme=scheme)
    page.get_by_role("link", name="poll the shop").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Reason").fill("The shop moves house.")
    page.get_by_role("button", name="Yes").click()
    said = messages_of(page)
    fired = Fire.objects.count()
    # Two ticks of the beat at least, which it writes down.
    page.wait_for_timeout(4000)

    assert said == "Schedule poll the shop was paused: The shop moves house."
    assert Fire.objects.count() <= fired + 1  # one may have been under way
    page.reload()
    shown = page.locator("#content").inner_text()
    assert "The shop moves house." in shown
    assert "boss" in shown
    paused = Fire.objects.count()
    page.get_by_role("button", name="Resume").click()
    wait_until(lambda: Fire.objects.count() > paused, seconds=40, what="a fire after the pause")
    assert not Fire.objects.filter(schedule=schedule, state="missed").exists()
    check_ledger()


def test_missed_morning_is_backfilled(open_page, host, scheme):
    """
    Six hours passed while no beat ran: their times are shown first, then fired and run.
    """
    crontab = CrontabSchedule.objects.create(minute="0", hour="6-11", timezone="UTC")
    task = PeriodicTask.objects.create(
        name="hourly import", task="host.add", args="[1, 2]", crontab=crontab
    )
    schedule = Schedule.objects.create(periodic_task=task)
    yesterday = timezone.now().date() - timedelta(days=1)
    host.worker()
    host.beat()

    page = open_page(f"{OVERVIEW}schedule/", scheme=scheme)
    page.get_by_role("link", name="hourly import").click()
    page.get_by_role("button", name="Backfill").click()
    page.get_by_label("From").fill(f"{yesterday}T06:00:00")
    page.get_by_label("To", exact=False).last.fill(f"{yesterday}T11:59:00")
    page.get_by_role("button", name="Yes").click()
    page.get_by_text("6 times are fired:").wait_for()
    before = Fire.objects.count()
    page.get_by_role("button", name="Yes").click()

    assert before == 0
    assert messages_of(page).startswith("6 fires of schedule hourly import were made")
    backfilled = Fire.objects.filter(schedule=schedule, kind="backfill")
    assert sorted(fire.nominal_at.hour for fire in backfilled) == [6, 7, 8, 9, 10, 11]
    done = Run.objects.filter(fire__in=backfilled, state="succeeded")
    wait_until(lambda: done.count() == 6, seconds=60, what="the six runs")
    wait_for_page(page, "backfill")
    assert "succeeded" in page.locator("#content").inner_text()
    check_ledger()


@pytest.fixture
def template() -> Todo:
    """A to-do of every day at 09:00 in Paris, from tomorrow on, with its five rows."""
    tomorrow = timezone.now() + timedelta(days=1)
    template = Todo.objects.create(
        title="Water the plants",
        due_at=datetime(tomorrow.year, tomorrow.month, tomorrow.day, 8, tzinfo=UTC),
        recurrence_rule="FREQ=DAILY",
        recurrence_timezone="UTC",
    )
    generate_occurrences(Todo)
    return template


def open_occurrence(page: Page, row: Todo) -> None:
    """Go from the calendar of a template to one of its occurrences."""
    month = page.locator(".recurring-jobs-month")
    month.wait_for()
    while not month.locator(f'td:has(time[datetime="{row.due_at:%Y-%m-%d}"])').count():
        title = month.locator("strong").inner_text()
        month.get_by_role("link").last.click()
        page.wait_for_function(
            "title => document.querySelector('.recurring-jobs-months strong').innerText !== title",
            arg=title,
        )
    month.locator(f'td:has(time[datetime="{row.due_at:%Y-%m-%d}"]) a').click()


def test_one_occurrence_is_moved(open_page, template, scheme):
    """
    From the calendar to the occurrence, to another hour, and back: the calendar tells of it.
    """
    row = template.occurrences.order_by("recurrence_id")[1]
    page = open_page("/admin/host/todo/", scheme=scheme)
    page.get_by_role("row").filter(has_text="every day").get_by_role(
        "link", name="Water the plants"
    ).click()
    open_occurrence(page, row)
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_label("Start").fill(f"{row.due_at:%Y-%m-%d}T17:30:00")
    page.get_by_role("button", name="Yes").click()

    assert messages_of(page) == f"Occurrence {row.recurrence_id} was moved."
    page.goto(
        f"{page.url.split('/admin/')[0]}/admin/host/todo/{template.pk}/change/"
        f"?month={row.due_at:%Y-%m}"
    )
    shown = page.locator(".recurring-jobs-month").inner_text()
    assert f"17:30 moved from {row.due_at:%a %Y-%m-%d} 08:00" in " ".join(shown.split())
    assert template.occurrences.count() == 5


def test_series_is_split(open_page, template, scheme):
    """
    From one occurrence on the series has another name; those before it keep theirs.
    """
    row = template.occurrences.order_by("recurrence_id")[2]
    page = open_page(f"/admin/host/todo/{template.pk}/change/", scheme=scheme)
    open_occurrence(page, row)
    page.get_by_role("button", name="Change this and following").click()
    page.get_by_label("Title").fill("Water the garden")
    page.get_by_role("button", name="Yes").click()

    assert messages_of(page).startswith("The series goes on as Water the garden")
    following = Todo.objects.templates().get(title="Water the garden")
    assert page.url.endswith(f"/{following.pk}/change/")
    titles = [
        each.title for each in Todo.objects.occurrences().order_by("due_at").exclude(title="")
    ]
    assert titles == ["Water the plants"] * 2 + ["Water the garden"] * 5

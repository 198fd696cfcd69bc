from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import django
import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from recurring_jobs.models import Beat, Schedule
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.admin.rows import (
    PAYLOAD,
    make_fire,
    make_letter,
    make_rule_schedule,
    make_run,
    make_schedule,
)
from tests.host.models import Todo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Page

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

POLICY = {
    "default-src": ["'none'"],
    "connect-src": ["'self'"],
    "font-src": ["'self'"],
    "form-action": ["'self'"],
    "img-src": ["'self'", "data:"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
}
WIDTHS = {"wide": 1280, "narrow": 360}


def errors_in(said: ConsoleMessage) -> list[str]:
    """Return what *said* complains of; that the host has no icon is none of our business."""
    is_ours = said.type == "error" and not said.location["url"].endswith("/favicon.ico")
    return [f"{said.text} {said.location['url']}"] if is_ours else []


def messages_of(page: Page) -> str:
    """Return what the site says after an action, as soon as it does."""
    return page.locator(".messagelist").inner_text()


@pytest.fixture(scope="session")
def chromium(chromium_path) -> Iterator[Browser]:
    """One Chromium for all tests of this module."""
    playwright = pytest.importorskip("playwright.sync_api")
    # Playwright's loop would make Django refuse the database in this thread.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium_path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def strict_policy(settings) -> None:
    """Serve every page with a policy that allows only files of the site itself."""
    if django.VERSION < (6, 0):
        return
    settings.SECURE_CSP = POLICY
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.middleware.csp.ContentSecurityPolicyMiddleware",
    ]


@pytest.fixture
def open_page(
    chromium, strict_policy, live_server, django_user_model
) -> Iterator[Callable[..., Page]]:
    """
    Open a page of the site as a superuser, in a scheme and a width.

    At the end no page may have complained: no error in the console, no violation of the
    policy, no script error, no dialog.
    """
    boss = django_user_model.objects.create_superuser("boss")
    client = Client()
    client.force_login(boss)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    contexts = []
    complaints: list[str] = []

    def open_one(path: str, *, scheme: str = "light", width: str = "wide") -> Page:
        context = chromium.new_context(
            color_scheme=scheme, viewport={"width": WIDTHS[width], "height": 900}
        )
        contexts.append(context)
        context.add_cookies([{**cookie, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda said: complaints.extend(errors_in(said)))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append("dialog"), dialog.dismiss()))
        answer = page.goto(f"{live_server.url}{path}", wait_until="networkidle")
        assert answer.status == 200, path
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def rows() -> dict[str, str]:
    """Rows of every kind, and the address of each page that shows them."""
    nightly = make_schedule("nightly report", declared_in="shop.tasks")
    make_rule_schedule(
        "last Friday invoices",
        "FREQ=MONTHLY;BYDAY=-1FR",
        next_fire_at=timezone.now() + timedelta(days=3),
    )
    make_schedule("paused import", enabled=False)
    make_schedule("withdrawn cleanup", enabled=False, withdrawn_at=timezone.now())
    make_schedule(PAYLOAD, set_aside_reason=PAYLOAD)
    states = ["succeeded", "failed", "running", "retrying", "succeeded", "succeeded"]
    for age, state in enumerate(states):
        fire = make_fire(nightly, days_ago=age)
        make_run(
            state,
            fire=fire,
            worker="celery@web-1",
            attempt=1,
            progress_done=40 if state == "running" else None,
            progress_total=100 if state == "running" else None,
            progress_note="customers" if state == "running" else "",
            exception="ConnectionError: the other side hung up" if state == "failed" else "",
        )
    make_fire(nightly, days_ago=9, state="missed", published_at=None, reason="No beat was running.")
    run = make_run("failed", task=PAYLOAD, exception=PAYLOAD, args=[PAYLOAD])
    letter = make_letter()
    make_letter(task="shop.tasks.charge", kwargs={"token": "[redacted]", "user": 7})
    make_letter(task=PAYLOAD, exception=PAYLOAD, exception_type=PAYLOAD, tracebacks=[PAYLOAD])
    todo = Todo.objects.create(
        title="Water the plants",
        due_at=timezone.now() - timedelta(days=30),
        recurrence_rule="FREQ=WEEKLY;BYDAY=MO,TH",
        recurrence_timezone="Europe/Paris",
    )
    for week in range(3):
        Todo.objects.create(
            title="Water the plants",
            due_at=timezone.now() + timedelta(weeks=week),
            recurrence_parent=todo,
            recurrence_id=f"2026030{week + 1}T090000",
        )
    for number, hour in enumerate((1, 2, 2, 5, 9, 14)):
        make_run(
            "failed" if number % 3 == 0 else "succeeded",
            task=("shop.tasks.charge", "shop.tasks.mail")[number % 2],
            worker="celery@web-1",
            heartbeat_at=timezone.now(),
            created_at=timezone.now() - timedelta(hours=hour),
        )
    interval = IntervalSchedule.objects.create(every=7, period="minutes")
    beating = PeriodicTask.objects.create(name="poll", task="host.poll", interval=interval)
    soon = timezone.now() + timedelta(minutes=3)
    Schedule.objects.create(periodic_task=beating, next_fire_at=soon)
    Beat.objects.create(name="web-1:4711", started_at=timezone.now(), ticked_at=timezone.now())
    base = "/admin/recurring_jobs"
    beat = "/admin/django_celery_beat/periodictask"
    return {
        "index": "/admin/recurring_jobs/",
        "schedules": f"{base}/schedule/",
        "schedule": f"{base}/schedule/{nightly.pk}/change/",
        "fires": f"{base}/fire/",
        "fire": f"{base}/fire/{fire.pk}/change/",
        "runs": f"{base}/run/",
        "run": f"{base}/run/{run.pk}/change/",
        "dead-letters": f"{base}/deadletter/",
        "dead-letter": f"{base}/deadletter/{letter.pk}/change/",
        "todos": "/admin/host/todo/",
        "todo": f"/admin/host/todo/{todo.pk}/change/",
        "new-todo": "/admin/host/todo/add/",
        "new-event": "/events/new/",
        "periodic-task": f"{beat}/{nightly.periodic_task_id}/change/",
    }


@pytest.fixture
def pictures(tmp_path_factory) -> Path:
    """The folder that pictures of the pages go to; ADMIN_PICTURES names another."""
    chosen = os.environ.get("ADMIN_PICTURES")
    if chosen:
        from pathlib import Path

        return Path(chosen)
    return tmp_path_factory.mktemp("pictures")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_open_without_complaint(open_page, rows, pictures, scheme, width):
    """
    Every page opens in both schemes and widths, keeps to the policy, and fits the screen.
    """
    too_wide = []
    for name, path in rows.items():
        page = open_page(path, scheme=scheme, width=width)
        page.screenshot(path=pictures / f"{name}-{scheme}-{width}.png", full_page=True)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"):
            too_wide.append(name)
        page.close()

    assert too_wide == []


def test_dead_letter_is_sent_again_with_edited_arguments(open_page, rows, pictures):
    """
    From the page of a letter: ask, refuse what is no JSON, then send what was typed.
    """
    page = open_page(rows["dead-letter"])
    page.get_by_role("button", name="Send again").click()
    page.get_by_label("Keyword arguments").fill('{"days": }')
    page.get_by_role("button", name="Yes").click()
    refusal = page.locator(".errorlist").inner_text()
    page.screenshot(path=pictures / "requeue-refused.png", full_page=True)

    page.get_by_label("Keyword arguments").fill('{"days": 30}')
    page.get_by_role("button", name="Yes").click()

    assert refusal.startswith("This is not JSON: Expecting value")
    assert "Task host.report was sent again with edited arguments" in messages_of(page)
    page.screenshot(path=pictures / "requeued.png", full_page=True)


def test_several_dead_letters_are_discarded_after_a_question(open_page, rows, pictures):
    """
    From the list: the question names the letters and their number; then they are closed.
    """
    page = open_page(rows["dead-letters"])
    page.get_by_label("Select all objects on this page for an action").check()
    page.get_by_label("Action:").select_option(label="Discard selected dead letters")
    page.locator("button[name=index]").click()  # "Go", since Django 6.0 "Run"
    question = page.locator(".recurring-jobs-confirm p").first.inner_text()
    page.screenshot(path=pictures / "discard-question.png", full_page=True)
    page.get_by_role("button", name="Yes").click()

    assert question == "Close these 3 dead letters without sending them again?"
    assert messages_of(page) == "3 dead letters were discarded."


def test_schedule_is_paused_and_resumed_with_the_keyboard(open_page, rows):
    """
    What can be done to a schedule is a button that the keyboard reaches.
    """
    page = open_page(rows["schedule"])
    page.get_by_role("button", name="Pause").press("Enter")
    page.get_by_label("Reason").fill("Holidays.")
    page.get_by_role("button", name="Yes").press("Enter")
    said = messages_of(page)
    page.get_by_role("button", name="Resume").press("Enter")
    page.get_by_role("button", name="Pause").wait_for()

    assert said == "Schedule nightly report was paused: Holidays."
    assert messages_of(page) == "Schedule nightly report was resumed."


#: Whether what the rule says stands beside its text area, where there is no room for it.
_IS_BESIDE = """() => {
    const box = document.querySelector(".recurring-jobs-preview");
    const [above, below] = [box.previousElementSibling, box].map((e) => e.getBoundingClientRect());
    return below.top < above.bottom;
}"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_series_is_edited_with_the_keyboard(open_page, pictures, scheme, width):
    """
    Each edit of a series is a button that the keyboard reaches, a question, and a message.
    """
    template = Todo.objects.create(
        title="Water the plants",
        due_at=timezone.now().replace(microsecond=0) + timedelta(hours=1),
        recurrence_rule="FREQ=DAILY",
        recurrence_timezone="Europe/Paris",
    )
    generate_occurrences(Todo)
    rows = list(template.occurrences.order_by("recurrence_id"))
    pages = {
        "template": (template, ("Change the rule", "End the series")),
        "occurrence": (rows[2], ("Move", "Change this and following", "Skip")),
    }
    said, too_wide, beside = [], [], []
    for kind, (row, labels) in pages.items():
        for label in labels:
            page = open_page(f"/admin/host/todo/{row.pk}/change/", scheme=scheme, width=width)
            name = f"series-{kind}-{scheme}-{width}"
            page.screenshot(path=pictures / f"{name}.png", full_page=True)
            page.get_by_role("button", name=label, exact=True).press("Enter")
            page.get_by_role("button", name="Yes").wait_for()
            name = f"series-{label.replace(' ', '-').lower()}-{scheme}-{width}"
            page.screenshot(path=pictures / f"{name}.png", full_page=True)
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"):
                too_wide.append(name)
            if page.locator(".recurring-jobs-preview").count() and page.evaluate(_IS_BESIDE):
                beside.append(name)
            if label == "End the series":
                page.get_by_label("Last day").fill(f"{rows[3].due_at:%Y-%m-%d}")
            page.get_by_role("button", name="Yes").press("Enter")
            said.append(messages_of(page))
            page.close()

    assert too_wide == []
    assert beside == []
    assert [sentence.split(" ")[-1] for sentence in said] == [
        *("0.", "removed.", "moved.", "on.", "skipped."),
    ]


@pytest.mark.parametrize("page_name", ["todo", "new-todo"])
def test_rule_is_shown_in_words_while_it_is_typed(open_page, rows, pictures, page_name):
    """
    A rule that is typed shows its words and next ten times, and a wrong one its fault.
    """
    page = open_page(rows[page_name])
    page.locator("#id_due_at_0").fill("2026-03-02")
    page.locator("#id_due_at_1").fill("09:00:00")
    page.get_by_label("Time zone:").fill("America/New_York")
    rule = page.get_by_label("Recurrence rule")
    preview = page.locator(".recurring-jobs-preview")

    rule.fill("FREQ=MONTHLY;BYDAY=-1FR")
    page.get_by_role("columnheader", name="America/New_York").wait_for()
    days = {line.split()[0] for line in preview.locator("tbody time").all_inner_texts()}
    page.screenshot(path=pictures / f"preview-{page_name}.png", full_page=True)
    rule.fill("FREQ=SOMETIMES")
    preview.locator(".errorlist").wait_for()

    assert days == {"Fri"}
    assert "SOMETIMES" in preview.inner_text()


def test_rule_is_shown_in_words_on_a_page_of_the_host(open_page, rows, pictures):
    """
    Outside the admin the form field shows words, times and faults while a rule is typed.
    """
    page = open_page(rows["new-event"])
    rule = page.get_by_label("Recurrence rule")
    preview = page.locator(".recurring-jobs-preview")
    page.get_by_label("Starts at").fill("2026-03-02 14:00")
    page.get_by_label("Time zone").fill("America/New_York")

    rule.fill("FREQ=MONTHLY;BYDAY=-1FR")
    page.get_by_role("columnheader", name="America/New_York").wait_for()
    times = preview.locator("tbody tr > td:first-child").all_inner_texts()
    page.screenshot(path=pictures / "preview-new-event.png", full_page=True)
    rule.fill("FREQ=SOMETIMES")
    preview.get_by_text("SOMETIMES").wait_for()

    assert len(times) == 10
    assert all(text.startswith("Fri ") and text.endswith(" 09:00") for text in times)


def test_rule_is_shown_in_words_without_a_script(chromium, live_server, admin_user, pictures):
    """
    A browser that runs no script has the words and times when the form comes back.
    """
    client = Client()
    client.force_login(admin_user)
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 360, "height": 900}
    )
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/events/new/")
    page.get_by_label("Starts at").fill("2026-03-02 14:00")
    page.get_by_label("Recurrence rule").fill("FREQ=WEEKLY;BYDAY=MO,TH")
    page.get_by_label("Time zone").fill("Europe/Paris")
    page.get_by_label("Title").fill("   ")  # refused by the server, not by the browser

    page.get_by_role("button", name="Save").click()
    page.get_by_text("This field is required.").wait_for()
    shown = page.locator(".recurring-jobs-preview").inner_text()
    page.screenshot(path=pictures / "no-script.png", full_page=True)
    context.close()

    assert "Every week on Monday and Thursday" in shown
    assert shown.count("15:00") == 10

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from recurring_jobs.inspection import purge_queues, queue_sizes
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.admin.rows import make_letter
from tests.host.models import Todo
from tests.live.admin_rows import every_page
from tests.live.browser import OTHER_VIEWS, is_too_wide, messages_of

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("scheme", "width"), OTHER_VIEWS)
def test_pages_open_without_complaint(open_page, rows, questions, pictures, scheme, width):
    """
    Every page opens in both schemes and widths, keeps to the policy, and fits the screen.
    """
    too_wide = []
    for name, page in every_page(open_page, rows, questions, scheme=scheme, width=width):
        page.screenshot(path=pictures / f"{name}-{scheme}-{width}.png", full_page=True)
        if is_too_wide(page):
            too_wide.append(name)

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


@pytest.mark.parametrize(("scheme", "width"), OTHER_VIEWS)
def test_queue_is_purged_after_a_question(open_page, rows, pictures, scheme, width):
    """
    From the overview: ask the broker, be asked, and the messages of that queue are gone.
    """
    app = current_app._get_current_object()
    queue = app.conf.task_default_queue
    purge_queues(app, [queue])
    with app.connection_for_write() as connection:
        for _ in range(2):
            connection.SimpleQueue(queue).put({})
    page = open_page(rows["index"], scheme=scheme, width=width)
    page.get_by_role("link", name="Ask the broker").click()
    page.screenshot(path=pictures / f"queues-{scheme}-{width}.png", full_page=True)
    page.get_by_role("button", name=f"Purge queue {queue}").click()
    question = page.locator(".recurring-jobs-confirm p").first.inner_text()
    page.screenshot(path=pictures / f"purge-{scheme}-{width}.png", full_page=True)
    page.get_by_role("button", name="Yes").click()

    assert question.startswith(f"Remove the 2 messages that wait in queue {queue}, for good?")
    assert messages_of(page) == f"2 messages were removed from queue {queue}."
    assert queue_sizes(app, [queue]) == {queue: 0}


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


@pytest.mark.parametrize(("scheme", "width"), OTHER_VIEWS)
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
            if is_too_wide(page):
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


def test_answer_to_what_is_no_longer_typed_is_not_shown(open_page, rows):
    """
    Who types a rule and takes it back at once sees what the first one says, and stays so.
    """
    page = open_page(rows["todo"])
    page.route("**/recurrence-preview/*", lambda route: None)  # the answer takes its time
    rule = page.get_by_label("Recurrence rule")
    words = page.locator(".recurring-jobs-preview").inner_text()
    before = rule.input_value()

    with page.expect_request("**/recurrence-preview/*"):
        rule.fill("FREQ=YEARLY")
    with page.expect_event("requestfailed", timeout=5_000):  # nobody waits for it any more
        rule.fill(before)

    page.locator(".recurring-jobs-preview:not([aria-busy])").wait_for()
    assert page.locator(".recurring-jobs-preview").inner_text() == words


def test_crontab_is_shown_in_words_while_it_is_typed(open_page, rows):
    """
    The form of a periodic task follows what is typed; a button shows it without the script, too.
    """
    page = open_page(rows["periodic-task"])
    preview = page.locator(".recurring-jobs-preview")
    line = page.get_by_label("Crontab:", exact=True)

    line.fill("30 7 * * mon-fri")
    preview.get_by_text("Every week on Monday to Friday at 07:30").wait_for()
    times = preview.locator("tbody time").count()
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Show what it says").click()
    whole = opened.value.locator("#content-main").inner_text()
    line.fill("61 * * * *")
    preview.locator(".errorlist").wait_for()

    assert times == 10
    assert "Every week on Monday to Friday at 07:30" in whole
    assert "61" in preview.inner_text()


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


def test_rule_is_shown_in_words_without_a_script(chromium, site, admin_user, pictures):
    """
    A browser that runs no script has the words and times when the form comes back.
    """
    client = Client()
    client.force_login(admin_user)
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 360, "height": 900}
    )
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
    page = context.new_page()
    page.goto(f"{site}/events/new/")
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


def test_calendar_is_turned_without_losing_what_was_typed(open_page, rows):
    """
    The months follow each other in place, also with the keyboard; the form stays as it is.
    """
    page = open_page(rows["todo"])
    page.get_by_label("Title").fill("Water the garden")
    month = page.locator(".recurring-jobs-months strong")
    first = month.inner_text()

    page.locator(".recurring-jobs-months a[rel=next]").click()
    page.locator(".recurring-jobs-months a[rel=prev]", has_text=first).wait_for()
    second = month.inner_text()
    page.keyboard.press("Enter")  # on the link to the month after, which has the focus
    page.locator(".recurring-jobs-months a[rel=prev]", has_text=second).wait_for()

    assert len({first, second, month.inner_text()}) == 3
    assert page.get_by_label("Title").input_value() == "Water the garden"


def test_overview_refreshes_itself_and_says_when_it_could_not(open_page, rows):
    """
    After half a minute the page has what is new; where the site does not answer it says so.
    """
    page = open_page(rows["index"])
    page.clock.install()
    page.reload(wait_until="networkidle")
    shown = page.locator(".recurring-jobs-piece-troubles")
    before = shown.inner_text()
    make_letter()

    page.clock.fast_forward(31_000)
    shown.get_by_text("4 dead letters wait for a person").wait_for()
    stale = page.locator(".recurring-jobs-stale")
    was_stale = stale.is_visible()
    page.route("**/admin/recurring_jobs/", lambda route: route.fulfill(body="Sign in, please."))
    page.clock.fast_forward(31_000)
    stale.wait_for()

    assert "3 dead letters wait for a person" in before
    assert not was_stale
    assert stale.inner_text() == "It could not be refreshed since."
    assert "4 dead letters" in shown.inner_text()

"""A form of the admin that is sent twice is done once."""

from __future__ import annotations

import re
from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from recurring_jobs.models import Fire, Schedule
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.admin.rows import make_schedule
from tests.host.models import Todo
from tests.recurrence.conftest import NOW

pytestmark = pytest.mark.django_db


def url_of(row: Any, action: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{action}", args=[row.pk])


def form_of(answer: Any, **typed: str) -> dict[str, Any]:
    """Return what a browser sends from the question *answer*, with what was *typed* into it."""
    html = answer.content.decode().split('class="recurring-jobs-confirm"')[1]
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html)
    return {**dict(hidden), **typed}


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_form_that_is_sent_twice_fires_once(boss, sent):
    """
    The second is told what the first did, and led to the same page; one entry is in the log.
    """
    url = url_of(make_schedule(), "run_now")
    form = form_of(boss.post(url), overlap="allow")

    first, second = (boss.post(url, form, follow=True) for _click in range(2))

    fire = Fire.objects.get()
    sentence = f"Schedule nightly report was fired by hand, as task {fire.task_id}."
    assert len(sent) == LogEntry.objects.count() == 1
    assert said(first) == [sentence]
    assert said(second) == [f"This form was sent twice. It was done once: {sentence}"]
    assert first.redirect_chain == second.redirect_chain


def test_each_question_is_answered_anew(boss, sent):
    """
    Whoever is asked twice, and says yes twice, has it done twice.
    """
    url = url_of(make_schedule(), "run_now")

    for _question in range(2):
        boss.post(url, form_of(boss.post(url), overlap="allow"))

    assert len(sent) == 2


def test_other_arguments_are_another_form(boss, sent):
    """
    Back to the question, where other arguments are typed: they are sent as well.
    """
    url = url_of(make_schedule(), "run_now")
    form = form_of(boss.post(url), overlap="allow")

    for days in (7, 8):
        boss.post(url, {**form, "args": "[]", "kwargs": f'{{"days": {days}}}'})

    assert [each["kwargs"] for each in sent] == [{"days": 7}, {"days": 8}]


def test_what_was_refused_may_be_sent_again(boss, sent):
    """
    With the broker away nothing was done: the same form does it when the broker is back.
    """
    url = url_of(make_schedule(), "run_now")
    form = form_of(boss.post(url), overlap="allow")
    sent.error = OperationalError("away")
    boss.post(url, form)
    sent.error = None

    boss.post(url, form)

    assert len(sent) == 1


def test_double_click_skips_one_fire(boss):
    """
    The next fire is left out, and not the one after it as well.
    """
    schedule = make_schedule()
    url = url_of(schedule, "skip_next")
    form = form_of(boss.post(url))

    for _click in range(2):
        boss.post(url, form)

    schedule.refresh_from_db()
    assert schedule.skipped_count == Fire.objects.count() == 1


def test_row_that_the_first_took_away(boss):
    """
    A skipped occurrence has no page any more; the second form is told so, and not a 404.
    """
    Todo.objects.create(title="Plants", due_at=NOW, recurrence_rule="FREQ=DAILY;COUNT=3")
    generate_occurrences(Todo, now=NOW)
    url = url_of(Todo.objects.occurrences().first(), "skip")
    form = form_of(boss.post(url))
    before = Todo.objects.occurrences().count()

    first, second = (boss.post(url, form, follow=True) for _click in range(2))

    assert Todo.objects.occurrences().count() == before - 1
    assert said(second) == [f"This form was sent twice. It was done once: {said(first)[0]}"]


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("recurring_jobs/schedule", "run_now_selected"),
        ("django_celery_beat/periodictask", "run_tasks"),
    ],
    ids=["schedules", "periodic-tasks"],
)
def test_list_is_acted_on_once(boss, sent, path, action):
    """
    So it is with what was chosen in a list, which asks first as well.
    """
    schedule = make_schedule()
    key = schedule.pk if "schedule" in path else schedule.periodic_task_id
    chosen = {"action": action, "_selected_action": [key]}
    url = f"/admin/{path}/"
    form = form_of(boss.post(url, chosen), overlap="allow")

    before = len(sent)
    _first, second = (boss.post(url, form, follow=True) for _click in range(2))

    assert (before, len(sent)) == (0, 1)
    assert said(second)[0].startswith("This form was sent twice. It was done once: 1 ")


def token_in(answer: Any) -> str:
    """Return the token of the only form on the page *answer* that acts without a question."""
    tokens: set[str] = set(re.findall(r'name="once" value="(\w+)"', answer.content.decode()))
    assert len(tokens) == 1
    return tokens.pop()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("toggle_tasks", "Toggle activity of selected tasks"),
        ("enable_tasks", "Enable selected tasks"),
        ("disable_tasks", "Disable selected tasks"),
    ],
)
def test_what_asks_nothing_is_done_once(boss, action, words):
    """
    A list's form carries a token as well: a task that was toggled is not toggled back.
    """
    task = make_schedule().periodic_task
    url = "/admin/django_celery_beat/periodictask/"
    form = {"action": action, "_selected_action": [task.pk], "once": token_in(boss.get(url))}

    _first, second = (boss.post(url, form, follow=True) for _click in range(2))

    task.refresh_from_db()
    assert (task.enabled, LogEntry.objects.count()) == (action == "enable_tasks", 1)
    assert said(second) == [f"This form was sent twice. It was done once: {words}"]
    assert token_in(second) != form["once"]


def test_button_that_asks_nothing_acts_once(boss):
    """
    So does the button on a schedule's page that lets it fire again.
    """
    schedule = make_schedule(enabled=False)
    page = boss.get(f"/admin/recurring_jobs/schedule/{schedule.pk}/change/")
    form = {"once": token_in(page)}

    _first, second = (boss.post(url_of(schedule, "resume"), form, follow=True) for _ in range(2))

    sentence = "Schedule nightly report was resumed."
    assert LogEntry.objects.count() == 1
    assert said(second) == [f"This form was sent twice. It was done once: {sentence}"]


def test_list_that_asks_nothing_resumes_once(boss):
    """
    And the list of schedules.
    """
    schedule = make_schedule(enabled=False)
    url = "/admin/recurring_jobs/schedule/"
    chosen = {"action": "resume_selected", "_selected_action": [schedule.pk]}
    form = {**chosen, "once": token_in(boss.get(url))}

    for _click in range(2):
        boss.post(url, form)

    assert LogEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_fires(boss, sent, django_user_model):
    """
    Two posts of one form at one moment fire once; the other tells that, or that it is under way.
    """
    url = url_of(make_schedule(), "run_now")
    form = form_of(boss.post(url), overlap="allow")
    person, gate, answers = django_user_model.objects.get(), Barrier(4), []

    def click() -> None:
        browser = Client()
        browser.force_login(person)
        gate.wait(timeout=30)
        answers.append(browser.post(url, form).status_code)
        connection.close()

    threads = [Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert answers == [302] * 4
    assert len(sent) == Fire.objects.count() == Schedule.objects.count() == 1

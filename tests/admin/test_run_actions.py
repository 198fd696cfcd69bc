"""Runs: cancelled while they go on, sent again when they have ended, and what each failed with."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from recurring_jobs.models import Run
from tests.admin.rows import make_letter, make_lock, make_run

pytestmark = pytest.mark.django_db

LIST = "/admin/recurring_jobs/run/"


@pytest.fixture(autouse=True)
def revoked(monkeypatch) -> list[tuple[str, bool]]:
    """What workers were told to drop or to kill."""
    told: list[tuple[str, bool]] = []

    def revoke(task_id: str, **options: Any) -> None:
        told.append((task_id, options.get("terminate", False)))

    monkeypatch.setattr(current_app.control, "revoke", revoke)
    return told


def url_of(run: Run, action: str) -> str:
    return reverse(f"admin:recurring_jobs_run_{action}", args=[run.pk])


def test_waiting_run_is_cancelled_after_a_question(boss, revoked):
    """
    The button asks; confirmed, the run is skipped, and the record says by whom.
    """
    run = make_run("queued")

    asked = boss.post(url_of(run, "cancel")).content.decode()
    boss.post(url_of(run, "cancel"), {"confirmed": "yes"})

    run.refresh_from_db()
    assert "Cancel this run?" in asked
    assert "kill" not in asked
    assert (run.state, run.exception) == ("skipped", "Cancelled by boss.")
    assert LogEntry.objects.get().change_message == f"Run {run} was cancelled."


@pytest.mark.parametrize(
    ("data", "told", "sentence"),
    [
        ({}, [], "Run {run} was asked to end."),
        ({"kill": "on"}, [True], "The worker of run {run} was told to kill it."),
    ],
    ids=["asked", "killed"],
)
def test_run_at_work_is_asked_or_killed(boss, revoked, data, told, sentence):
    """
    The form offers to kill it; else its task decides.
    """
    run = make_run("running")

    boss.post(url_of(run, "cancel"), {"confirmed": "yes", **data})

    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    assert [kill for _id, kill in revoked] == told
    assert LogEntry.objects.get().change_message == sentence.format(run=run)


def test_several_are_cancelled_and_counted(boss):
    """
    What has ended meanwhile is said, and does not stop the others.
    """
    runs = [make_run("queued"), make_run("running"), make_run("succeeded")]
    data = {"action": "cancel_selected", "_selected_action": [run.pk for run in runs]}

    answer = boss.post(LIST, {**data, "confirmed": "yes"}, follow=True)

    assert [str(message) for message in answer.context["messages"]] == [
        "2 runs were cancelled, or asked to end.",
        f"Run {runs[2].pk} has ended: it is succeeded. Nothing was done.",
    ]


def test_run_is_sent_again_with_edited_arguments(boss, sent, django_capture_on_commit_callbacks):
    """
    The form holds the arguments as they were; what is typed is sent as a run of its own.
    """
    run = make_run("succeeded", args=[1], kwargs={"days": 7})
    question = boss.post(url_of(run, "send_again")).context
    typed = {"args": question["form"]["args"].value(), "kwargs": '{"days": 8}'}
    data = {"confirmed": "yes", "once": question["once"], **typed}

    for _click in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            boss.post(url_of(run, "send_again"), data)

    assert [(each["args"], each["kwargs"]) for each in sent] == [([1], {"days": 8})]
    new = Run.objects.exclude(pk=run.pk).get()
    assert new.retried_from == run.pk
    sentence = f"Task host.report was sent again with edited arguments, as {new.pk}."
    assert LogEntry.objects.first().change_message == sentence


@pytest.mark.parametrize(
    ("state", "tools"),
    [
        ("queued", ["cancel"]),
        ("running", ["cancel"]),
        ("succeeded", ["send_again"]),
        ("failed", ["send_again"]),
    ],
)
def test_page_offers_what_makes_sense(boss, state, tools):
    """
    What goes on can be cancelled, what has ended can be sent again.
    """
    page = boss.get(url_of(make_run(state), "change"))

    assert [tool["name"] for tool in page.context["recurring_jobs_tools"]] == tools


def test_run_with_an_open_letter_leads_to_it(boss):
    """
    Such a run is sent again by its letter, which is closed by that.
    """
    run = make_run("failed")
    letter = make_letter(task_id=run.pk)

    page = boss.get(url_of(run, "change"))

    assert page.context["recurring_jobs_tools"] == []
    letter_url = reverse("admin:recurring_jobs_deadletter_change", args=[letter.pk])
    assert letter_url in page.content.decode()


def test_attempts_stand_with_their_tracebacks(boss):
    """
    Those of the letter where it gave up, else those that came with the message.
    """
    failed = make_run("failed")
    make_letter(task_id=failed.pk, tracebacks=["first try", "second try"])
    retrying = make_run(
        "retrying", options={"headers": {"recurring_jobs_failures": ["an earlier try"]}}
    )

    pages = [boss.get(url_of(run, "change")).content.decode() for run in (failed, retrying)]

    assert pages[0].index("first try") < pages[0].index("second try")
    assert "Attempt 2" in pages[0]
    assert "an earlier try" in pages[1]


def test_locks_of_a_run_are_linked(boss):
    """
    From a run that keeps others waiting one comes to what to break.
    """
    run = make_run("running")
    lock = make_lock(owner=run.pk)

    page = boss.get(url_of(run, "change")).content.decode()

    assert reverse("admin:recurring_jobs_tasklock_change", args=[lock.pk]) in page

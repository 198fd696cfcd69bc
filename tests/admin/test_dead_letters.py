from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.urls import reverse
from kombu.exceptions import OperationalError

from recurring_jobs.admin.action_pages import MOST_AT_ONCE
from recurring_jobs.models import DeadLetter
from tests.admin.rows import make_letter

# Transactions that commit: a letter is sent when they do.
pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/recurring_jobs/deadletter/"
AS_IT_WAS = {"confirmed": "yes", "args": '[1, "two"]', "kwargs": '{"days": 7}'}


def url_of(letter: DeadLetter, action: str) -> str:
    return reverse(f"admin:recurring_jobs_deadletter_{action}", args=[letter.pk])


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def log() -> list[tuple[str, int, str]]:
    return list(LogEntry.objects.values_list("object_id", "action_flag", "change_message"))


def test_first_post_asks_and_changes_nothing(boss, sent):
    """
    The button on the page leads to a question with the arguments as they were.
    """
    letter = make_letter()

    answer = boss.post(url_of(letter, "requeue"))

    html = answer.content.decode()
    assert answer.status_code == 200
    assert "Send this dead letter to a worker again?" in html
    assert "&quot;days&quot;: 7" in html
    assert DeadLetter.objects.get().state == "open"
    assert (sent, log()) == ([], [])


def test_letter_is_sent_again_as_it_was(boss, sent):
    """
    Confirmed as shown, the task is sent once with the old arguments and a new id.
    """
    letter = make_letter()

    answer = boss.post(url_of(letter, "requeue"), AS_IT_WAS, follow=True)

    letter.refresh_from_db()
    (message,) = sent
    assert (message["task"], message["args"], message["kwargs"]) == (
        "host.report",
        [1, "two"],
        {"days": 7},
    )
    assert message["id"] == letter.requeued_as != letter.task_id
    assert letter.state == "requeued"
    assert letter.closed_by == "boss"
    sentence = f"Task host.report was sent again as {message['id']}."
    assert said(answer) == [sentence]
    assert log() == [(str(letter.pk), CHANGE, sentence)]


def test_second_click_sends_nothing(boss, sent):
    """
    Of two confirmations of one question the second is told that the letter is closed.
    """
    letter = make_letter()

    boss.post(url_of(letter, "requeue"), AS_IT_WAS)
    second = boss.post(url_of(letter, "requeue"), AS_IT_WAS)

    assert len(sent) == 1
    assert second.status_code == 200
    assert second.context["form"].non_field_errors() == [
        f"Dead letter {letter} was requeued by boss before. Nothing was done."
    ]
    assert len(log()) == 1


def test_letter_is_sent_with_edited_arguments(boss, sent):
    """
    What was typed is sent, and the log says that it was edited.
    """
    letter = make_letter()

    boss.post(
        url_of(letter, "requeue"), {**AS_IT_WAS, "args": "[2]", "kwargs": '{"days": 30, "é": null}'}
    )

    (message,) = sent
    assert (message["args"], message["kwargs"]) == ([2], {"days": 30, "é": None})
    assert (
        log()[0][2] == f"Task host.report was sent again with edited arguments, as {message['id']}."
    )


@pytest.mark.parametrize(
    ("field", "text", "error"),
    [
        pytest.param(
            "args",
            "[1,",
            "This is not JSON: Expecting value: line 1 column 4 (char 3).",
            id="broken-json",
        ),
        pytest.param("args", '{"a": 1}', 'Give a JSON list, such as [1, "two"].', id="no-list"),
        pytest.param(
            "kwargs", "[1]", 'Give a JSON object, such as {"user_id": 7}.', id="no-object"
        ),
        pytest.param("kwargs", "", "This field is required.", id="empty"),
        pytest.param(
            "kwargs",
            '{"a": NaN}',
            "This is not JSON: NaN is not a JSON value.",
            id="not-a-number",
        ),
        pytest.param(
            "args",
            "[" * 100_000,
            "Ensure this value has at most 65536 characters (it has 100000).",
            id="too-long",
        ),
        pytest.param(
            "args",
            "[" * 60_000,
            "This is not JSON: it is nested too deeply.",
            id="too-deep",
        ),
    ],
)
def test_arguments_that_cannot_be_are_refused(boss, sent, field, text, error):
    """
    The form comes back with a sentence, and nothing is sent.
    """
    letter = make_letter()

    answer = boss.post(url_of(letter, "requeue"), {**AS_IT_WAS, field: text})

    assert answer.context["form"].errors == {field: [error]}
    assert DeadLetter.objects.get().state == "open"
    assert (sent, log()) == ([], [])


def test_arguments_that_the_task_does_not_take_are_refused(boss, sent):
    """
    As over HTTP and on the command line, they are held against the task before it is sent.
    """
    letter = make_letter(task="host.add", args=[1, 2])

    answer = boss.post(url_of(letter, "requeue"), {**AS_IT_WAS, "args": "[1, 2, 3]"})

    (said,) = answer.context["form"].non_field_errors()
    assert "host.add" in said
    assert DeadLetter.objects.get().state == "open"
    assert (sent, log()) == ([], [])


def test_letter_with_secrets_says_why_it_cannot_be_sent(boss, sent):
    """
    The question shows the reason, and a confirmation without new arguments is refused.
    """
    reason = "Its arguments hold what was redacted."
    letter = make_letter(
        kwargs={"token": "[redacted]"}, is_sendable=False, not_sendable_reason=reason
    )
    as_it_was = {**AS_IT_WAS, "kwargs": json.dumps(letter.kwargs)}

    question = boss.post(url_of(letter, "requeue"))
    answer = boss.post(url_of(letter, "requeue"), as_it_was)

    assert reason in question.content.decode()
    assert reason in str(answer.context["form"].non_field_errors())
    assert sent == []


def test_letter_is_discarded(boss, sent):
    """
    A discarded letter is closed by name, logged, and offers nothing more.
    """
    letter = make_letter()

    answer = boss.post(url_of(letter, "discard"), {"confirmed": "yes"}, follow=True)

    letter.refresh_from_db()
    sentence = "The dead letter of host.report was discarded."
    assert (letter.state, letter.closed_by) == ("discarded", "boss")
    assert said(answer) == [sentence]
    assert log() == [(str(letter.pk), CHANGE, sentence)]
    assert answer.context["recurring_jobs_tools"] == []
    assert sent == []


def test_letter_is_discarded_once(boss):
    """
    Of two people the second is told who closed the letter, and leaves no entry in the log.
    """
    letter = make_letter(state="discarded", closed_by="robin")

    answer = boss.post(url_of(letter, "discard"), {"confirmed": "yes"}, follow=True)

    assert said(answer) == [
        f"Dead letter {letter} was discarded by robin before. Nothing was done."
    ]
    assert log() == []


def test_broker_that_is_away_is_said(boss, sent):
    """
    When the broker takes nothing the form says so, and the letter stays open.
    """
    letter = make_letter()
    sent.error = OperationalError("connection refused")

    answer = boss.post(url_of(letter, "requeue"), AS_IT_WAS)

    (error,) = answer.context["form"].non_field_errors()
    assert error.startswith("The broker filesystem://")
    assert error.endswith(
        " cannot be reached (connection refused). Start it, or correct CELERY_BROKER_URL."
    )
    assert DeadLetter.objects.get().state == "open"
    assert log() == []


def test_several_are_sent_after_a_question_that_counts_them(boss, sent):
    """
    The question names the letters; its confirmation sends each of them once.
    """
    letters = [make_letter(args=[number]) for number in range(12)]
    chosen = {"action": "requeue_selected", "_selected_action": [each.pk for each in letters]}

    question = boss.post(LIST, {**chosen, "index": 0})
    assert sent == []
    answer = boss.post(LIST, {**chosen, "confirmed": "yes"}, follow=True)

    html = question.content.decode()
    assert "Send these 12 dead letters to a worker again, each as it was?" in html
    assert "and 2 more" in html
    assert sorted(message["args"][0] for message in sent) == list(range(12))
    assert said(answer) == ["12 dead letters were sent again."]
    assert len(log()) == 12


def test_all_that_match_a_filter_are_frozen_in_the_question(boss, sent):
    """
    With "select all", those counted in the question are sent, not what arrives meanwhile.
    """
    first, second = make_letter(task="shop.charge"), make_letter(task="shop.charge")
    make_letter(task="shop.refund")
    address = f"{LIST}?task=shop.charge"
    everything = {"action": "discard_selected", "_selected_action": first.pk, "index": 0}

    question = boss.post(address, {**everything, "select_across": 1})
    asked = {row.pk for row in question.context["rows"]}
    late = make_letter(task="shop.charge")
    boss.post(
        address, {"action": "discard_selected", "_selected_action": list(asked), "confirmed": "yes"}
    )

    assert asked == {first.pk, second.pk}
    late.refresh_from_db()
    assert late.state == "open"
    assert DeadLetter.objects.filter(state="discarded").count() == 2


@pytest.mark.parametrize("state", ["discarded", "requeued"])
def test_what_cannot_be_done_is_said_beside_what_was(boss, sent, state):
    """
    A closed letter among the chosen ones is reported, and the others are sent.
    """
    ready, closed = make_letter(), make_letter(state=state)

    answer = boss.post(
        LIST,
        {
            "action": "requeue_selected",
            "_selected_action": [ready.pk, closed.pk],
            "confirmed": "yes",
        },
        follow=True,
    )

    done, failed = said(answer)
    assert done == "1 dead letter was sent again."
    assert failed == f"Dead letter {closed} was {state} before. Nothing was done."
    assert len(sent) == len(log()) == 1


def test_too_many_at_once_are_refused(boss, sent):
    """
    A bulk action that would take the server minutes is refused before anything is done.
    """
    rows = [
        DeadLetter(task="host.report", task_id=str(number)) for number in range(MOST_AT_ONCE + 1)
    ]
    DeadLetter.objects.bulk_create(rows)

    answer = boss.post(
        LIST,
        {
            "action": "discard_selected",
            "_selected_action": rows[0].pk,
            "select_across": 1,
            "confirmed": "yes",
        },
        follow=True,
    )

    assert said(answer) == ["Too many are selected. Select at most 500 at once."]
    assert not DeadLetter.objects.exclude(state="open").exists()


def test_page_shows_each_attempt_and_who_closed_it(boss):
    """
    Every traceback is on the page, the last one open, with the person who closed the letter.
    """
    letter = make_letter(
        tracebacks=["first fault", "second fault"], state="discarded", closed_by="robin"
    )

    html = boss.get(f"{LIST}{letter.pk}/change/").content.decode()

    assert html.count('<details class="recurring-jobs-attempt"') == 2
    assert html.count('<details class="recurring-jobs-attempt" open>') == 1
    assert html.index("first fault") < html.index(" open>") < html.index("second fault")
    assert "robin" in html

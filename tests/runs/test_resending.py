"""A run that has ended is sent once more, as a run of its own."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app
from django.db import connection
from kombu.exceptions import OperationalError

from recurring_jobs.exceptions import NotSendableError, RunGoesOnError
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs.resending import not_sendable_reason, send_again

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch) -> list[dict[str, Any]]:
    """The messages that went out."""
    messages: list[dict[str, Any]] = []

    def send_task(name, args=None, kwargs=None, **options):
        messages.append({"task": name, "args": args, "kwargs": kwargs, **options})

    monkeypatch.setattr(current_app._get_current_object(), "send_task", send_task)
    return messages


def make_run(state: str = "succeeded", **fields: Any) -> Run:
    known = {"id": "run-1", "root_id": "root-1", "task": "elsewhere.add", "queue": "slow"}
    known |= {"args": [1], "kwargs": {"right": 2}}
    known["options"] = {
        "headers": {"tenant": 7, "recurring_jobs_fire": 3, "recurring_jobs_failures": ["…"]},
        "priority": 4,
        "link": [{"task": "host.told"}],
        "retries": 2,
    }
    return Run.objects.create(state=state, **{**known, **fields})


def test_message_says_what_the_first_one_said(sent):
    """
    Arguments, queue, priority and headers are the same; what belonged to that run is not.
    """
    task_id = send_again(make_run())

    headers = {
        "tenant": 7,
        "recurring_jobs_tracked": True,
        "recurring_jobs_retried_from": "run-1",
    }
    assert sent == [
        {
            "task": "elsewhere.add",
            "args": [1],
            "kwargs": {"right": 2},
            "task_id": task_id,
            "root_id": "root-1",
            "queue": "slow",
            "priority": 4,
            "headers": headers,
        }
    ]
    new = Run.objects.get(pk=task_id)
    assert (new.state, new.retried_from, new.args) == ("queued", "run-1", [1])


def test_with_other_arguments(sent):
    """
    Those that are given are sent, and kept of the new run.
    """
    task_id = send_again(make_run(), args=[3], kwargs={})

    assert (sent[0]["args"], sent[0]["kwargs"]) == ([3], {})
    assert Run.objects.get(pk=task_id).args == [3]


def test_double_click_sends_one_message(sent):
    """
    Calls that give the same text send once and name the same run.
    """
    run = make_run()

    ids = {send_again(run, once="a") for _ in range(3)}

    assert (len(ids), len(sent)) == (1, 1)
    assert send_again(run, once="b") not in ids


def test_of_two_at_once_one_sends(sent):
    """
    Whoever finds the row made by another process in between leaves the message to that one.
    """
    run = make_run()
    task_id = send_again(run, once="a")
    Run.objects.filter(pk=task_id).delete()
    sent.clear()

    def after_another(execute, sql, params, many, context):
        if sql.startswith("SAVEPOINT"):  # about to make the row
            make_run("queued", id=task_id)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(after_another):
        assert send_again(run, once="a") == task_id

    assert Run.objects.filter(pk=task_id).exists()
    assert sent == []


@pytest.mark.parametrize("state", ["queued", "running", "retrying"])
def test_run_that_goes_on_is_not_sent(sent, state):
    """
    It would be at work twice.
    """
    with pytest.raises(RunGoesOnError, match=f"is {state}. Cancel it, or wait"):
        send_again(make_run(state))

    assert sent == []


def test_open_dead_letter_is_what_to_send(sent):
    """
    Else the letter would stay open although its run was sent.
    """
    DeadLetter.objects.create(task="elsewhere.add", task_id="run-1")

    with pytest.raises(NotSendableError, match="it has an open dead letter"):
        send_again(make_run("failed"))

    assert sent == []


def test_what_was_not_kept_has_to_be_given(sent):
    """
    A secret is not sent as its placeholder.
    """
    run = make_run(kwargs={"password": "[redacted]"})

    with pytest.raises(NotSendableError, match="Give them anew"):
        send_again(run)
    assert "not kept" in not_sendable_reason(run)

    send_again(run, kwargs={"password": "new"})
    assert sent[0]["kwargs"] == {"password": "new"}


def test_no_run_is_left_where_the_broker_is_away(monkeypatch):
    """
    The row of a message that never went out would wait for ever.
    """

    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(current_app._get_current_object(), "send_task", refuse)
    run = make_run()

    with pytest.raises(OperationalError):
        send_again(run)

    assert Run.objects.count() == 1

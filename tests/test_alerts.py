"""Alerts: what raises them, how often, and the mail."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError, connection, connections

from recurring_jobs.alerts import mail_admins, raise_alert
from recurring_jobs.models import Alert
from recurring_jobs.runs.clock import DatabaseNow
from recurring_jobs.signals import alert_raised, template_set_aside
from tests.host.models import Todo
from tests.host.tasks import gives_up


@pytest.fixture
def heard():
    """What a receiver was told."""
    told: list[dict[str, Any]] = []

    def listen(**said: Any) -> None:
        said.pop("signal")
        told.append(said)

    alert_raised.connect(listen)
    yield told
    alert_raised.disconnect(listen)


@pytest.mark.django_db
def test_a_run_that_gave_up_raises_one(heard):
    """The task and the run are named; what its exception said is not."""
    gives_up.apply(task_id="seven")

    (said,) = heard
    assert (said["sender"], said["subject"]) == ("dead_letter", "host.gives_up")
    assert said["text"] == (
        "Run seven of host.gives_up gave up, and waits as a dead letter for a person."
    )
    assert (said["held_back"], said["facts"]) == (0, {"run_id": "seven"})


@pytest.mark.django_db
def test_a_template_that_is_set_aside_raises_one(heard):
    """With its model, its key and the reason."""
    template_set_aside.send_robust(Todo, template=Todo(pk=2), reason="why", using="default")

    (said,) = heard
    assert (said["sender"], said["subject"], said["facts"]) == (
        "template_set_aside",
        "host.Todo",
        {"pk": 2},
    )
    assert said["text"] == "host.Todo 2 was set aside and gets no more rows: why"


@pytest.mark.django_db
def test_the_same_is_told_once_in_a_while(heard):
    """The others are held back and counted; another subject or kind has its own turn."""
    raised = [raise_alert("slow", "shop.pay", "…") for _ in range(3)]
    others = [raise_alert("slow", "shop.ship", "…"), raise_alert("odd", "shop.pay", "…")]
    Alert.objects.filter(key="slow:shop.pay").update(
        raised_at=DatabaseNow() - timedelta(minutes=16)
    )
    again = raise_alert("slow", "shop.pay", "…")

    assert (raised, others, again) == ([True, False, False], [True, True], True)
    assert [(each["subject"], each["held_back"]) for each in heard] == [
        ("shop.pay", 0),
        ("shop.ship", 0),
        ("shop.pay", 0),
        ("shop.pay", 2),
    ]


@pytest.mark.django_db
def test_a_project_says_how_long_a_while_is(heard, settings):
    """ALERT_COOLDOWN of nothing tells each."""
    settings.RECURRING_JOBS = {"ALERT_COOLDOWN": timedelta(0)}

    assert [raise_alert("slow", "shop.pay", "…") for _ in range(2)] == [True, True]


@pytest.mark.django_db(transaction=True)
def test_of_many_that_notice_the_same_one_tells(heard):
    """Eight at once, each with a connection of its own."""
    start = threading.Barrier(8)
    outcomes: list[bool] = []

    def notice() -> None:
        start.wait(10)
        try:
            outcomes.append(raise_alert("slow", "shop.pay", "…"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=notice) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [False] * 7 + [True]
    assert (len(heard), Alert.objects.get().held_back) == (1, 7)


@pytest.mark.django_db
def test_nobody_listens(django_assert_num_queries):
    """Then nothing is asked of the database."""
    with django_assert_num_queries(0):
        assert raise_alert("slow", "shop.pay", "…") is False


@pytest.mark.django_db(transaction=True)
def test_with_the_database_away_nothing_is_raised(heard, caplog):
    """The work that it watches is not harmed."""

    def refuse(*_: object) -> None:
        message = "server closed the connection"
        raise OperationalError(message)

    with connection.execute_wrapper(refuse):
        assert raise_alert("slow", "shop.pay", "…") is False

    assert "recurring_jobs.alert.not_raised" in caplog.text


@pytest.mark.django_db
def test_admins_are_mailed(admins):
    """The ready receiver: kind and task in the subject, and how many were held back."""
    alert_raised.connect(mail_admins)
    try:
        for _ in range(3):
            gives_up.apply()
        Alert.objects.update(raised_at=DatabaseNow() - timedelta(hours=1))
        gives_up.apply(task_id="last")
    finally:
        alert_raised.disconnect(mail_admins)

    first, second = mail.outbox
    assert first.to == admins
    assert first.subject.endswith("dead_letter: host.gives_up")
    assert "more since" not in first.body
    assert second.body == (
        "Run last of host.gives_up gave up, and waits as a dead letter for a person."
        "\n\n2 more since the last mail."
    )

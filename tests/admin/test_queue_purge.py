"""Purging a queue from the overview."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from celery import current_app
from django.contrib.admin.models import DELETION, LogEntry
from django.urls import reverse
from kombu import pools

from recurring_jobs.exceptions import BrokerAwayError
from recurring_jobs.inspection import purge_queues, queue_sizes
from recurring_jobs.inspection.apps import broker_connection
from recurring_jobs.patience import transport_options
from tests.admin.rows import make_run
from tests.admin.test_once import form_of, said
from tests.live.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celery import Celery

pytestmark = pytest.mark.django_db

OVERVIEW = "/admin/recurring_jobs/"
URL = "/admin/recurring_jobs/run/purge-queue/"
VIEW = "recurring_jobs.view_run"
PURGE = "recurring_jobs.purge_queue"


@pytest.fixture
def app(monkeypatch) -> Iterator[Celery]:
    """The host's Celery app, with a queue of this test alone and a broker in memory."""
    host = current_app._get_current_object()
    assert host.conf.broker_url  # read from the settings, before some of it is replaced
    for name, value in {
        "broker_url": "memory://",
        "broker_transport_options": {},
        "task_default_queue": f"purge-{uuid4().hex}",
    }.items():
        _choose(monkeypatch, host, name, value)
    _forget_links(host)
    yield host
    _forget_links(host)


def _choose(monkeypatch: pytest.MonkeyPatch, host: Celery, name: str, value: object) -> None:
    """Have *host* use a value, by either name: Celery 5.6 looks for that with the prefix first."""
    for key in (name, f"CELERY_{name.upper()}"):
        monkeypatch.setitem(host.conf.changes, key, value)


def _forget_links(host: Celery) -> None:
    """Have *host* connect anew, by its settings of that moment."""
    pools.reset()
    host._after_fork()


def send(app: Celery, queue: str, count: int) -> None:
    """Have so many messages wait in *queue*."""
    with app.connection_for_write() as connection:
        for _ in range(count):
            connection.SimpleQueue(queue).put({})


def test_question_says_what_would_be_lost(boss, app):
    """
    From the button of a queue: how many messages of which queue, and which runs stay queued.
    """
    queue = app.conf.task_default_queue
    send(app, queue, 3)
    make_run("queued", queue=queue)
    html = boss.get(OVERVIEW, {"queues": "1"}).content.decode()
    assert f'name="queue" value="{queue}"' in html
    assert f'action="{URL}"' in html

    question = boss.post(URL, {"queue": queue})

    text = question.content.decode()
    assert f"Remove the 3 messages that wait in queue {queue}, for good?" in text
    assert "1 run on record waits in it, and stays queued until somebody cancels it." in text
    assert queue_sizes(app, [queue]) == {queue: 3}


def test_question_says_what_comes_back(boss, app, settings):
    """
    With RESEND_AFTER a purge ends nothing that is on record, and says how to end a run.
    """
    settings.RECURRING_JOBS = {**settings.RECURRING_JOBS, "RESEND_AFTER": timedelta(minutes=5)}
    send(app, app.conf.task_default_queue, 1)

    question = boss.post(URL, {"queue": app.conf.task_default_queue})

    text = question.content.decode()
    assert "Fires and runs on record are sent again after a while." in text
    assert "To end a run, cancel it." in text


def test_queue_is_purged_once_and_on_record(boss, app):
    """
    Confirmed, the messages are gone; the log has who, which queue and how many.
    """
    queue = app.conf.task_default_queue
    send(app, queue, 3)
    form = form_of(boss.post(URL, {"queue": queue}))

    first = boss.post(URL, form, follow=True)
    send(app, queue, 1)
    second = boss.post(URL, form, follow=True)

    sentence = f"3 messages were removed from queue {queue}."
    entry = LogEntry.objects.get()
    assert said(first) == [sentence]
    assert said(second) == [f"This form was sent twice. It was done once: {sentence}"]
    assert queue_sizes(app, [queue]) == {queue: 1}
    assert (entry.user.username, entry.object_id) == ("boss", queue)
    assert (entry.action_flag, entry.change_message) == (DELETION, sentence)


@pytest.mark.parametrize("permissions", [[VIEW], [PURGE]], ids=["may-look", "may-purge-blindly"])
def test_purging_needs_both_permissions(browser_of, app, permissions):
    """
    Who may only look has no button, and nobody gets through without both.
    """
    queue = app.conf.task_default_queue
    send(app, queue, 1)
    browser = browser_of(*permissions)

    page = browser.get(OVERVIEW, {"queues": "1"})
    answer = browser.post(URL, {"queue": queue, "confirmed": "yes"})

    assert URL not in page.content.decode()
    assert answer.status_code == 403
    assert queue_sizes(app, [queue]) == {queue: 1}


@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "yes"}], ids=["asked", "confirmed"])
def test_queue_that_is_not_the_projects(boss, app, confirmed):
    """
    Only what the project consumes is purged: the broker may be shared.
    """
    send(app, "of-others", 1)

    answer = boss.post(URL, {"queue": "of-others", **confirmed}, follow=True)

    assert said(answer) == ["The project has no queue of-others."]
    assert purge_queues(app, ["of-others"]) == {"of-others": 1}


def test_empty_queue_asks_nothing(boss, app):
    """
    Where nothing waits any more the page says so.
    """
    queue = app.conf.task_default_queue

    answer = boss.post(URL, {"queue": queue}, follow=True)

    assert said(answer) == [f"Nothing waits in queue {queue}."]


@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "yes"}], ids=["asked", "confirmed"])
def test_broker_that_is_away(boss, app, monkeypatch, confirmed):
    """
    It is told in a sentence on the overview, which asks no broker; nothing is on record.
    """
    _choose(monkeypatch, app, "broker_url", "redis://127.0.0.1:1/0")
    data = {"queue": app.conf.task_default_queue, "once": "a", **confirmed}

    answer = boss.post(URL, data, follow=True)

    assert answer.redirect_chain == [(reverse("admin:app_list", args=["recurring_jobs"]), 302)]
    assert "127.0.0.1:1/0 cannot be reached" in said(answer)[0]
    assert not LogEntry.objects.exists()


@pytest.mark.redis
def test_redis_that_falls_silent_meanwhile(app, monkeypatch, redis_url):
    """
    It is noticed within seconds, and is a broker that is away as any other.
    """
    proxy = Proxy(redis_url)
    _choose(monkeypatch, app, "broker_url", proxy.url)
    _choose(monkeypatch, app, "broker_transport_options", transport_options("redis"))

    def purge() -> None:
        with broker_connection(app) as connection:
            proxy.silence()
            connection.channel().queue_purge("any")

    with pytest.raises(BrokerAwayError):
        purge()

    proxy.end()

"""Dead letters over HTTP: to see them, send them again, discard them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from recurring_jobs.models import DeadLetter, Run
from tests.api.conftest import PRICING_TOKEN, post, sha256
from tests.api.test_trigger import waiting

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LETTERS = "/jobs/dead-letters"
RIGHTS = ("view_deadletter", "requeue_deadletter", "discard_deadletter")


def make_letter(name: str, **values: object) -> DeadLetter:
    """Store a dead letter of the run *name*."""
    common = {
        "task": "shop.recompute",
        "kwargs": {"days": 7},
        "exception_type": "ConnectionError",
        "exception": "hunter2 was refused",
        "tracebacks": ["Traceback of hunter2"],
        "failed_at": AT,
    }
    return DeadLetter.objects.create(task_id=name, **{**common, **values})


def user_with(*rights: str) -> Client:
    """Return the client of a user named boss with these rights."""
    person = User.objects.create(username="boss")
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def operator(app) -> Client:
    """A client that may look at dead letters, send them again and discard them."""
    return user_with(*RIGHTS)


@pytest.fixture
def editor(app) -> Client:
    """A client that may also see, and so change, arguments."""
    return user_with(*RIGHTS, "view_arguments")


def ids(client: Client, **query: object) -> list[str]:
    """Return the runs of the letters that the list tells."""
    answer = client.get(LETTERS, query)
    assert answer.status_code == 200, answer.content
    return [letter["run_id"] for letter in answer.json()["dead_letters"]]


# Looking


def test_list_tells_what_waits_for_a_person(operator):
    """
    The list has the open letters, the newest first, without arguments or texts.
    """
    make_letter("old")
    letter = make_letter("new", failed_at=AT + timedelta(hours=1))
    make_letter("closed", state="discarded")

    told = operator.get(LETTERS).json()["dead_letters"]

    assert [each["run_id"] for each in told] == ["new", "old"]
    assert told[0] == {
        "id": letter.pk,
        "run_id": "new",
        "root_id": "",
        "task": "shop.recompute",
        "queue": "",
        "state": "open",
        "exception_type": "ConnectionError",
        "attempts": 1,
        "failed_at": "2026-03-02T10:00:00+00:00",
        "is_sendable": True,
        "not_sendable_reason": "",
        "requeued_as": None,
        "closed_by": "",
        "closed_at": None,
    }


def test_letters_are_found_by_task_exception_state_and_time(operator):
    """
    Each filter leaves out what it does not name.
    """
    make_letter("a")
    make_letter("b", task="pricing.refresh", failed_at=AT + timedelta(hours=1))
    make_letter("c", exception_type="KeyError", state="requeued")

    assert ids(operator, task="shop.recompute") == ["a"]
    assert ids(operator, exception="KeyError") == []
    assert ids(operator, exception="KeyError", state="requeued") == ["c"]
    assert ids(operator, since=(AT + timedelta(minutes=1)).isoformat()) == ["b"]


def test_letters_come_in_pages(operator):
    """
    Pages tell each letter once, also letters of the same moment.
    """
    for name in "abc":
        make_letter(name)

    first = operator.get(LETTERS, {"limit": 2}).json()
    second = operator.get(LETTERS, {"limit": 2, "after": first["next_after"]}).json()

    found = [each["run_id"] for page in (first, second) for each in page["dead_letters"]]
    assert found == ["c", "b", "a"]
    assert second["next_after"] is None


def test_arguments_and_texts_are_for_who_may_see_them(operator, superuser):
    """
    The page of one letter has arguments, the text of the exception and tracebacks only for
    callers with the rights to these.
    """
    letter = make_letter("one")

    told, told_all = (client.get(f"{LETTERS}/{letter.pk}") for client in (operator, superuser))

    assert "hunter2" not in told.content.decode()
    assert not {"args", "kwargs", "exception", "tracebacks"} & set(told.json())
    assert told_all.json()["kwargs"] == {"days": 7}
    assert told_all.json()["exception"] == "hunter2 was refused"
    assert told_all.json()["tracebacks"] == ["Traceback of hunter2"]


def test_each_action_needs_its_own_right(app, db):
    """
    Who may only look can neither send nor discard.
    """
    letter = make_letter("one")
    viewer = user_with("view_deadletter")

    answers = [
        post(viewer, f"{LETTERS}/{path}").status_code
        for path in (f"{letter.pk}/requeue", f"{letter.pk}/discard", "requeue")
    ]

    assert answers == [403, 403, 403]
    letter.refresh_from_db()
    assert letter.state == "open"


def test_token_is_limited_to_the_letters_of_its_tasks(app, settings):
    """
    A client with tasks of its own is told of no others, and sends no others again.
    """
    theirs = make_letter("theirs")
    make_letter("ours", task="pricing.refresh", kwargs={})
    rights = ["view_dead_letter", "requeue_dead_letter"]
    settings.RECURRING_JOBS = {
        "API_TOKENS": {
            "prices": {"sha256": sha256(PRICING_TOKEN), "allow": rights, "tasks": ["pricing.*"]}
        }
    }
    client = Client(headers={"Authorization": f"Bearer {PRICING_TOKEN}"})

    assert ids(client) == ["ours"]
    assert post(client, f"{LETTERS}/{theirs.pk}/requeue").status_code == 404
    assert len(post(client, f"{LETTERS}/requeue").json()["sent"]) == 1
    theirs.refresh_from_db()
    assert theirs.state == "open"


# Sending again


@pytest.mark.django_db(transaction=True)
def test_letter_is_sent_once_however_often_asked(app, operator):
    """
    The second of two requests gets the run of the first; one message goes out.
    """
    letter = make_letter("one", queue="letters")

    first, second = (post(operator, f"{LETTERS}/{letter.pk}/requeue") for _ in range(2))

    run_id = first.json()["run_id"]
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first.json()["status_url"] == f"/jobs/runs/{run_id}"
    assert Run.objects.get().retried_from == "one"
    (message,) = waiting(app, "letters")
    assert (message.headers["id"], message.payload[1]) == (run_id, {"days": 7})
    letter.refresh_from_db()
    assert letter.closed_by == "boss"


@pytest.mark.django_db(transaction=True)
def test_letter_is_sent_with_other_arguments(app, editor):
    """
    Arguments in the body replace those that were sent.
    """
    letter = make_letter("one", queue="edited")

    answer = post(editor, f"{LETTERS}/{letter.pk}/requeue", {"kwargs": {"days": 8}})

    assert answer.status_code == 202
    (message,) = waiting(app, "edited")
    assert message.payload[1] == {"days": 8}


@pytest.mark.parametrize(
    ("body", "argument"),
    [
        ({"kwargs": {"day": 8}}, "day"),
        ({"kwargs": {"days": "8"}}, "days"),
        ({"kwargs": []}, "kwargs"),
        ({"args": {}}, "args"),
    ],
)
def test_arguments_that_the_task_cannot_take_are_refused(editor, body, argument):
    """
    Edited arguments are checked as those of a trigger are, and the letter stays open.
    """
    letter = make_letter("one")

    answer = post(editor, f"{LETTERS}/{letter.pk}/requeue", body)

    assert (answer.status_code, answer.json()["argument"]) == (400, argument)
    letter.refresh_from_db()
    assert letter.state == "open"


def test_other_arguments_need_the_right_to_see_them(operator):
    """
    Who may send again, but not see what is sent, sends it only as it was.
    """
    letter = make_letter("one")

    answer = post(operator, f"{LETTERS}/{letter.pk}/requeue", {"kwargs": {"days": 8}})

    assert answer.status_code == 403
    letter.refresh_from_db()
    assert letter.state == "open"


def test_letter_that_cannot_be_sent_says_why(operator):
    """
    A letter that held a secret is not sent without it; one that was discarded, not at all.
    """
    secret = make_letter(
        "one", is_sendable=False, not_sendable_reason="secret arguments were not stored."
    )
    gone = make_letter("two", state="discarded", closed_by="ann")

    answers = [post(operator, f"{LETTERS}/{each.pk}/requeue") for each in (secret, gone)]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert "secret arguments were not stored" in answers[0].json()["detail"]
    assert "it was discarded by ann" in answers[1].json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_broker_away_leaves_the_letter_open(app, operator):
    """
    Where the broker does not take the message the letter waits as before.
    """
    app.conf.broker_url = "redis://:hunter2@127.0.0.1:1/0"
    letter = make_letter("one")

    for path in (f"{letter.pk}/requeue", "requeue"):
        answer = post(operator, f"{LETTERS}/{path}")

        assert (answer.status_code, answer.json()["title"]) == (503, "Broker away")
        assert "hunter2" not in answer.content.decode()
    letter.refresh_from_db()
    assert letter.state == "open"
    assert not Run.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_are_sent_by_what_they_have_in_common(app, operator):
    """
    One request sends what failed since a time by one exception, and says what it refused.
    """
    make_letter("before", failed_at=AT - timedelta(days=1))
    make_letter("other", exception_type="KeyError")
    make_letter("a")
    make_letter("secret", is_sendable=False, not_sendable_reason="a secret.")

    answer = post(
        operator,
        f"{LETTERS}/requeue",
        {"since": AT.isoformat(), "exception": "ConnectionError"},
    )

    told = answer.json()
    assert (answer.status_code, len(told["sent"]), len(told["refused"])) == (202, 1, 1)
    assert told["is_more"] is False
    assert DeadLetter.objects.get(task_id="a").requeued_as == told["sent"][0]
    assert DeadLetter.objects.filter(state="open").count() == 3


def test_many_are_bounded(app, operator):
    """
    One request sends so many and says that there are more; it may not ask for all.
    """
    for name in "abc":
        make_letter(name)

    told = post(operator, f"{LETTERS}/requeue", {"limit": 2}).json()
    refused = post(operator, f"{LETTERS}/requeue", {"limit": 101})

    assert (len(told["sent"]), told["is_more"]) == (2, True)
    assert refused.status_code == 400


@pytest.mark.django_db(transaction=True)
def test_letters_that_cannot_be_sent_hold_up_no_others(app, operator):
    """
    What cannot be sent, however old, comes after what can; when only that is left there is
    no more to do, so that whoever repeats the request comes to an end.
    """
    make_letter("old", failed_at=AT - timedelta(days=1), is_sendable=False)
    make_letter("new")
    make_letter("wrong", kwargs={}, failed_at=AT + timedelta(days=1))

    answers = [post(operator, f"{LETTERS}/requeue", {"limit": 1}).json() for _ in range(2)]

    assert [(len(told["sent"]), told["is_more"]) for told in answers] == [(1, True), (0, False)]
    assert DeadLetter.objects.get(state="requeued").task_id == "new"


# Discarding


def test_letter_is_discarded_once(operator):
    """
    A discarded letter stays so for whoever asks again; one that was sent is a conflict.
    """
    letter, sent = make_letter("one"), make_letter("two", state="requeued", requeued_as="x")

    first, second = (post(operator, f"{LETTERS}/{letter.pk}/discard") for _ in range(2))
    conflict = post(operator, f"{LETTERS}/{sent.pk}/discard")

    assert first.json() == second.json()
    assert (first.json()["state"], first.json()["closed_by"]) == ("discarded", "boss")
    assert (conflict.status_code, conflict.json()["detail"]) == (
        409,
        "It was sent again, as run x. Nothing was done.",
    )


def test_unknown_letter_is_not_found(operator):
    """
    An id without a letter is a 404 in words.
    """
    told = operator.get(f"{LETTERS}/999").json()

    assert (told["status"], told["detail"]) == (404, "There is no dead letter of this id.")

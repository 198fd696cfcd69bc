"""A canary, hunter2, goes into tasks in every way, and must come out in none."""

from __future__ import annotations

import json
import logging

import pytest
from celery import current_app
from celery.app.trace import build_tracer
from celery.exceptions import Reject
from celery.worker.consumer import consumer
from celery.worker.consumer.consumer import Consumer
from django.core import serializers
from django.db import transaction
from django_celery_results.models import TaskResult
from kombu import Message

from recurring_jobs import BaseTaskWithRetry, GiveUp
from recurring_jobs.exceptions import RedactedError
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs.logs import JSONFormatter, guard_logs
from tests.host import tasks

pytestmark = pytest.mark.django_db

CANARY = "hunter2"


class BytesError(Exception):
    """An error that makes its text of what no one can change."""

    def __init__(self, password: str) -> None:
        self._data = memoryview(password.encode())
        super().__init__()

    def __str__(self) -> str:
        return bytes(self._data).decode()


def trace(task, *args, retries=99, **kwargs):
    """Run one attempt at *task* as a worker does, with its result stored."""
    tracer = build_tracer(task.name, task, app=task.app)
    request = {
        "id": "traced",
        "task": task.name,
        "retries": retries,
        "delivery_info": {},
        "hostname": "w1",
        "is_eager": False,
        "argsrepr": "()",
        "kwargsrepr": "{}",
    }
    tracer("traced", args, kwargs, request)


@pytest.fixture
def make():
    """Make a task of the host's app that raises what *error* makes of the password."""
    names = []

    def make(error, **options):
        def body(password):
            raise error(password)

        names.append(options.setdefault("name", f"leaks.{len(names)}"))
        return current_app.task(base=BaseTaskWithRetry, tracked=True, shared=False, **options)(body)

    yield make
    for name in names:
        current_app.tasks.pop(name)


def chained(password):
    error = ConnectionError("refused")
    error.__cause__ = ValueError(f"{password} is wrong")
    return error


def met_on_the_way(password):
    error = ConnectionError("refused")
    error.__context__ = ValueError(f"{password} is wrong")
    return error


def grouped(password):
    return ExceptionGroup("all failed", [ValueError(password), OSError(13, password, password)])


ERRORS = {
    "in its text": lambda password: ConnectionError(f"{password} was refused"),
    "in a list": lambda password: ConnectionError(["refused", {"with": password}]),
    "in an object": lambda password: ConnectionError(ValueError(password)),
    "of the system": lambda password: OSError(13, f"no {password}", f"/home/{password}"),
    "as the reason": lambda password: GiveUp(f"{password} was refused"),
    "as a rejection": lambda password: Reject(ValueError(password)),
    "in its cause": chained,
    "in what it came upon": met_on_the_way,
    "in a group": grouped,
    "in what cannot be changed": BytesError,
    "in an address": lambda password: ConnectionError(f"https://bob:{password}@there/"),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=list(ERRORS))
@pytest.mark.parametrize("retries", [0, 99], ids=["retried", "given up"])
def test_no_secret_is_stored_or_logged(make, caplog, error, retries):
    """
    Of an exception with a secret nothing is told: not in rows, nor results, nor logs.
    """
    caplog.set_level("DEBUG")
    task = make(error)

    trace(task, CANARY, retries=retries)

    rows = [*Run.objects.all(), *DeadLetter.objects.all(), *TaskResult.objects.all()]
    assert Run.objects.exists()
    assert CANARY not in serializers.serialize("json", rows)
    assert caplog.text
    assert CANARY not in caplog.text


def test_without_ours_the_secret_is_told(caplog):
    """
    A task of Celery's own class tells it in the result and in the log.
    """

    def body(password):
        raise ConnectionError(password)

    task = current_app.task(name="leaks.plain", shared=False)(body)
    trace(task, CANARY)
    current_app.tasks.pop("leaks.plain")

    assert CANARY in TaskResult.objects.get().result
    assert CANARY in caplog.text


def test_the_class_of_the_exception_stays(make):
    """
    Retries and results go by the same class as before.
    """
    trace(make(ERRORS["in its text"]), CANARY)

    result = json.loads(TaskResult.objects.get().result)
    assert result["exc_type"] == "ConnectionError"
    assert result["exc_message"] == ["[redacted] was refused"]


def test_a_text_that_cannot_be_changed_is_replaced(make):
    """
    An exception that insists on its secret becomes a RedactedError with its name.
    """
    with pytest.raises(RedactedError, match=r"^BytesError: \[redacted\]$"):
        make(BytesError, max_retries=0).apply((CANARY,), throw=True)


def test_a_direct_call_raises_what_it_raises(make):
    """
    A function call leaves the exception as it is.
    """
    with pytest.raises(ConnectionError, match=CANARY):
        make(ERRORS["in its text"])(CANARY)


@pytest.fixture
def message():
    """A message with secrets in its arguments, as a broker hands it out."""
    headers = {"id": "m-1", "task": "elsewhere.pay", "argsrepr": f"('{CANARY}',)"}
    body = json.dumps([[CANARY], {"token": CANARY}, {}]).encode()
    return Message(
        body=body,
        headers=headers,
        content_type="application/json",
        content_encoding="utf-8",
        delivery_info={"routing_key": "celery"},
    )


def test_celery_does_not_log_the_messages_it_drops(message, caplog):
    """
    The dump of an unknown, unreadable or foreign message is left out of the log.
    """
    guard_logs()
    caplog.set_level("DEBUG")
    told = logging.getLogger("celery.worker.consumer.consumer")
    body = consumer.dump_body(message, message.body)

    told.error(consumer.UNKNOWN_TASK_ERROR, KeyError("elsewhere.pay"), body, message.headers, {})
    told.error(consumer.INVALID_TASK_ERROR, ValueError("args"), body)
    told.critical(consumer.MESSAGE_DECODE_ERROR, ValueError(), "json", "utf-8", body, body)
    told.warning(consumer.UNKNOWN_FORMAT, Consumer._message_report(None, body, message))
    logging.getLogger("celery.pool").debug("TaskPool: Apply %s (args:%s kwargs:%s)", 1, body, body)

    assert "elsewhere.pay" in caplog.text
    assert caplog.text.count("[left out]") == 8
    assert CANARY not in caplog.text


def test_the_json_formatter_writes_one_safe_line():
    """
    A record is one line of JSON, whatever is in it, without what looks secret.
    """
    try:
        tasks.logs_in("bob", CANARY)
    except ConnectionError as error:
        exc_info = (type(error), error, error.__traceback__)
    facts = {"task": "shop.pay", "token": CANARY, "url": f"https://bob:{CANARY}@there/"}
    record = logging.makeLogRecord(
        {
            "msg": "a\nb %s",
            "args": ("c",),
            "levelname": "INFO",
            "name": "shop",
            "exc_info": exc_info,
            **facts,
        }
    )

    line = JSONFormatter().format(record)

    assert "\n" not in line
    told = json.loads(line)
    assert told["event"] == "a\nb c"
    assert (told["level"], told["logger"], told["task"]) == ("INFO", "shop", "shop.pay")
    assert told["token"] == "[redacted]"
    assert told["url"] == "https://[redacted]@there/"
    assert told["exception"].startswith("Traceback (most recent call last):")


def test_a_known_secret_is_hidden_in_the_whole_line():
    """
    What one key of ``extra`` calls a secret is hidden in the other texts of the record too.
    """
    record = logging.makeLogRecord({"msg": f"{CANARY} was refused", "password": CANARY})

    assert CANARY not in JSONFormatter().format(record)


def test_nothing_is_sent_when_the_transaction_is_rolled_back(django_capture_on_commit_callbacks):
    """
    delay_on_commit returns the id at once, and sends with just that id when it commits.
    """
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        task_id = tasks.add.delay_on_commit(1, 2)

    assert isinstance(task_id, str)
    assert len(callbacks) == 1

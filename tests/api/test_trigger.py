"""Triggering: what is refused, in which words, and what becomes of what is not."""

from __future__ import annotations

from io import BytesIO
from queue import Empty
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from celery.contrib.testing.worker import start_worker
from django.core.handlers.asgi import ASGIRequest

from recurring_jobs.api.bodies import read_object
from recurring_jobs.api.problems import Problem
from recurring_jobs.inspection import trigger_task
from recurring_jobs.models import Run
from tests.api.conftest import post

if TYPE_CHECKING:
    from celery import Celery

TRIGGER = "/jobs/tasks/shop.recompute/trigger"
NOT_TRIGGERABLE = {
    "type": "urn:problem-type:recurring-jobs:unknown-task",
    "title": "Unknown task",
    "status": 404,
    "detail": "No task of this name can be triggered. "
    "A task can be when its code says triggerable=True.",
}


def waiting(app: Celery, queue: str) -> list[Any]:
    """Take the messages out of *queue*."""
    found = []
    with app.connection_for_read() as connection, connection.SimpleQueue(queue) as messages:
        while True:
            try:
                found.append(messages.get(block=False))
            except Empty:
                return found


def test_queued_run_is_on_record_and_in_the_queue_of_the_task(app, superuser):
    """
    A queued trigger answers 202 with id and address of the run, which is recorded, and
    one tracked message goes to the queue that the project chose for the task.
    """
    response = post(superuser, TRIGGER, {"args": [7], "kwargs": {"label": "x"}, "mode": "queued"})

    run = Run.objects.get()
    queue = app.conf.task_routes["shop.recompute"]["queue"]
    assert response.status_code == 202
    assert response.json() == {
        "id": run.pk,
        "task": "shop.recompute",
        "state": "queued",
        "status_url": f"/jobs/runs/{run.pk}",
    }
    assert response.headers["Location"] == f"/jobs/runs/{run.pk}"
    assert UUID(run.pk)
    assert (run.task, run.state, run.queue, run.args, run.kwargs) == (
        "shop.recompute",
        "queued",
        queue,
        [7],
        {"label": "x"},
    )
    (message,) = waiting(app, queue)
    assert (message.headers["id"], message.headers["task"]) == (run.pk, "shop.recompute")
    assert message.headers["recurring_jobs_tracked"] is True
    assert message.payload[:2] == [[7], {"label": "x"}]


def test_empty_object_queues_without_arguments(app, superuser):
    """
    What is left out has a default: no arguments, queued.
    """
    response = post(superuser, "/jobs/tasks/pricing.refresh/trigger", {})

    assert (response.status_code, response.json()["state"]) == (202, "queued")


@pytest.mark.django_db(transaction=True)
def test_queued_run_is_followed_to_its_end(app, superuser):
    """
    A worker moves the recorded run on, and the address in the answer tells its result.
    """
    url = post(superuser, "/jobs/tasks/shop.recompute/trigger", {"args": [7]}).json()["status_url"]
    queue = app.conf.task_routes["shop.recompute"]["queue"]

    with start_worker(app, pool="solo", perform_ping_check=False, queues=[queue]):
        app.AsyncResult(url.rpartition("/")[2]).get(timeout=20, disable_sync_subtasks=False)

    status = superuser.get(url).json()
    assert (status["state"], status["attempt"]) == ("succeeded", 1)
    assert status["result"] == {"days": 7, "label": None, "ids": None}


def test_in_process_run_is_executed_and_answered(app, superuser):
    """
    An in-process trigger answers 200 with the result; the run is on record, nothing queued.
    """
    response = post(superuser, TRIGGER, {"kwargs": {"days": 7}, "mode": "in_process"})

    run = Run.objects.get()
    assert response.status_code == 200
    assert response.json() == {
        "id": run.pk,
        "task": "shop.recompute",
        "state": "succeeded",
        "result": {"days": 7, "label": None, "ids": None},
        "status_url": f"/jobs/runs/{run.pk}",
    }
    assert (run.state, run.attempt) == ("succeeded", 1)
    assert waiting(app, run.queue) == []


def test_in_process_failure_tells_the_class_only(app, superuser):
    """
    A run that fails in process answers 200 and ``failed`` with the exception's class; its
    text may hold secrets and is not told.
    """
    response = post(superuser, "/jobs/tasks/shop.fails/trigger", {"mode": "in_process"})

    told = response.json()
    assert (response.status_code, told["state"], told["exception"]) == (200, "failed", "ValueError")
    assert "hunter2" not in response.content.decode()
    assert Run.objects.get().state == "failed"


@pytest.mark.parametrize(
    "name",
    [
        "shop.internal",
        "shop.unknown",
        "celery.backend_cleanup",
        "os.system",
        "../x",
        "a/b/c",
        "täsk ✓",
        "%00",
        "x" * 100_000,
    ],
    ids=[
        "not triggerable",
        "unknown",
        "celery's",
        "import path",
        "up",
        "slashes",
        "unicode",
        "nul",
        "long",
    ],
)
def test_what_is_not_triggerable_does_not_exist(app, superuser, name):
    """
    A task that may not be triggered and a name without a task get the same 404.
    """
    response = post(superuser, f"/jobs/tasks/{name}/trigger", {"args": [7]})

    assert (response.status_code, response.json()) == (404, NOT_TRIGGERABLE)
    assert not Run.objects.exists()


def test_what_does_not_exist_is_told_before_the_body_is_read(app, superuser):
    """
    A bad body does not tell a task that may not be triggered from one that does not exist.
    """
    for name in ("shop.internal", "shop.unknown"):
        response = post(superuser, f"/jobs/tasks/{name}/trigger", {"queue": "x"})

        assert (response.status_code, response.json()) == (404, NOT_TRIGGERABLE)


@pytest.mark.parametrize("flag", [1, "yes", "False"], ids=repr)
def test_only_true_makes_triggerable(app, superuser, flag):
    """
    A task is triggerable when its attribute is True, not merely true.
    """

    @app.task(name="shop.almost", triggerable=flag, shared=False)
    def almost() -> None:
        """Do nothing."""

    assert post(superuser, "/jobs/tasks/shop.almost/trigger").status_code == 404


DEEP = "[" * 21 + "]" * 21
BAD_BODIES = {
    "nothing": (" ", "The body is not JSON: Expecting value at line 1, column 2."),
    "half": ('{"args": ', "The body is not JSON: Expecting value at line 1, column 10."),
    "not utf-8": (b"\xff{}", "The body is not JSON: it is not UTF-8."),
    "array": ("[]", "The body must be an object, not an array."),
    "null": ("null", "The body must be an object, not null."),
    "text": ('"x"', "The body must be an object, not a string."),
    "number": ("1", "The body must be an object, not a number."),
    "NaN": ('{"args": [NaN]}', "The body is not JSON: NaN is not a JSON number."),
    "infinity": ('{"args": [-Infinity]}', "The body is not JSON: -Infinity is not a JSON number."),
    "endless number": (
        '{"args": [' + "9" * 5000 + "]}",
        "The body is not JSON: a number is too long.",
    ),
    "unknown key": (
        '{"arg": [1]}',
        "'arg' is not a known key. Did you mean 'args'? Known are args, kwargs and mode.",
    ),
    "queue": ('{"queue": "x"}', "'queue' is not a known key. Known are args, kwargs and mode."),
    "headers": (
        '{"headers": {}}',
        "'headers' is not a known key. Known are args, kwargs and mode.",
    ),
    "eta": ('{"eta": 1}', "'eta' is not a known key. Known are args, kwargs and mode."),
    "deep": (f'{{"args": {DEEP}}}', "The body may be nested up to 20 deep."),
    "very deep": ('{"args": ' + "[" * 30_000, "The body may be nested up to 20 deep."),
    "NUL": (
        '{"args": ["\\u0000"]}',
        "The body holds text that cannot be stored: a NUL or half a character.",
    ),
    "half a character": (
        '{"kwargs": {"\\ud800": 1}}',
        "The body holds text that cannot be stored: a NUL or half a character.",
    ),
}


@pytest.mark.parametrize(("body", "detail"), BAD_BODIES.values(), ids=list(BAD_BODIES))
def test_bad_body_is_refused_with_a_sentence(app, superuser, body, detail):
    """
    A body that is not one small object with known keys is refused in words, and no run made.
    """
    response = superuser.post(TRIGGER, body, content_type="application/json")

    assert (response.status_code, response.json()) == (
        400,
        {
            "type": "urn:problem-type:recurring-jobs:invalid-body",
            "title": "Invalid body",
            "status": 400,
            "detail": detail,
        },
    )
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"args": {}}, "'args' must be an array, not an object."),
        ({"args": None}, "'args' must be an array, not null."),
        ({"kwargs": []}, "'kwargs' must be an object, not an array."),
        ({"kwargs": True}, "'kwargs' must be an object, not a boolean."),
        ({"mode": "now"}, "'mode' must be 'queued' or 'in_process'."),
        ({"mode": []}, "'mode' must be 'queued' or 'in_process'."),
    ],
    ids=repr,
)
def test_wrong_kind_of_value_is_refused_by_name(app, superuser, body, detail):
    """
    A key whose value is of another kind is named, and no run made.
    """
    told = post(superuser, TRIGGER, body).json()

    assert (told["status"], told["detail"], told["argument"]) == (400, detail, next(iter(body)))
    assert not Run.objects.exists()


def test_nesting_up_to_the_bound_is_taken(app, superuser):
    """
    A body that is exactly 20 deep is read.
    """
    nested = "[" * 18 + "1" + "]" * 18

    response = superuser.post(TRIGGER, f'{{"args": [{nested}]}}', content_type="application/json")

    assert response.json()["detail"] == (
        "Argument 'days' of task 'shop.recompute' must be int, not list."
    )


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_only_json_is_read(app, superuser, content_type):
    """
    What a form of another site could send is refused with 415.
    """
    response = superuser.generic("POST", TRIGGER, b'{"args": [7]}', content_type=content_type)

    assert (response.status_code, response.json()["detail"]) == (
        415,
        "Send a JSON object, with the header Content-Type: application/json.",
    )


def test_large_body_is_refused(app, superuser):
    """
    A body over 64 KB is refused with 413.
    """
    response = post(superuser, TRIGGER, {"args": ["x" * 65_536]})

    assert (response.status_code, response.json()["detail"]) == (
        413,
        "The body may have up to 65536 bytes.",
    )


def test_large_body_of_undeclared_length_is_refused():
    """
    A body that is sent in chunks, without a length, has the same bound.
    """
    scope = {
        "type": "http",
        "method": "POST",
        "path": TRIGGER,
        "headers": [(b"content-type", b"application/json")],
    }

    with pytest.raises(Problem) as caught:
        read_object(ASGIRequest(scope, BytesIO(b" " * 65_537)), ())

    assert caught.value.kind == "body-too-large"


def test_body_over_the_bound_of_the_project_is_refused(app, superuser, settings):
    """
    A project's own smaller DATA_UPLOAD_MAX_MEMORY_SIZE is a 413 too.
    """
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    assert post(superuser, TRIGGER, {"args": [7]}).status_code == 413


BAD_ARGUMENTS = {
    "missing": ({}, "days", "is missing."),
    "unknown": ({"kwargs": {"days": 7, "labl": 1}}, "labl", "is not known. Did you mean 'label'?"),
    "twice": (
        {"args": [7], "kwargs": {"days": 7}},
        "days",
        "is given twice, by position and by name.",
    ),
    "too many": ({"args": [7, 8]}, "args[1]", "is one too many: the task takes 1 by position."),
    "text for a number": ({"args": ["7"]}, "days", "must be int, not str."),
    "boolean for a number": ({"args": [True]}, "days", "must be int, not bool."),
    "null": ({"args": [None]}, "days", "must be int, not NoneType."),
    "number for a text": (
        {"args": [7], "kwargs": {"label": 7}},
        "label",
        "must be str or None, not int.",
    ),
    "wrong item": (
        {"args": [7], "kwargs": {"ids": [1, "2"]}},
        "ids",
        "must be list[int] or None, not list.",
    ),
}


@pytest.mark.parametrize("mode", ["queued", "in_process"])
@pytest.mark.parametrize(
    ("body", "argument", "problem"), BAD_ARGUMENTS.values(), ids=list(BAD_ARGUMENTS)
)
def test_arguments_are_checked_against_the_task(app, superuser, body, argument, problem, mode):
    """
    Arguments that the task cannot take are refused by name, before anything is kept or sent.
    """
    response = post(superuser, TRIGGER, {**body, "mode": mode})

    assert (response.status_code, response.json()) == (
        400,
        {
            "type": "urn:problem-type:recurring-jobs:invalid-argument",
            "title": "Invalid argument",
            "status": 400,
            "detail": f"Argument {argument!r} of task 'shop.recompute' {problem}",
            "argument": argument,
        },
    )
    assert not Run.objects.exists()


def test_broker_away_is_said_and_leaves_no_run(app, superuser):
    """
    With the broker away the answer is 503 with a sentence, and no run stays queued for ever.
    """
    app.conf.broker_url = "redis://:hunter2@127.0.0.1:1/0"

    response = post(superuser, TRIGGER, {"args": [7]})

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.json() == {
        "type": "urn:problem-type:recurring-jobs:broker-away",
        "title": "Broker away",
        "status": 503,
        "detail": "The broker is away, so nothing was sent. Try again later.",
    }
    assert not Run.objects.exists()


def test_service_takes_what_the_api_does(app, db):
    """
    Python code may trigger by the same service, with the same checks.
    """
    triggered = trigger_task(app, "shop.recompute", [7])

    assert (triggered.state, Run.objects.get().pk) == ("queued", triggered.id)

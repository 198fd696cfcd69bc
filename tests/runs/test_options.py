from __future__ import annotations

import pytest
from celery import Celery
from celery.exceptions import Reject

from recurring_jobs import BaseTaskWithRetry, GiveUp, RetryLater
from recurring_jobs.exceptions import InvalidTaskOptionError
from tests.runs.conftest import attempt


def make(app, *, base=BaseTaskWithRetry, **options):
    return app.task(base=base, name="made.task", shared=False, **options)(_fail)


def _fail():
    message = "away"
    raise ConnectionError(message)


def delays(task, retries=range(4)):
    return [attempt(task, retries=retry).when for retry in retries]


class Family(BaseTaskWithRetry):
    """A family of tasks with options of its own."""

    abstract = True
    max_retries = 7
    retry_jitter = False
    retry_kwargs = {"queue": "slow"}


def test_the_defaults(app):
    """
    Without a word: five retries, doubled from a second, late acknowledgement.
    """
    task = make(app, retry_jitter=False)

    assert (task.max_retries, task.acks_late, task.reject_on_worker_lost) == (5, True, True)
    assert delays(task) == [1.0, 2.0, 4.0, 8.0]


def test_the_settings_change_the_defaults(app, settings):
    """
    RECURRING_JOBS["RETRY"] is above our defaults, key by key.
    """
    settings.RECURRING_JOBS = {"RETRY": {"max_retries": 2, "retry_jitter": False}}

    task = make(app)

    assert task.max_retries == 2
    assert delays(task, [0]) == [1.0]


def test_a_family_is_above_the_settings(app, settings):
    """
    An attribute of a base class wins over the settings, and leaves them the other keys.
    """
    settings.RECURRING_JOBS = {"RETRY": {"max_retries": 2, "retry_backoff": 3}}

    task = make(app, base=Family)

    assert task.max_retries == 7
    assert delays(task, [0]) == [3.0]


def test_the_decorator_is_above_the_family(app):
    """
    An option of the task wins over its base class, and leaves it the other keys.
    """
    task = make(app, base=Family, max_retries=1, retry_kwargs={"priority": 3})

    assert task.max_retries == 1
    assert attempt(task).sig.options["queue"] == "slow"
    assert attempt(task).sig.options["priority"] == 3


def test_a_mixin_counts_where_it_stands(app):
    """
    Options of a plain mixin count by the order of the base classes.
    """

    class Patient:
        max_retries = 50
        retry_backoff = 9

    class PatientFamily(Patient, Family):
        abstract = True
        retry_backoff = 4

    task = make(app, base=PatientFamily)

    assert task.max_retries == 50
    assert delays(task, [0]) == [4.0]


@pytest.mark.parametrize(
    ("family", "options", "waits"),
    [
        ({"retry_backoff": 2}, {"retry_kwargs": {"countdown": 9}}, [9, 9]),
        ({"retry_kwargs": {"countdown": 9}}, {"retry_backoff": 2}, [2.0, 4.0]),
        ({"retry_backoff": 2}, {"default_retry_delay": 30}, [30, 30]),
        ({"retry_backoff": 2}, {"retry_backoff": False}, [180, 180]),
        ({}, {"retry_backoff": 2, "retry_kwargs": {"countdown": 9}}, [2.0, 4.0]),
    ],
    ids=[
        "countdown above backoff",
        "backoff above countdown",
        "fixed delay above backoff",
        "backoff switched off",
        "both on one level",
    ],
)
def test_the_nearest_word_on_waiting_counts(app, family, options, waits):
    """
    Backoff, countdown and fixed delay replace each other by their level.
    """
    base = type("Given", (Family,), {"abstract": True, **family})

    assert delays(make(app, base=base, **options), [0, 1]) == waits


def test_a_task_may_be_changed_while_it_runs(app):
    """
    An attribute set on the task itself is the nearest of all.
    """
    task = make(app, base=Family)

    task.retry_backoff = 11

    assert delays(task, [0]) == [11.0]


def test_task_annotations_count():
    """
    Celery's task_annotations setting is an option of the task.
    """
    app = Celery("made", set_as_current=False)
    app.conf.task_annotations = {"made.task": {"max_retries": 9}}

    assert make(app, base=Family).max_retries == 9


def test_a_class_based_task_has_the_options_of_its_class(app):
    """
    A class-based task, with an __init__ of its own, retries as its attributes say.
    """

    class Fetch(Family):
        name = "made.fetch"
        retry_backoff = 2

        def __init__(self, address):
            self.address = address

        def run(self):
            raise ConnectionError(self.address)

    task = app.register_task(Fetch("there"))

    assert delays(task, [0, 1]) == [2.0, 4.0]
    assert str(attempt(task).exc) == "there"


def test_the_parent_of_a_class_based_task_does_not_retry_for_it(app):
    """
    What super().run() raises reaches the child, which may handle it.
    """

    class Parent(Family):
        name = "made.parent"

        def run(self):
            raise ConnectionError

    class Child(Parent):
        name = "made.child"

        def run(self):
            try:
                super().run()
            except ConnectionError:
                return "handled"

    app.register_task(Parent())

    assert app.register_task(Child()).apply().result == "handled"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (
            {"retry_backoff": -1},
            "retry_backoff is -1. Give the seconds of the first wait, at least 0, or True for 1.",
        ),
        ({"retry_backoff_max": "10"}, "retry_backoff_max is '10'. Give a number of seconds"),
        ({"max_retries": -1}, "max_retries is -1. Give a whole number, at least 0, or None"),
        ({"max_retries": 2.5}, "max_retries is 2.5. Give a whole number"),
        ({"retry_jitter": "yes"}, "retry_jitter is 'yes'. Give True or False."),
        (
            {"autoretry_for": (ConnectionError, "OSError")},
            "autoretry_for holds 'OSError'. Give a tuple of exception classes.",
        ),
        (
            {"autoretry_for": ConnectionError},
            "autoretry_for is <class 'ConnectionError'>. Give a tuple of exception classes.",
        ),
        ({"dont_autoretry_for": (int,)}, "dont_autoretry_for holds <class 'int'>."),
        (
            {"retry_kwargs": {"max_retrys": 3}},
            "retry_kwargs holds 'max_retrys', which is not a known option. "
            "Did you mean 'max_retries'?",
        ),
        (
            {"retry_kwargs": {"countdown": -5}},
            "retry_kwargs holds 'countdown', which is -5. Give a number of seconds, at least 0.",
        ),
        (
            {"retry_backof": 2},
            "retry_backof is not a known option. Did you mean 'retry_backoff'?",
        ),
        ({"sensitive": "iban"}, "sensitive is 'iban'. Give a tuple of argument names."),
        ({"tracked": 1}, "tracked is 1. Give True or False."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_refused_where_the_task_is_defined(app, options, error):
    """
    The error names the task and the attribute, and nothing is registered.
    """
    with pytest.raises(InvalidTaskOptionError) as caught:
        make(app, **options)

    assert str(caught.value).startswith(f"Task 'made.task': {error}")
    assert "made.task" not in app.tasks


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (
            {"retry_backof": 2},
            'RECURRING_JOBS["RETRY"]["retry_backof"] is not a known option. '
            "Did you mean 'retry_backoff'?",
        ),
        ({"tracked": True}, 'RECURRING_JOBS["RETRY"]["tracked"] is not a known option.'),
        ({"max_retries": "5"}, 'RECURRING_JOBS["RETRY"]["max_retries"] is \'5\'.'),
    ],
    ids=["misspelt", "not of a project", "of a wrong type"],
)
def test_a_wrong_option_in_the_settings_is_refused_too(app, settings, given, error):
    """
    The error of an option in the settings says that it stands there.
    """
    settings.RECURRING_JOBS = {"RETRY": given}

    with pytest.raises(InvalidTaskOptionError) as caught:
        make(app)

    assert str(caught.value).startswith(f"Task 'made.task': {error}")


@pytest.mark.parametrize(
    ("exc", "attempts"),
    [
        (GiveUp("closed"), 1),
        (Reject("no"), 1),
        (RetryLater(0), 8),
        (ConnectionError("away"), 8),
        (KeyError("x"), 1),
    ],
    ids=["give up", "reject", "retry later", "named", "not named"],
)
@pytest.mark.django_db
def test_what_is_retried(failing, exc, attempts):
    """
    Named exceptions and RetryLater are retried, others and GiveUp are not.
    """
    task = failing(exc, base=Family, autoretry_for=(ConnectionError,))

    task.apply()

    assert len(task.attempts) == attempts

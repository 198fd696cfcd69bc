"""Each system check: what sets it off, what it says, and that the host project is free of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from celery._state import get_current_app
from celery.loaders.default import Loader
from django.core.checks import run_checks
from django.db import connections
from django.test import modify_settings
from kombu import Queue

from recurring_jobs import RRule, checks, periodic_task
from recurring_jobs.periodic import registry

GOOD = {"sha256": "0" * 64, "allow": ["trigger", "status"], "tasks": ["pricing.*"]}
NO_DIGEST = "must have 'sha256', the 64 hexadecimal digits of the token's SHA-256."
NO_ACTIONS = (
    "must have 'allow', a list of some of 'trigger', 'status', 'cancel', 'view_arguments',"
    " 'view_tracebacks', 'view_schedule', 'run_schedule', 'pause_schedule', 'backfill_schedule',"
    " 'view_dead_letter', 'requeue_dead_letter', 'discard_dead_letter', 'view_template', 'metrics'."
)


def found(*, deploy: bool = False) -> dict[str, Any]:
    """Return what our checks find now, by id; one id must not be found twice."""
    messages = run_checks(tags=[checks.TAG], include_deployment_checks=deploy)
    assert len({message.id for message in messages}) == len(messages)
    return {message.id.removeprefix("recurring_jobs."): message for message in messages}


def test_a_right_project_is_told_nothing():
    """
    The host project, which does as the docs say, sets off no check.
    """
    assert found() == {}


def test_every_check_says_what_to_type(settings):
    """
    Each message comes with a hint.
    """
    settings.USE_TZ = False
    settings.CELERY_RESULT_BACKEND = None
    settings.RECURRING_JOBS = {"X": 1}

    assert set(found()) == {"E003", "E004", "W001"}
    assert all(message.hint for message in found().values())


@pytest.mark.parametrize(
    ("number", "app"),
    [("E001", "django_celery_beat"), ("E002", "django_celery_results")],
)
def test_missing_app(number, app):
    """
    E001, E002: an app that we stand on is not installed.
    """
    with modify_settings(INSTALLED_APPS={"remove": app}):
        message = found()[number]

    assert message.msg == f"{app} is not installed."
    assert message.hint == (f"Add '{app}' to INSTALLED_APPS, then run: python manage.py migrate")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            {"TRACK_RUN": "all"},
            "RECURRING_JOBS['TRACK_RUN'] is not a known key. Did you mean 'TRACK_RUNS'?",
        ),
        (
            {"BEAT_BATCH_SIZE": "200"},
            "RECURRING_JOBS['BEAT_BATCH_SIZE'] is '200' (str). Give an int.",
        ),
        (
            {"RESEND_AFTER": 3},
            "RECURRING_JOBS['RESEND_AFTER'] is 3 (int). Give a timedelta or None.",
        ),
        (
            {"TRACK_RUNS": "some"},
            "RECURRING_JOBS['TRACK_RUNS'] is 'some'. Use 'asked' or 'all'.",
        ),
        (
            ["TRACK_RUNS"],
            "RECURRING_JOBS['…'] cannot be read: RECURRING_JOBS is ['TRACK_RUNS'], not a dict.",
        ),
    ],
    ids=["unknown key", "wrong type", "neither type", "wrong value", "not a dict"],
)
def test_wrong_setting(settings, value, problem):
    """
    E003: a key of RECURRING_JOBS is unknown or its value cannot be.
    """
    settings.RECURRING_JOBS = value

    assert {each: message.msg for each, message in found().items()} == {"E003": problem}


def test_naive_times(settings):
    """
    E004: USE_TZ is off.
    """
    settings.USE_TZ = False

    message = found()["E004"]

    assert (message.msg, message.hint) == (
        "USE_TZ is off: occurrences and fires need aware times.",
        "Write in your settings: USE_TZ = True",
    )


@pytest.mark.parametrize("name", ["CELERY_ACCEPT_CONTENT", "CELERY_RESULT_ACCEPT_CONTENT"])
@pytest.mark.parametrize("unsafe", ["pickle", "application/x-python-serialize", "yaml"])
def test_unsafe_content(settings, name, unsafe):
    """
    E005: messages or results that run code when they are read are accepted.
    """
    setattr(settings, name, ["json", unsafe])

    message = found()["E005"]

    assert message.msg.startswith(f"{name} accepts {unsafe}: whoever can write")
    assert message.hint == f"Write in your settings: {name} = ['json']"


@pytest.mark.parametrize(
    ("client", "problem"),
    [
        ("secret", "is not a dict."),
        (
            {**GOOD, "token": "x" * 30},
            "has the token itself; what is kept of it is its SHA-256.",
        ),
        ({"allow": ["status"]}, NO_DIGEST),
        ({**GOOD, "sha256": "x" * 64}, NO_DIGEST),
        ({**GOOD, "allow": "trigger"}, NO_ACTIONS),
        ({**GOOD, "allow": ["purge"]}, NO_ACTIONS),
        ({**GOOD, "tasks": "pricing.*"}, "must have a list of name patterns as 'tasks'."),
        ({**GOOD, "task": ["x"]}, "has an unknown key 'task'."),
    ],
    ids=[
        "text",
        "token",
        "no digest",
        "no hexadecimal",
        "allow text",
        "allow unknown",
        "tasks text",
        "unknown key",
    ],
)
def test_unusable_token(settings, client, problem):
    """
    E006: an entry of API_TOKENS cannot be used as written; the token itself is not shown.
    """
    settings.RECURRING_JOBS = {"API_TOKENS": {"ci": client, "good": GOOD}}

    assert found()["E006"].msg == f"RECURRING_JOBS['API_TOKENS']['ci'] {problem}"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("no_such_module.allows", "cannot be imported (No module named 'no_such_module')"),
        ("allows", "cannot be imported (allows doesn't look like a module path)"),
        ("tests.test_checks.GOOD", "is not callable"),
    ],
    ids=["no module", "no path", "no callable"],
)
@pytest.mark.parametrize("key", ["API_AUTHORIZE", "API_VISIBLE"])
def test_rule_that_cannot_be_called(settings, key, path, problem):
    """
    E007: API_AUTHORIZE or API_VISIBLE names nothing that can be called.
    """
    settings.RECURRING_JOBS = {key: path}

    assert found()["E007"].msg == f"RECURRING_JOBS[{key!r}]: {path!r} {problem}."


def test_authorize_of_wrong_type_is_told_once(settings):
    """
    A value of the wrong type is E003 alone; the checks that would read it stay quiet.
    """
    settings.RECURRING_JOBS = {"API_AUTHORIZE": 1, "API_TOKENS": []}

    messages = run_checks(tags=[checks.TAG])

    assert [message.id for message in messages] == ["recurring_jobs.E003"] * 2


@pytest.mark.parametrize("name", ["Europe/Pari", "", "../../etc/passwd"])
def test_unknown_time_zone(settings, name):
    """
    E008: CELERY_TIMEZONE is no time zone, and the nearest one is named.
    """
    settings.CELERY_TIMEZONE = name

    message = found()["E008"]

    assert message.msg.startswith(f"CELERY_TIMEZONE: Time zone {name!r} is not known.")
    assert ("Did you mean 'Europe/Paris'?" in message.msg) == (name == "Europe/Pari")


@pytest.mark.parametrize("value", [None, "", "disabled"])
def test_no_result_back_end(settings, value):
    """
    W001: what tasks return is thrown away.
    """
    settings.CELERY_RESULT_BACKEND = value

    message = found()["W001"]

    assert (message.msg, message.hint) == (
        "There is no result back end: what tasks return is thrown away.",
        "Write in your settings: CELERY_RESULT_BACKEND = 'django-db'",
    )


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (None, "no scheduler of ours"),
        ("django_celery_beat.schedulers:DatabaseScheduler",) * 2,
        ("celery.beat:PersistentScheduler",) * 2,
    ],
    ids=["none", "django-celery-beat", "celery"],
)
def test_another_scheduler(settings, value, named):
    """
    W002: beat runs with a scheduler that is not ours.
    """
    settings.CELERY_BEAT_SCHEDULER = value

    message = found()["W002"]

    assert message.msg.startswith(f"Beat uses {named}: ")
    assert message.hint == (
        "Write in your settings: CELERY_BEAT_SCHEDULER = "
        "'recurring_jobs.schedulers:DatabaseScheduler'"
    )


def test_our_scheduler_written_with_a_dot(settings):
    """
    Celery reads a path with a dot before the class as well, and so does the check.
    """
    settings.CELERY_BEAT_SCHEDULER = "recurring_jobs.schedulers.DatabaseScheduler"

    assert found() == {}


@pytest.fixture
def empty_app():
    """Celery as it is when the project's app was never imported."""
    before = get_current_app()
    made = Celery("default", loader=Loader, fixups=[])
    yield made
    made.close()
    before.set_current()


def test_app_not_loaded(empty_app):
    """
    W003: nothing imports the project's Celery app, so tasks would go nowhere.
    """
    message = found()["W003"]

    assert (message.msg, message.hint) == (
        "The project's Celery app is not loaded.",
        "Write into tests/__init__.py: from tests.celery import app as celery_app",
    )


def test_settings_of_an_app_that_is_not_loaded_are_unknown(empty_app, settings):
    """
    Without the project's app only Django's settings are read.
    """
    del settings.CELERY_RESULT_BACKEND

    assert set(found()) == {"W001", "W003"}


@pytest.fixture
def other_app():
    """A Celery app that has its settings from a place of its own."""
    before = get_current_app()
    made = Celery("other", fixups=[])
    made.conf.update(result_backend="django-db", beat_scheduler=checks.SCHEDULER)
    yield made
    made.close()
    before.set_current()


def test_celery_settings_of_their_own_file_are_read(other_app, settings):
    """
    What Django's settings do not say is asked of the loaded Celery app.
    """
    del settings.CELERY_RESULT_BACKEND
    del settings.CELERY_BEAT_SCHEDULER

    assert found() == {}


@pytest.mark.parametrize(
    ("options", "is_found"),
    [
        (None, True),
        ({}, True),
        ({"transaction_mode": "DEFERRED"}, True),
        ({"transaction_mode": "IMMEDIATE"}, False),
        ({"transaction_mode": "exclusive"}, False),
    ],
)
def test_sqlite_that_locks_late(monkeypatch, options, is_found):
    """
    W004: a SQLite database whose transactions begin as reads meets "database is locked".
    """
    database = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": options}
    monkeypatch.setitem(connections.settings, "other", database)

    messages = found()

    assert ("W004" in messages) == is_found
    if is_found:
        assert messages["W004"].hint == (
            "Write in DATABASES['other']: 'OPTIONS': "
            "{'transaction_mode': 'IMMEDIATE', 'timeout': 30}"
        )


@pytest.mark.parametrize(
    ("url", "debug", "deploy", "is_found"),
    [
        ("filesystem://localhost/", False, True, True),
        (["redis://x", "filesystem://localhost/"], False, True, True),
        ("filesystem://localhost/", True, True, False),
        ("filesystem://localhost/", False, False, False),
        ("redis://localhost/", False, True, False),
    ],
    ids=["deployed", "one of two", "debug", "without --deploy", "a server"],
)
def test_development_broker_in_production(settings, url, debug, deploy, is_found):
    """
    W005: a deployed project uses the broker that is made of files.
    """
    settings.CELERY_BROKER_URL = url
    settings.DEBUG = debug

    assert ("W005" in found(deploy=deploy)) == is_found


@pytest.fixture
def declared():
    """Declare for the tasks of the host project, and forget it afterwards."""
    with registry.no_declarations():
        yield periodic_task


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"priority": 999}, "priority is 999. Give a number", id="option"),
        pytest.param(
            {"trigger": RRule("FREQ=DAILY;UNTIL=20250101", start="2026-01-05T09:00:00")},
            "never fires.",
            id="never fires",
        ),
        pytest.param({"trigger": "0 9 31 2 *"}, "can never occur", id="impossible"),
        pytest.param({"trigger": 0.5}, "must be at least one second", id="too fine"),
        pytest.param(
            {"timezone": "Europe/Pariss"}, "Did you mean 'Europe/Paris'?", id="unknown zone"
        ),
    ],
)
def test_wrong_declaration(declared, options, problem):
    """
    E009: what setup_periodic_tasks would refuse is told before it is run.
    """
    declared(**{"trigger": "0 9 * * *", "name": "nightly", **options})("host.add")

    message = found()["E009"]

    assert message.msg.startswith("Periodic task 'nightly', declared in tests/test_checks.py:")
    assert problem in message.msg
    assert message.hint == "Correct the declaration, then run: python manage.py check"


def test_wrong_override_is_a_wrong_declaration(settings):
    """
    E009: an override of a schedule that is not declared would do nothing.
    """
    settings.RECURRING_JOBS = {"OVERRIDES": {"nightly": {"queue": "q"}}}

    assert found()["E009"].msg.startswith("RECURRING_JOBS['OVERRIDES'] names 'nightly'")


def test_declared_twice(declared):
    """
    E010: of two declarations of one name neither can be meant.
    """
    for _ in range(2):
        declared("0 9 * * *", name="nightly")("host.add")

    assert "'nightly' is declared twice, in tests/test_checks.py:" in found()["E010"].msg


def test_declared_for_a_task_that_does_not_exist(declared):
    """
    E011: a misspelt task would be sent for ever to workers that do not know it.
    """
    declared("0 9 * * *", name="nightly")("host.ad")

    message = found()["E011"]

    assert message.msg.endswith("'host.ad' is not registered. Did you mean 'host.add'?")
    assert "app.autodiscover_tasks()" in message.hint


@pytest.mark.parametrize(("seconds", "is_found"), [(1, True), (4, True), (5, False)])
def test_declared_to_fire_too_often(declared, seconds, is_found):
    """
    W006: a schedule of seconds makes a row and a message for each.
    """
    declared(timedelta(seconds=seconds), name="busy")("host.add")

    assert ("W006" in found()) is is_found


@pytest.mark.parametrize(
    ("queues", "is_found"),
    [
        pytest.param([Queue("fast")], True, id="not among them"),
        pytest.param([Queue("slow")], False, id="among them"),
        pytest.param(None, False, id="none are named"),
    ],
)
def test_declared_for_a_queue_of_nobody(declared, other_app, queues, is_found):
    """
    W007: where the project names its queues, another one is likely a slip.
    """
    other_app.conf.task_queues = queues
    other_app.task(_nothing, name="other.task", shared=False)
    declared("0 9 * * *", name="nightly", queue="slow")("other.task")

    assert ("W007" in found()) is is_found


def test_declared_rule_with_another_scheduler(declared, settings):
    """
    W008: the stock scheduler never fires a rule, and is told which ones.
    """
    settings.CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
    declared(RRule("FREQ=DAILY", start="2026-01-05T09:00:00"), name="by rule")("host.add")
    declared("0 9 * * *", name="by crontab")("host.add")

    assert found()["W008"].msg.endswith("never fires an RRule: 'by rule'.")


@pytest.mark.parametrize(
    ("scheduler", "entries", "is_found"),
    [
        ("django_celery_beat.schedulers:DatabaseScheduler", True, True),
        ("django_celery_beat.schedulers.DatabaseScheduler", True, True),
        ("django_celery_beat.schedulers:DatabaseScheduler", False, False),
        ("recurring_jobs.schedulers:DatabaseScheduler", True, False),
    ],
    ids=["stock", "stock with a dot", "no entries", "ours"],
)
def test_beat_schedule_over_what_people_changed(other_app, settings, scheduler, entries, is_found):
    """
    W009: the stock scheduler writes CELERY_BEAT_SCHEDULE over edits each time it starts.
    """
    settings.CELERY_BEAT_SCHEDULER = scheduler
    other_app.task(_nothing, name="other.task", shared=False)
    entry = {"nightly": {"task": "other.task", "schedule": timedelta(hours=1)}}
    other_app.conf.beat_schedule = entry if entries else {}

    assert ("W009" in found()) is is_found


def _nothing() -> None:
    """Do nothing."""


def test_table_of_ids_is_complete():
    """
    Each id that the docstring lists can be found in the code, and the other way round.
    """
    lines = (checks.__doc__ or "").splitlines()
    listed = [line[:4] for line in lines if line[:1] in "EW" and line[1:4].isdigit()]

    assert listed == [f"E{n:03}" for n in range(1, 12)] + [f"W{n:03}" for n in range(1, 17)]

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta

import pytest
from celery import schedules
from django.test import override_settings

from recurring_jobs import At, Cron, Every, RRule, Solar, periodic_task
from recurring_jobs.exceptions import InvalidDeclarationsError
from recurring_jobs.models import Schedule
from recurring_jobs.periodic.declarations import MISFIRES, Declaration
from recurring_jobs.periodic.drafts import WRITABLE
from recurring_jobs.periodic.registry import collect_declarations, load_declarations

HOUR = Every(hours=1)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def problems(app) -> list[str]:
    with pytest.raises(InvalidDeclarationsError) as refused:
        load_declarations(app)
    return refused.value.problems


def test_decorator_above_below_and_by_name(celery_app):
    """
    The decorator finds the task wherever it stands, and names the line where it was written.
    """

    @periodic_task(HOUR)
    @celery_app.task(name="app.above", shared=False)
    def above():
        pass

    @celery_app.task(name="app.below", bind=True, shared=False)
    @periodic_task(HOUR, queue="slow")
    def below(self):
        pass

    @celery_app.task(name="app.plain", shared=False)
    @periodic_task(HOUR)
    def plain():
        pass

    periodic_task(HOUR, name="by name")("app.clean")

    found = {each.name: (each.task, each.queue) for each in load_declarations(celery_app)}
    assert found == {
        "app.above": ("app.above", None),
        "app.below": ("app.below", "slow"),
        "app.plain": ("app.plain", None),
        "by name": ("app.clean", None),
    }
    line = load_declarations(celery_app)[0].source
    assert line.startswith("tests/periodic/test_registry.py:")


def test_decorator_returns_what_it_was_given(celery_app):
    """
    Declaring changes nothing about the function or task.
    """

    def clean():
        pass

    assert periodic_task(HOUR)(clean) is clean


def test_every_option_is_kept_in_plain_form(celery_app):
    """
    A declaration holds what was written, as the values that the tables can hold.
    """
    periodic_task(
        Cron("0 9 * * *"),
        name="full",
        args=(1, "two", (3,)),
        kwargs={"deep": {"list": (1, 2)}},
        queue="q",
        exchange="e",
        routing_key="r",
        priority=7,
        headers={"h": 1},
        expires=timedelta(minutes=5),
        description="Why.",
        enabled=False,
        one_off=True,
        start_time=datetime(2026, 1, 1, tzinfo=UTC),
        time_limit=timedelta(minutes=2),
        soft_time_limit=100,
        misfire="all",
    )("app.clean")

    [declaration] = load_declarations(celery_app)

    assert declaration == Declaration(
        name="full",
        task="app.clean",
        trigger=Cron("0 9 * * *", timezone="UTC"),
        source=declaration.source,
        args=(1, "two", [3]),
        kwargs={"deep": {"list": [1, 2]}},
        queue="q",
        exchange="e",
        routing_key="r",
        priority=7,
        headers={"h": 1},
        expires=300,
        description="Why.",
        enabled=False,
        one_off=True,
        start_time=datetime(2026, 1, 1, tzinfo=UTC),
        time_limit=120,
        soft_time_limit=100,
        misfire="all",
    )


@pytest.mark.parametrize(
    ("celery_zone", "expected"),
    [
        pytest.param(None, "America/New_York", id="Django's"),
        pytest.param("Asia/Tokyo", "Asia/Tokyo", id="Celery's first"),
    ],
)
def test_zone_of_the_project_is_filled_in(celery_app, celery_zone, expected):
    """
    A trigger without a zone is read in CELERY_TIMEZONE, else in TIME_ZONE.
    """
    celery_app.conf.timezone = celery_zone
    periodic_task(Cron("@daily"))("app.clean")

    with override_settings(TIME_ZONE="America/New_York"):
        [declaration] = load_declarations(celery_app)

    assert declaration.trigger == Cron("@daily", timezone=expected)


@pytest.mark.parametrize(
    ("schedule", "trigger"),
    [
        pytest.param(
            schedules.crontab(minute=0, hour="2,14", day_of_week={0, 3}),
            Cron("0 2,14 * * 0,3", timezone="Asia/Tokyo"),
            id="crontab in the zone of the app",
        ),
        pytest.param(schedules.schedule(90), Every(seconds=90), id="schedule"),
        pytest.param(timedelta(hours=3), Every(hours=3), id="timedelta"),
        pytest.param(30.0, Every(seconds=30), id="seconds"),
        pytest.param("*/5 * * * *", Cron("*/5 * * * *", timezone="Asia/Tokyo"), id="text"),
        pytest.param(Solar("sunset", 1, 2), Solar("sunset", 1, 2), id="trigger"),
    ],
)
def test_existing_beat_schedule_is_read(celery_app, schedule, trigger):
    """
    What CELERY_BEAT_SCHEDULE holds today means the same as a declaration.
    """
    celery_app.conf.timezone = "Asia/Tokyo"
    celery_app.conf.beat_schedule = {
        "old": {
            "task": "app.clean",
            "schedule": schedule,
            "args": (1,),
            "options": {"queue": "slow", "expires": 60, "priority": 2},
        }
    }

    assert load_declarations(celery_app) == [
        Declaration(
            name="old",
            task="app.clean",
            trigger=trigger,
            source="CELERY_BEAT_SCHEDULE",
            args=(1,),
            queue="slow",
            expires=60,
            priority=2,
        )
    ]


@pytest.mark.parametrize(
    ("length", "trigger"),
    [
        pytest.param(
            timedelta(days=1),
            RRule("FREQ=DAILY;INTERVAL=1", start="2000-01-01T00:00", timezone="Asia/Tokyo"),
            id="midnights where people are",
        ),
        pytest.param(
            timedelta(days=2, hours=9),
            RRule("FREQ=DAILY;INTERVAL=2", start="2000-01-01T00:00", timezone="Asia/Tokyo"),
            id="whole days",
        ),
        pytest.param(timedelta(minutes=90), Every(hours=1), id="whole hours"),
        pytest.param(150, Every(minutes=2), id="whole minutes"),
        pytest.param(45, Every(seconds=45), id="seconds"),
    ],
)
def test_relative_interval_is_rounded_as_celery_does(celery_app, length, trigger):
    """
    A relative interval fires where the clock shows a whole day, hour or minute.
    """
    celery_app.conf.timezone = "Asia/Tokyo"
    celery_app.conf.beat_schedule = {
        "entry": {"task": "app.clean", "schedule": length, "relative": True},
        "object": {"task": "app.clean", "schedule": schedules.schedule(length, relative=True)},
    }

    assert [each.trigger for each in load_declarations(celery_app)] == [trigger, trigger]


def test_schedule_in_settings(celery_app):
    """
    RECURRING_JOBS["SCHEDULE"] takes the options of the decorator beside task and trigger.
    """
    entry = {"task": "app.clean", "trigger": HOUR, "queue": "slow", "misfire": "skip"}

    with override_settings(RECURRING_JOBS={"SCHEDULE": {"nightly": entry}}):
        [declaration] = load_declarations(celery_app)

    assert declaration == Declaration(
        name="nightly",
        task="app.clean",
        trigger=HOUR,
        source="RECURRING_JOBS['SCHEDULE']",
        queue="slow",
        misfire="skip",
    )


def test_overrides_replace_options_of_this_environment(celery_app):
    """
    "*" applies to every declaration, a name to its own, and the nearer one wins.
    """
    periodic_task(HOUR, name="one", queue="slow")("app.clean")
    periodic_task(HOUR, name="two")("app.report")
    overrides = {
        "*": {"enabled": False, "queue": "staging"},
        "two": {"enabled": True, "schedule": Every(days=1)},
    }

    with override_settings(RECURRING_JOBS={"OVERRIDES": overrides}):
        one, two = load_declarations(celery_app)

    assert (one.enabled, one.queue, one.trigger) == (False, "staging", HOUR)
    assert (two.enabled, two.queue, two.trigger) == (True, "staging", Every(days=1))


def test_all_problems_are_told_at_once(celery_app):
    """
    Each wrong declaration is one sentence that names it and what to do.
    """
    settings = {
        "SCHEDULE": {
            "no task": {"trigger": HOUR},
            "two triggers": {"task": "app.clean", "trigger": HOUR, "schedule": HOUR},
            "typo": {"task": "app.clean", "trigger": HOUR, "que": "slow"},
            "ghost": {"task": "app.claen", "trigger": HOUR},
            "half": {"task": "app.clean", "trigger": 0.5},
            "ok": {"task": "app.clean", "trigger": HOUR},
        },
        "OVERRIDES": {"okay": {"enabled": False}, "ok": {"enabld": False}},
    }
    celery_app.conf.beat_schedule = {
        "ok": {"task": "app.clean", "schedule": 60},
        "limited": {"task": "app.clean", "schedule": 60, "options": {"countdown": 5}},
    }

    with override_settings(RECURRING_JOBS=settings):
        found = problems(celery_app)

    declared = "declared in RECURRING_JOBS['SCHEDULE']"
    assert found == [
        f"Periodic task 'no task', {declared}: names no task.",
        f"Periodic task 'two triggers', {declared}: has both a trigger and a schedule.",
        f"Periodic task 'typo', {declared}: 'que' is not a key. Did you mean 'queue'?",
        "Periodic task 'limited', declared in CELERY_BEAT_SCHEDULE: the option 'countdown'"
        " cannot be kept: no column holds it. Set it on the task instead.",
        "Periodic task 'ok' is declared twice, in RECURRING_JOBS['SCHEDULE'] and in"
        " CELERY_BEAT_SCHEDULE. Give one of them another name.",
        "RECURRING_JOBS['OVERRIDES'] names 'okay', which is not declared. Did you mean 'ok'?",
        "RECURRING_JOBS['OVERRIDES'] has 'enabld' for 'ok', not an option. Did you mean 'enabled'?",
        f"Periodic task 'ghost', {declared}: the task 'app.claen' is not registered."
        " Did you mean 'app.clean'?",
        f"Periodic task 'half', {declared}: Every('0:00:00.500000'): must be at least one second.",
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param({"args": "abc"}, "args are 'abc'. Give a list or tuple.", id="args"),
        pytest.param(
            {"kwargs": {"at": datetime(2026, 1, 1, tzinfo=UTC)}},
            "kwargs cannot be kept as JSON: Object of type datetime is not JSON serializable.",
            id="kwargs",
        ),
        pytest.param(
            {"priority": 300}, "priority is 300. Give a number from 0 to 255.", id="priority"
        ),
        pytest.param(
            {"expires": 0},
            "expires is 0. Give a timedelta or a number of whole seconds, at least 1.",
            id="expires",
        ),
        pytest.param(
            {"expires": float("inf")},
            "expires is inf. Give a timedelta or a number of whole seconds, at least 1.",
            id="expires never",
        ),
        pytest.param(
            {"grace": float("nan")},
            "grace is nan. Give a timedelta or a number of seconds, from 0 to ten years.",
            id="grace",
        ),
        pytest.param(
            {"jitter": -float("inf")},
            "jitter is -inf. Give a timedelta or a number of seconds, from 0 to ten years.",
            id="jitter",
        ),
        pytest.param({"enabled": "no"}, "enabled is 'no'. Give True or False.", id="enabled"),
        pytest.param(
            {"misfire": "later"},
            "misfire is 'later'. Use one of latest, earliest, all, skip.",
            id="misfire",
        ),
        pytest.param(
            {"start_time": "soon"},
            "start_time is 'soon'. Give an aware datetime.",
            id="start time",
        ),
        pytest.param(
            {"queue": "q" * 201},
            f"queue is {'q' * 201!r}. Give a text of at most 200 characters.",
            id="queue",
        ),
        pytest.param({"name": ""}, "name is missing. Give a text.", id="name"),
    ],
)
def test_wrong_option_is_refused(celery_app, options, sentence):
    """
    An option that the tables cannot hold is refused by name, before anything is written.
    """
    periodic_task(HOUR, **{"name": "nightly", **options})("app.clean")

    [problem] = problems(celery_app)

    assert problem.endswith(f": {sentence}")


def test_schedule_that_never_fires_is_refused(celery_app):
    """
    A rule that ends before it starts is a mistake; a single time gone by is not.
    """
    never = RRule("FREQ=DAILY;UNTIL=20250101", start="2026-01-05T09:00:00", timezone="UTC")
    periodic_task(never, name="never")("app.clean")
    periodic_task(At(datetime(2020, 1, 1, tzinfo=UTC)), name="once")("app.clean")

    [problem] = problems(celery_app)

    assert problem.endswith(
        ": FREQ=DAILY;UNTIL=20250101 from 2026-01-05T09:00:00 (UTC) never fires."
    )


def test_queue_that_nobody_declares_is_refused_where_queues_are_fixed(celery_app):
    """
    With task_create_missing_queues off, a queue that is not configured would lose messages.
    """
    celery_app.conf.task_create_missing_queues = False
    periodic_task(HOUR, queue="celry")("app.clean")

    [problem] = problems(celery_app)

    assert problem.endswith(": the queue 'celry' is not known. Did you mean 'celery'?")


def test_single_time_is_one_off(celery_app):
    """
    django-celery-beat demands one_off of a single time, so a declaration need not say it.
    """
    periodic_task(At(datetime(2030, 1, 1, tzinfo=UTC)))("app.clean")

    assert load_declarations(celery_app)[0].one_off is True


def test_misfires_are_those_of_the_model():
    """
    The words that a declaration may use are the choices of the stored column.
    """
    assert sorted(MISFIRES) == sorted(Schedule.Misfire.values)


def test_decorator_has_a_keyword_for_every_option():
    """
    What a declaration may say can be said to the decorator, and nothing else.
    """
    keywords = set(inspect.signature(periodic_task).parameters)

    assert keywords == {"trigger", "name", *WRITABLE}


def test_h_is_a_number_that_follows_from_the_name(celery_app):
    """
    Two schedules with the same H fire at different times, which never change.
    """
    for name in ("one", "two"):
        periodic_task(Cron("H H(1-5) * * *"), name=name)("app.clean")

    one, two = load_declarations(celery_app)

    assert one.trigger == Cron("59 2 * * *", timezone="UTC")
    assert two.trigger == Cron("21 3 * * *", timezone="UTC")


@pytest.mark.parametrize(
    "trigger",
    [
        pytest.param(Cron("0 9 * * *"), id="trigger"),
        pytest.param("0 9 * * *", id="text"),
        pytest.param(schedules.crontab(minute=0, hour=9), id="Celery's"),
    ],
)
def test_zone_may_stand_beside_the_trigger(celery_app, trigger):
    """
    A trigger that names no zone is read in that of the declaration, not in the project's.
    """
    periodic_task(trigger, name="one", timezone="Europe/Paris")("app.clean")

    [declaration] = load_declarations(celery_app)

    assert declaration.trigger == Cron("0 9 * * *", timezone="Europe/Paris")


def test_zone_that_is_none_is_refused(celery_app):
    """
    A misspelt zone is one sentence with the nearest name.
    """
    periodic_task(HOUR, name="one", timezone="Europe/Pariss")("app.clean")

    [problem] = problems(celery_app)

    assert "Time zone 'Europe/Pariss' is not known. Did you mean 'Europe/Paris'?" in problem


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(
            {"expires": 60, "end_time": LATER},
            "has both expires and end_time: django-celery-beat keeps only one of them."
            " Leave one out.",
            id="expires and end",
        ),
        pytest.param(
            {"start_time": LATER, "end_time": LATER},
            "end_time is not after start_time. Give a later one.",
            id="end before start",
        ),
        pytest.param(
            {"time_limit": 60, "soft_time_limit": timedelta(minutes=1)},
            "soft_time_limit is not below time_limit, so it would never be reached.",
            id="limits",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(celery_app, options, sentence):
    """
    Two options of which one would silently lose are refused together.
    """
    periodic_task(HOUR, name="nightly", **options)("app.clean")

    [problem] = problems(celery_app)

    assert problem.endswith(f": {sentence}")


def test_schedule_module_of_an_app_is_read(celery_app, tmp_path, monkeypatch, settings):
    """
    The module ``schedule`` of an installed app declares, as its tasks do.
    """
    package = tmp_path / "planned_app"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "schedule.py").write_text(
        "from recurring_jobs import Every, periodic_task\n"
        "periodic_task(Every(hours=1), name='planned')('app.clean')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "planned_app"]):
        [declaration] = load_declarations(celery_app)

    assert (declaration.name, declaration.source) == ("planned", "planned_app/schedule.py:2")


@pytest.mark.parametrize("name", ["nightly", 0], ids=["a name", "a number"])
def test_override_that_is_no_dict_is_refused(celery_app, settings, name):
    """
    What is no dictionary of options is named, and so is a name that is no text.
    """
    settings.RECURRING_JOBS = {"OVERRIDES": {name: None}}

    _declarations, problems = collect_declarations(celery_app)

    assert [str(problem) for problem in problems] == [
        f"RECURRING_JOBS['OVERRIDES'] has None for {name!r}. Give a dict of options."
    ]

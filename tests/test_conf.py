"""The RECURRING_JOBS setting: defaults, choices, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recurring_jobs.conf import FREQUENCIES, KEYS, conf
from recurring_jobs.exceptions import SettingError
from recurring_jobs.rules import Frequency

DEFAULTS = {
    "alert_cooldown": timedelta(minutes=15),
    "api_authorize": "",
    "api_rate": 600,
    "api_task_rates": {},
    "api_tokens": {},
    "api_visible": "",
    "beat_batch_size": 200,
    "beat_republish_after": timedelta(seconds=10),
    "beat_start_within": timedelta(hours=1),
    "eager_longest_wait": timedelta(0),
    "finest_frequency": "HOURLY",
    "keep_fires": timedelta(days=30),
    "heartbeat": timedelta(seconds=10),
    "keep_answers": timedelta(days=1),
    "keep_dead_letters": timedelta(days=180),
    "keep_runs": timedelta(days=30),
    "generation_lanes": 4,
    "generation_share": 10_000,
    "overrides": {},
    "resend_after": None,
    "retry": {},
    "schedule": {},
    "sensitive_keys": (),
    "sync_after_migrate": False,
    "track_runs": "asked",
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_default(settings, name):
    """
    What the project does not say has a default, with or without the setting.
    """
    settings.RECURRING_JOBS = {}
    assert getattr(conf, name) == DEFAULTS[name]

    del settings.RECURRING_JOBS
    assert getattr(conf, name) == DEFAULTS[name]


def test_every_key_has_a_property_and_a_default():
    """
    The known keys and the properties are the same.
    """
    assert {key.lower() for key in KEYS} == set(DEFAULTS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("API_AUTHORIZE", "shop.api.authorize"),
        ("API_TOKENS", {"ci": {"sha256": "x"}}),
        ("API_RATE", 0),
        ("API_TASK_RATES", {"shop.pay": 0, "shop.recompute": 6}),
        ("API_VISIBLE", "tests.test_conf.visible"),
        ("BEAT_BATCH_SIZE", 1),
        ("BEAT_REPUBLISH_AFTER", timedelta(0)),
        ("EAGER_LONGEST_WAIT", timedelta(seconds=5)),
        ("FINEST_FREQUENCY", "DAILY"),
        ("FINEST_FREQUENCY", "minutely"),
        ("KEEP_ANSWERS", timedelta(hours=1)),
        ("KEEP_DEAD_LETTERS", timedelta(0)),
        ("KEEP_RUNS", timedelta(0)),
        ("OVERRIDES", {"nightly": {"enabled": False}}),
        ("RETRY", {"max_retries": 0}),
        ("SCHEDULE", {"nightly": {"task": "x"}}),
        ("TRACK_RUNS", "all"),
    ],
)
def test_choice_is_kept(settings, key, value):
    """
    What the project chose counts, a zero too, and from the moment it is set.
    """
    settings.RECURRING_JOBS = {key: value}

    assert getattr(conf, key.lower()) == value
    assert conf.problems() == []


@pytest.mark.parametrize("value", [["pin"], ("pin",), {"pin"}, frozenset({"pin"})], ids=repr)
def test_sensitive_keys_may_be_any_collection(settings, value):
    """
    A list, tuple or set of names is read as a tuple.
    """
    settings.RECURRING_JOBS = {"SENSITIVE_KEYS": value}

    assert conf.sensitive_keys == ("pin",)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("BEAT_BATCH_SIZE", "7", "RECURRING_JOBS['BEAT_BATCH_SIZE'] is '7' (str). Give an int."),
        (
            "API_TASK_RATES",
            {"shop.pay": "6/m"},
            "RECURRING_JOBS['API_TASK_RATES'] gives 'shop.pay' '6/m'."
            " Give a number of requests, or 0.",
        ),
        (
            "BEAT_REPUBLISH_AFTER",
            30,
            "RECURRING_JOBS['BEAT_REPUBLISH_AFTER'] is 30 (int). Give a timedelta.",
        ),
        (
            "SENSITIVE_KEYS",
            "pin",
            "RECURRING_JOBS['SENSITIVE_KEYS'] is 'pin' (str). "
            "Give a list or tuple or set or frozenset.",
        ),
        ("RETRY", None, "RECURRING_JOBS['RETRY'] is None (NoneType). Give a Mapping."),
    ],
    ids=["text", "rate in words", "number", "text for a list", "none"],
)
def test_wrong_type_is_refused_on_use(settings, key, value, problem):
    """
    A value of the wrong type raises where it is read, and is listed as a problem.
    """
    settings.RECURRING_JOBS = {key: value}

    with pytest.raises(SettingError) as caught:
        getattr(conf, key.lower())

    assert str(caught.value) == problem
    assert [str(each) for each in conf.problems()] == [problem]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("API_RATE", -1, "is -1. Give a whole number, at least 0."),
        ("API_RATE", True, "is True. Give a whole number, at least 0."),
        # With none a beat would look for ever at what it never fires.
        ("BEAT_BATCH_SIZE", 0, "is 0. Give a whole number, at least 1."),
        # With none nobody would work on a backlog.
        ("GENERATION_LANES", 0, "is 0. Give a whole number, at least 1."),
        # With none a task would send itself on for ever.
        ("GENERATION_SHARE", 0, "is 0. Give a whole number, at least 1."),
        (
            "EAGER_LONGEST_WAIT",
            -timedelta(seconds=1),
            "is -1 day, 23:59:59. Give at least 0:00:00.",
        ),
        ("HEARTBEAT", timedelta(0), "is 0:00:00. Give at least 0:00:01."),
        # Else all runs that have ended would be old.
        ("KEEP_RUNS", -timedelta(days=1), "is -1 day, 0:00:00. Give at least 0:00:00."),
        (
            "FINEST_FREQUENCY",
            "HOURS",
            "is 'HOURS', which is no frequency. Did you mean 'HOURLY'?",
        ),
    ],
    ids=str,
)
def test_value_that_cannot_be_is_refused_on_use(settings, key, value, problem):
    """
    A value of the right type that would do harm raises where it is read, and is listed.
    """
    settings.RECURRING_JOBS = {key: value}

    with pytest.raises(SettingError) as caught:
        getattr(conf, key.lower())

    assert str(caught.value) == f"RECURRING_JOBS[{key!r}] {problem}"
    assert [each.key for each in conf.problems()] == [key]


def test_finest_frequency_may_be_any_frequency_of_rules():
    """
    The frequencies that the setting takes are those that rules have.
    """
    assert tuple(each.name for each in Frequency) == FREQUENCIES


def test_unknown_keys_are_listed_with_the_nearest_known_one(settings):
    """
    An unknown key is a problem that names the nearest known key, if there is one.
    """
    settings.RECURRING_JOBS = {"API_TOKEN": {}, "ZZZ": 1}

    assert [(each.key, str(each)) for each in conf.problems()] == [
        (
            "API_TOKEN",
            "RECURRING_JOBS['API_TOKEN'] is not a known key. Did you mean 'API_TOKENS'?",
        ),
        ("ZZZ", "RECURRING_JOBS['ZZZ'] is not a known key."),
    ]

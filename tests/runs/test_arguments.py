from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from kombu.utils.json import dumps, loads

from recurring_jobs.runs.arguments import is_as_sent, redactor_for, stored_arguments


def stored(args=(), kwargs=None, names=()):
    return stored_arguments(args, kwargs, redactor=redactor_for(), names=names)


def test_what_celery_can_send_is_itself_again():
    """
    Dates, UUIDs, decimals and bytes survive storing and sending.
    """
    values = [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        UUID("12345678123456781234567812345678"),
        Decimal("1.10"),
        b"\xff",
        {"nested": [None, 1.5]},
    ]

    kept = stored(values)

    assert loads(dumps(kept.args)) == values
    assert kept.problem == ""


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (object, "its arguments are not JSON. Object of type type is not JSON serializable."),
        (float("nan"), "its arguments are not JSON. Out of range float values are not JSON"),
        ("a\x00b", "its arguments are not JSON. They hold a null character."),
    ],
    ids=["an object", "not a number", "a null character"],
)
def test_what_is_not_json_is_shown_and_cannot_be_sent(value, problem):
    """
    A value that JSON or a database has no form for is kept as a readable text.
    """
    kept = stored([1, value], {"token": "hunter2"})

    assert kept.problem.startswith(problem)
    assert kept.args[0] == "[not JSON] 1"
    assert kept.kwargs == {"token": "[redacted]"}
    assert not is_as_sent(kept.args)


def test_arguments_beyond_the_limit_are_left_out():
    """
    More than 64 KB of JSON is not stored.
    """
    kept = stored(["x" * 70_000])

    assert kept.args == ["[left out]"]
    assert kept.problem == "its arguments take 70010 bytes of JSON; at most 65536 are kept."


def test_arguments_that_hold_themselves_are_left_out():
    """
    A list inside itself ends in a reason, not in a RecursionError.
    """
    cyclic: list[object] = []
    cyclic.append(cyclic)

    assert stored([cyclic]).problem == "its arguments hold themselves."


def test_secret_arguments_are_not_stored():
    """
    A secret leaves a placeholder, and the reason why the letter cannot be sent.
    """
    kept = stored(["ann", "hunter2"], {"api_key": "k"}, names=("user", "password"))

    assert (kept.args, kept.kwargs) == (["ann", "[redacted]"], {"api_key": "[redacted]"})
    assert kept.problem == "secret arguments were not stored."


def test_the_settings_name_more_secrets(settings):
    """
    RECURRING_JOBS["SENSITIVE_KEYS"] adds to the built-in names.
    """
    settings.RECURRING_JOBS = {"SENSITIVE_KEYS": ["iban"]}

    assert stored(kwargs={"iban": "DE00"}).kwargs == {"iban": "[redacted]"}

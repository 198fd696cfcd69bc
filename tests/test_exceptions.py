"""The errors: one tree, builtin kinds, facts kept through pickle, exact words."""

from __future__ import annotations

import inspect
import pickle
from datetime import timedelta

import pytest

from recurring_jobs import exceptions
from recurring_jobs.exceptions import (
    BrokerAwayError,
    CeleryAppMissingError,
    DuplicateDeclarationError,
    ExtraMissingError,
    GiveUp,
    InvalidArgumentError,
    InvalidCalendarError,
    InvalidDeclarationError,
    InvalidRuleError,
    InvalidTaskOptionError,
    InvalidTriggerError,
    LedgerError,
    LockChangedError,
    LockLostError,
    NoLockError,
    NoNextFireError,
    NotSendableError,
    OverlapKeyError,
    RecurringJobsError,
    RedactedError,
    RetryLater,
    RuleNeverOccursError,
    SeriesEditError,
    SettingError,
    StillRunningError,
    UnknownDeclarationError,
    UnknownHealthPartError,
    UnknownTaskError,
    UnknownTimeZoneError,
    did_you_mean,
)

WORDS = {
    "a setting": (SettingError("RETRY", "is wrong."), "RECURRING_JOBS['RETRY'] is wrong."),
    "a rule": (
        InvalidRuleError("FREQ", "OFTEN", "is not a frequency."),
        "FREQ: 'OFTEN' is not a frequency.",
    ),
    "a rule without a value": (InvalidRuleError("FREQ", "", "is missing."), "FREQ is missing."),
    "a long rule": (
        InvalidRuleError("Rule", "x" * 81, "is too long."),
        "Rule: '" + "x" * 77 + "...' is too long.",
    ),
    "a rule that never occurs": (
        RuleNeverOccursError("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
        "Rule: 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30' can never occur. "
        "Change or remove one of its parts.",
    ),
    "a time zone": (
        UnknownTimeZoneError("Europe/Pari", ["Europe/Paris", "UTC"]),
        "Time zone 'Europe/Pari' is not known. Did you mean 'Europe/Paris'? "
        "Use an IANA name such as 'Europe/Paris'.",
    ),
    "a calendar": (
        InvalidCalendarError("DTSTART", "is missing."),
        "DTSTART is missing.",
    ),
    "an extra": (
        ExtraMissingError("ics", "icalendar"),
        'This needs the library icalendar. Install it: pip install "django-recurring-jobs[ics]"',
    ),
    "an edit of a series": (
        SeriesEditError("row", "is no occurrence."),
        "Str row: is no occurrence.",
    ),
    "a trigger": (InvalidTriggerError("Cron", "x", "has one field."), "Cron('x'): has one field."),
    "a declaration": (
        InvalidDeclarationError("nightly", "shop/tasks.py:3", "names no task."),
        "Periodic task 'nightly', declared in shop/tasks.py:3: names no task.",
    ),
    "two declarations": (
        DuplicateDeclarationError("nightly", "a.py:1", "b.py:2"),
        "Periodic task 'nightly' is declared twice, in a.py:1 and in b.py:2. "
        "Give one of them another name.",
    ),
    "an unknown declaration": (
        UnknownDeclarationError("nigthly", ["nightly"]),
        "'nigthly' is no declaration, and no task that is declared. Did you mean 'nightly'?",
    ),
    "one of several declarations": (
        UnknownDeclarationError("shop.clean", [], ["daily", "weekly"]),
        "'shop.clean' is declared 2 times. Give one of these names: 'daily', 'weekly'.",
    ),
    "giving up": (GiveUp(), "The task gave up."),
    "giving up for a reason": (GiveUp("The account is closed."), "The account is closed."),
    "later": (RetryLater(90), "To be retried in 90 s."),
    "later for a reason": (RetryLater(timedelta(minutes=1), "Busy."), "Busy."),
    "a task option": (
        InvalidTaskOptionError("shop.clean", "retry_backoff", "is negative."),
        "Task 'shop.clean': retry_backoff is negative.",
    ),
    "a redacted one": (RedactedError("LoginError", "[redacted]"), "LoginError: [redacted]"),
    "another run": (
        StillRunningError("shop.sync", "run-1", 3600.4),
        "Run run-1 of 'shop.sync' was still at work after 3600 s. Send this one again when it "
        "has ended, break its lock, or give a longer overlap_wait_max.",
    ),
    "a key": (
        OverlapKeyError("shop.sync", "missing a required argument: 'shop'."),
        "Task 'shop.sync': its overlap_key cannot be made of the arguments: "
        "missing a required argument: 'shop'.",
    ),
    "a lost lock": (
        LockLostError("shop.sync", "run-1"),
        "Run run-1 of 'shop.sync' has lost its lock, so what it does is not to be kept.",
    ),
    "a changed lock": (
        LockChangedError("shop.sync"),
        "The lock of shop.sync has changed since you looked. Nothing was done.",
    ),
    "no lock": (
        NoLockError("shop.sync"),
        "Task 'shop.sync' has no_overlap, but no lock was taken. "
        "Add 'recurring_jobs' to INSTALLED_APPS of the worker.",
    ),
    "a dead letter": (
        NotSendableError(7, "it was redacted."),
        "Dead letter 7 cannot be sent again: it was redacted.",
    ),
    "a task": (
        UnknownTaskError("os.system"),
        "No task of this name can be triggered. A task can be when its code says triggerable=True.",
    ),
    "a part of health": (
        UnknownHealthPartError("beat", ("beats", "runs")),
        "There is no part 'beat'. Did you mean 'beats'? Known are: beats, runs.",
    ),
    "an argument": (
        InvalidArgumentError("shop.clean", "days", "is missing."),
        "Argument 'days' of task 'shop.clean' is missing.",
    ),
    "the broker": (
        BrokerAwayError("redis://localhost:6379/0", "Connection refused"),
        "The broker redis://localhost:6379/0 cannot be reached (Connection refused). "
        "Start it, or correct CELERY_BROKER_URL.",
    ),
    "the next fire": (
        NoNextFireError("report"),
        "'report' has no next fire: it has ended, or is paused or set aside.",
    ),
    "the ledger": (
        LedgerError(["One is wrong.", "So is another."]),
        "The ledger is not sound:\n- One is wrong.\n- So is another.",
    ),
    "the app": (
        CeleryAppMissingError("shop"),
        "The project's Celery app is not loaded. "
        "Write into shop/__init__.py: from shop.celery import app as celery_app",
    ),
}


@pytest.mark.parametrize(("error", "words"), WORDS.values(), ids=list(WORDS))
def test_error_says_what_and_what_next(error, words):
    """
    An error builds its sentence from facts.
    """
    assert str(error) == words


@pytest.mark.parametrize("error", [each for each, _words in WORDS.values()], ids=list(WORDS))
def test_error_survives_pickle(error):
    """
    An error that travels between processes arrives as the same class, words and facts.
    """
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert (str(copy), copy.__dict__) == (str(error), error.__dict__)


def test_errors_are_one_tree():
    """
    Every error of ours is a RecurringJobsError, and every one that ends in Error is also
    of a builtin kind.
    """
    ours = [
        each
        for _name, each in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(each, Exception) and each is not RecurringJobsError
    ]

    assert all(issubclass(each, RecurringJobsError) for each in ours)
    kinds = (ValueError, LookupError, OSError, RuntimeError, ImportError, AssertionError)
    assert [
        each for each in ours if each.__name__.endswith("Error") and not issubclass(each, kinds)
    ] == []


@pytest.mark.parametrize("delay", [-1, -0.001, timedelta(microseconds=-1)], ids=repr)
def test_negative_delay_is_refused(delay):
    """
    A task cannot ask to be retried in the past.
    """
    with pytest.raises(ValueError, match="is negative") as caught:
        RetryLater(delay)

    assert str(caught.value) == (
        f"RetryLater: the delay {delay!r} is negative. Give seconds from now."
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("dayz", " Did you mean 'days'?"), ("zzz", "")],
    ids=["near", "far"],
)
def test_did_you_mean(name, sentence):
    """
    The nearest known name is offered, and none where none is near.
    """
    assert did_you_mean(name, ["days", "label"]) == sentence

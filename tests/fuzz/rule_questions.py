"""What is asked of a text, whatever it is: an answer or our error, in time, nothing else."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from recurring_jobs.exceptions import InvalidRuleError, InvalidTriggerError, UnknownTimeZoneError
from recurring_jobs.rules import Rule
from recurring_jobs.rules import rule as engine

# 50 ms is what any question may cost; instrumented code is about three times slower.
BUDGET = 3 * 0.050

STARTS = (
    datetime(2020, 1, 31, 9, 30, 15, tzinfo=UTC),
    datetime(2024, 3, 31, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    datetime(2011, 10, 2, 1, 59, 59, tzinfo=ZoneInfo("Australia/Lord_Howe")),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
)
MOMENTS = (datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(9990, 1, 1, tzinfo=UTC))


OURS = (InvalidRuleError, InvalidTriggerError, UnknownTimeZoneError)


class TooSlowError(Exception):
    """A question took longer than it may."""


def ask(question, name, text):
    """
    Return what *question* answers, None for our error.

    A question that was slow is asked again, twice: the machine may have been busy. The garbage
    collector and the fuzzer's own work are in no question's price three times.
    """
    costs = []
    answer = None
    for _ in range(3):
        engine._parse.cache_clear()
        begin = time.process_time()
        try:
            answer = question()
        except OURS:
            answer = None
        costs.append(time.process_time() - begin)
        if costs[-1] < BUDGET:
            return answer
    message = f"{name} of {text!r} took {min(costs) * 1000:.0f} ms"
    raise TooSlowError(message)


def check(data: bytes) -> None:
    """
    Read *data* as a text and, where it is a rule, ask all that can be asked of it.
    """
    text = data[1:].decode("latin-1")
    start = STARTS[data[0] % len(STARTS)] if data else STARTS[0]
    rule = ask(lambda: Rule.parse(text), "parse()", text)
    if rule is None:
        return
    assert Rule.parse(str(rule)) == rule, text
    words = ask(rule.describe, "describe()", text)
    assert words, text
    for moment in (start, *MOMENTS):
        later = ask(lambda moment=moment: rule.next_after(start, moment), "next_after()", text)
        assert later is None or later.astimezone(UTC) > moment.astimezone(UTC), text
        ask(lambda moment=moment: rule.previous_before(start, moment), "previous_before()", text)
    ask(lambda: list(rule.expand(start, limit=3)), "expand()", text)

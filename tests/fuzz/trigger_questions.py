"""What is asked of a trigger that somebody typed, or that comes back from a table."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from recurring_jobs.periodic.triggers import Cron, RRule, Trigger, trigger_from
from tests.fuzz.rule_questions import ask

ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York")
MOMENTS = (
    datetime(2026, 3, 29, 0, 59, tzinfo=UTC),
    datetime(2026, 11, 21, 12, tzinfo=UTC),
    datetime(9990, 1, 1, tzinfo=UTC),
)


def trigger_of(kind: int, text: str) -> Trigger:
    """Read *text* as a crontab, a rule or the plain values of a trigger."""
    zone = ZONES[kind // 3 % len(ZONES)]
    match kind % 3:
        case 0:
            return Cron(text, timezone=zone)
        case 1:
            return RRule(text, start="2026-01-30T17:00:00", timezone=zone)
        case _:
            try:
                spec = json.loads(text)
            except ValueError:
                spec = {"cron": text, "timezone": zone}
            return trigger_from(spec)


def check(data: bytes) -> None:
    """Read *data* as a trigger and, where it is one, ask all that can be asked of it."""
    kind, text = (data[0], data[1:].decode("latin-1")) if data else (0, "")
    trigger = ask(lambda: trigger_of(kind, text), "the trigger", text)
    if trigger is None:
        return
    assert trigger_from(json.loads(json.dumps(trigger.spec()))) == trigger, text
    trigger = trigger.spread("nightly").in_timezone("UTC")
    assert ask(trigger.describe, "describe()", text), text
    assert str(trigger)
    ask(trigger.can_fire, "can_fire()", text)
    for moment in MOMENTS:
        later = ask(lambda moment=moment: trigger.next_after(moment), "next_after()", text)
        assert later is None or later > moment, text
        ask(lambda moment=moment: trigger.is_over(moment), "is_over()", text)

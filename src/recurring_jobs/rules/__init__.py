"""The arithmetic of recurrence: RFC 5545 rules, exact, from any point, in bounded time."""

from __future__ import annotations

from recurring_jobs.rules.crontab import crontab_rule
from recurring_jobs.rules.frequency import Frequency, Skip, Weekday
from recurring_jobs.rules.moments import Moment
from recurring_jobs.rules.rule import Occurrence, Rule
from recurring_jobs.rules.tally import Cursor

__all__ = [
    "Cursor",
    "Frequency",
    "Moment",
    "Occurrence",
    "Rule",
    "Skip",
    "Weekday",
    "crontab_rule",
]

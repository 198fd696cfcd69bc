"""The corpus: what RFC 5545 itself says, and the readings that engines differ on."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from recurring_jobs.rules import Rule
from tests.rules.cases import at, load

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize("case", load("rules_rfc5545.toml"), ids=lambda case: case["name"])
def test_example_of_the_rfc(case):
    """Every example of RFC 5545, 3.8.5.3, gives the times that stand there, and no more."""
    rule = Rule.parse(case["rule"])
    wanted = [at(text, NEW_YORK) for text in case["expected"]]

    more = 0 if case["endless"] else 1
    found = list(rule.occurrences(at(case["start"], NEW_YORK), limit=len(wanted) + more))

    assert found == wanted


@pytest.mark.parametrize("case", load("rules_readings.toml"), ids=lambda case: case["name"])
def test_reading(case):
    """Where engines differ, the reading in the corpus holds."""
    after = at(case["after"]) if "after" in case else None
    wanted = [at(text) for text in case["expected"]]

    found = Rule.parse(case["rule"]).occurrences(at(case["start"]), after=after, limit=len(wanted))

    assert list(found) == wanted


def test_an_endless_year_of_a_daily_rule_is_followed_by_another():
    """A rule without an end has occurrences up to the year 9999."""
    rule = Rule.parse("FREQ=DAILY")

    found = list(rule.occurrences(at("2026-01-01T09:00"), after=at("9999-12-29T00:00")))

    assert found == [at(f"9999-12-{day}T09:00") for day in (29, 30, 31)]

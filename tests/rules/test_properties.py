"""What holds for every rule and every start, tried on random ones."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recurring_jobs.exceptions import InvalidRuleError, RuleNeverOccursError
from recurring_jobs.rules import Rule
from tests.examples import examples
from tests.rules.strategies import rule_texts, starts

ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"),
            *("Pacific/Apia", "Africa/Casablanca", "America/Santiago", "Asia/Kathmandu"),
        )
    ]
)
thorough = settings(max_examples=examples(300), deadline=None)


def read(text):
    """Return the rule, or pass over one that never occurs."""
    try:
        return Rule.parse(text)
    except RuleNeverOccursError:
        assume(False)


def first(rule, start, number, **bounds):
    """Return the first times, or pass over a rule whose interval leads too far."""
    try:
        return list(rule.occurrences(start, limit=number, **bounds))
    except InvalidRuleError as error:
        assert "too rarely" in str(error) or "is more than" in str(error)  # noqa: PT017
        assume(False)


@thorough
@given(text=rule_texts())
def test_parse_and_print(text):
    """The normal form reads back as the same rule, and is its own normal form."""
    rule = read(text)

    assert Rule.parse(str(rule)) == rule
    assert str(Rule.parse(str(rule))) == str(rule)


@thorough
@given(text=rule_texts(), start=starts(), zone=ZONES)
def test_increasing(text, start, zone):
    """Times are strictly increasing as instants, from the start on, in its zone."""
    start = start.astimezone(zone)

    found = first(read(text), start, 30)

    assert all(one.timestamp() < other.timestamp() for one, other in pairwise(found))
    assert all(one.timestamp() >= start.timestamp() for one in found)
    assert all(one.tzinfo is zone for one in found)


@thorough
@given(text=rule_texts(), start=starts(), zone=ZONES, place=st.integers(0, 39))
def test_seeking_equals_walking(text, start, zone, place):
    """What comes after a moment is the same whether one walks there or jumps."""
    rule, start = read(text), start.astimezone(zone)
    walked = first(rule, start, 40)
    assume(walked)
    place = min(place, len(walked) - 1)
    moment = walked[place]
    before = moment - timedelta(microseconds=1)

    assert first(rule, start, 39 - place, after=moment) == walked[place + 1 : 40]
    assert rule.next_after(start, before) == moment
    assert rule.previous_before(start, moment) == (walked[place - 1] if place else None)


@thorough
@given(text=rule_texts(), start=starts(), zone=ZONES, cut=st.integers(0, 30))
def test_limits_are_prefixes_and_windows_join(text, start, zone, cut):
    """A limit is a prefix, and two windows that touch make one."""
    rule, start = read(text), start.astimezone(zone)
    whole = first(rule, start, 31)
    assume(len(whole) > cut)
    middle, last = whole[cut], whole[-1]

    assert first(rule, start, cut) == whole[:cut]
    assert (
        first(rule, start, None, before=middle)
        + first(rule, start, None, after=middle, before=last, inclusive=True)
        == whole
    )


@thorough
@given(text=rule_texts(ends=False), start=starts(), zone=ZONES, count=st.integers(1, 40))
def test_count_is_exact(text, start, zone, count):
    """A rule with COUNT is that many of the rule without, near and far."""
    start = start.astimezone(zone)
    endless = first(read(text), start, count)
    counted = Rule.parse(f"{text};COUNT={count}")

    assert first(counted, start, count + 1) == endless
    if endless:
        middle = endless[len(endless) // 2]
        assert first(counted, start, count, after=middle) == endless[len(endless) // 2 + 1 :]


@thorough
@given(text=rule_texts(), start=starts(), zone=ZONES, gone=st.integers(1, 10_000))
def test_names_are_unique(text, start, zone, gone):
    """No two occurrences of a rule have one nominal name."""
    rule, start = read(text), start.astimezone(zone)
    after = start + timedelta(days=gone)
    first(rule, start, 20, after=after)

    names = [found.nominal for found in rule.expand(start, after=after, limit=20)]

    assert len(set(names)) == len(names)

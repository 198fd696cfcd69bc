"""The page on faults names tests that exist, and says something of each promise."""

from __future__ import annotations

import re

from tests.docs.examples import DOCS, ROOT

PAGE = (DOCS / "explanation" / "faults.md").read_text(encoding="utf-8")
_NAMED = re.compile(r"`([\w/]+/?test_\w+\.py)(?:::(test_\w+))?`")


def test_named_tests_exist():
    """
    Each test that is said to hold a promise is there, under that name.
    """
    named = [found for line in PAGE.splitlines() for found in _NAMED.findall(line) if "|" in line]
    missing = [
        f"{path}::{test}"
        for path, test in named
        if not (ROOT / "tests" / path).is_file()
        or (test and f"def {test}(" not in (ROOT / "tests" / path).read_text(encoding="utf-8"))
    ]

    assert len(named) > 25
    assert missing == []


def test_each_promise_has_its_place():
    """
    From P1 to P28 each is either held by a test or named as not promised.
    """
    told = {int(number) for number in re.findall(r"\*\*P(\d+)[*:]", PAGE)}

    assert told == set(range(1, 29))

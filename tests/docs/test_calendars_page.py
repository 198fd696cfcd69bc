"""What the page on calendars shows is what the reader of rules gives."""

from __future__ import annotations

from tests.docs.examples import failures, sections


def test_examples_of_the_page():
    """
    The page's examples print what stands below them.
    """
    examples = sections("how-to/calendars.md")

    told = [failures(heading, text, {}) for heading, text in examples.items()]

    assert told == [""]

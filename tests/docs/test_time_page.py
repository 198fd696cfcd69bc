"""What the page on time says is what the engine does."""

from __future__ import annotations

import pytest

from tests.docs.examples import failures, sections

PAGE = "explanation/time.md"
SECTIONS = sections(PAGE)


@pytest.mark.parametrize("heading", [heading for heading in SECTIONS if heading])
def test_examples_of_a_section(heading):
    """
    Each section's examples print what stands below them, after those of the sections above.
    """
    names: dict[str, object] = {"__name__": "page"}
    before = list(SECTIONS)[: list(SECTIONS).index(heading)]

    for earlier in before:
        failures(earlier, SECTIONS[earlier], names)

    assert failures(heading, SECTIONS[heading], names) == ""


def test_the_examples_are_found():
    """
    A change of how blocks are marked does not leave the page untested.
    """
    text = "".join(SECTIONS.values())

    assert len(SECTIONS) >= 12
    assert text.count(">>> show(") >= 25


def test_a_wrong_example_is_told():
    """
    An example that prints something else fails.
    """
    assert "1 + 1" in failures("wrong", ">>> 1 + 1\n3\n", {})

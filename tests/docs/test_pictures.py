"""The pictures in the documentation are those that the engine draws today."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.docs.examples import DOCS, script

FOLDER = DOCS / "pictures"
PICTURES = script("docs/pictures/draw_time.py")["draw_all"]()
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", PICTURES)
def test_picture_is_up_to_date(name):
    """
    Drawing again gives the committed file; else run docs/pictures/draw_time.py.
    """
    assert (FOLDER / name).read_text(encoding="utf-8") == PICTURES[name]


def test_no_picture_is_left_over():
    """
    Every picture in the folder is one that the script draws.
    """
    assert {path.name for path in FOLDER.glob("*.svg")} == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_picture_can_be_heard(name):
    """
    A screen reader finds the picture's title and what it shows.
    """
    root = ET.fromstring(PICTURES[name])
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")

    assert title is not None
    assert description is not None
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text
    assert description.text


def test_the_gap_is_told_in_words():
    """
    The words beside the gap's picture name the moved time and the hours around it.
    """
    description = ET.fromstring(PICTURES["gap-day.svg"]).findtext(f"{SVG}desc")

    assert description == (
        "every day at 02:30: 03:30 EDT (07:30 UTC). "
        "every hour: 00:00 EST (05:00 UTC), 01:00 EST (06:00 UTC), 03:00 EDT (07:00 UTC), "
        "04:00 EDT (08:00 UTC), 05:00 EDT (09:00 UTC)."
    )

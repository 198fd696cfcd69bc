"""
The pictures in the documentation are the real pages, of one frozen morning.

To draw them again: ``ADMIN_PICTURES=docs/pictures/admin pytest tests/live/test_admin_pictures.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.examples import DOCS
from tests.live.browser import SCHEMES
from tests.live.story import NOW, ZONE, make_story

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

#: The pages, and how much of each is shown: the height in pixels, or the part of this name.
PICTURES: dict[str, int | str] = {
    "overview": 1390,
    "schedules": 640,
    "schedule": 1150,
    "runs": 640,
    "dead-letters": 560,
    "dead-letter": 900,
    "template": ".recurring-jobs-month",
}
#: Larger files than this make a clone slow.
LARGEST = 80_000


def keep_small(path: Path) -> None:
    """Give the picture its 200 commonest colours, which leaves plain areas as they are."""
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as picture:
        pixels = picture.convert("RGB")
    counted = sorted(pixels.getcolors(pixels.width * pixels.height), reverse=True)[:200]
    palette = image.new("P", (1, 1))
    palette.putpalette([part for _, colour in counted for part in colour])
    pixels.quantize(palette=palette, dither=image.Dither.NONE).save(path, optimize=True)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_pages_are_drawn(open_page, pictures, settings, time_machine, scheme):
    """Each page of the story opens, at the same moment each time, and makes a small picture."""
    settings.TIME_ZONE = str(ZONE)
    time_machine.move_to(NOW, tick=False)
    pages = make_story()

    sizes = {}
    for name, part in PICTURES.items():
        page = open_page(pages[name], scheme=scheme)
        path = pictures / f"{name}-{scheme}.png"
        if isinstance(part, str):
            page.locator(part).screenshot(path=path)
        else:
            page.set_viewport_size({"width": 1280, "height": part})
            page.screenshot(path=path)
        page.close()
        keep_small(path)
        sizes[name] = path.stat().st_size

    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}


def test_every_picture_is_shown_in_light_and_dark():
    """The documentation shows each picture, for both schemes, and each is there."""
    texts = [path.read_text() for path in DOCS.rglob("*.md")]
    shown = {name for text in texts for name in re.findall(r"pictures/admin/([\w-]+\.png)", text)}
    there = {path.name for path in (DOCS / "pictures" / "admin").glob("*.png")}

    assert shown == there
    assert there == {f"{name}-{scheme}.png" for name in PICTURES for scheme in SCHEMES}

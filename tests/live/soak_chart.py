"""The lateness of fires as a histogram, drawn as SVG."""

from __future__ import annotations

from bisect import bisect_left
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Upper ends of the bars, in seconds; what is later is in one more.
ENDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60)
_WIDTH, _HEIGHT, _LEFT, _TOP, _BAR = 720, 300, 20, 60, 64


def lateness_chart(late: Sequence[float], *, title: str) -> str:
    """Return a picture of how many fires went out how many seconds after their time."""
    counts = [0] * (len(ENDS) + 1)
    for each in late:
        counts[bisect_left(ENDS, each)] += 1
    tallest, whole = max([*counts, 1]), max(len(late), 1)
    names = [f"≤ {end:g} s" for end in ENDS] + ["later"]
    bars = []
    for number, (name, count) in enumerate(zip(names, counts, strict=True)):
        height = round((_HEIGHT - _TOP - 40) * count / tallest, 1)
        x, y = _LEFT + number * (_BAR + 4), round(_HEIGHT - 30 - height, 1)
        middle, share = x + _BAR / 2, f"{count / whole:.1%}" if count else "0"
        bars.append(
            f'<rect x="{x}" y="{y}" width="{_BAR}" height="{height}" fill="#44a"/>'
            f'<text x="{middle}" y="{y - 6}">{share}</text>'
            f'<text x="{middle}" y="{_HEIGHT - 12}">{escape(name)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        ' font-family="sans-serif" font-size="12" text-anchor="middle">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        f'<text x="{_WIDTH / 2}" y="22" font-size="15">'
        f"How late {len(late)} fires went out</text>"
        f'<text x="{_WIDTH / 2}" y="42">{escape(title)}</text>{"".join(bars)}</svg>\n'
    )

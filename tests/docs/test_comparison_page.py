"""The page that compares repeats figures of the pages that measured them, and no others."""

from __future__ import annotations

import re

from tests.docs.examples import DOCS

PAGES = DOCS / "explanation"
_LINK = re.compile(r"\]\((speed[\w-]*\.md)\)")
_FIGURE = re.compile(r"\d[\d,.]*(?= (?:ms|µs|s|MB)\b)|^\d[\d,.]*$")


def test_each_figure_stands_on_the_page_that_is_named():
    """
    Whoever measures anew and forgets this page is told.
    """
    missing, looked_at, measured = [], 0, ""
    for line in (PAGES / "comparison.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or len(cells) != 4:
            continue
        if found := _LINK.search(cells[3]):
            measured = (PAGES / found[1]).read_text(encoding="utf-8")
        for figure in (figure for cell in cells[1:3] for figure in _FIGURE.findall(cell)):
            looked_at += 1
            if not re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d]|[.,]\d)", measured):
                missing.append((cells[0], figure))

    assert looked_at > 20
    assert missing == []

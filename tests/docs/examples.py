"""The examples of a page of the documentation, as doctests, and the scripts behind a page."""

from __future__ import annotations

import re
from doctest import REPORT_NDIFF, DocTestParser, DocTestRunner
from io import StringIO
from pathlib import Path
from runpy import run_path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
_HEADING = re.compile(r"^## ", re.M)
_BLOCK = re.compile(r"^```pycon\n(.*?)^```$", re.M | re.S)


def sections(page: str) -> dict[str, str]:
    """
    Return the examples of each section of *page* that has some, by its heading.

    What comes before the first section is under the empty heading.
    """
    head, *others = _HEADING.split((DOCS / page).read_text(encoding="utf-8"))
    texts = {"": head} | dict(other.split("\n", 1) for other in others)
    found = {heading: _BLOCK.findall(text) for heading, text in texts.items()}
    return {heading: "\n".join(blocks) for heading, blocks in found.items() if blocks}


def failures(name: str, examples: str, names: dict[str, Any]) -> str:
    """
    Run *examples* with the *names* they know, which gain their own; return what was wrong.
    """
    test = DocTestParser().get_doctest(examples, names, name, None, 0)
    assert test.examples, name
    runner, told = DocTestRunner(optionflags=REPORT_NDIFF, verbose=False), StringIO()
    runner.run(test, out=told.write, clear_globs=False)
    names.update(test.globs)
    return told.getvalue()


def script(path: str) -> dict[str, Any]:
    """
    Return what a script of the repository defines, without running its main part.
    """
    return run_path(str(ROOT / path))

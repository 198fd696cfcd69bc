"""The page on the speed of rows shows what the benchmark measures."""

from __future__ import annotations

from tests.docs.examples import DOCS, script


def test_tables_have_the_rows_of_the_benchmark():
    """
    Each line of the benchmark's table stands on the page for each database, with its figures.
    """
    page = (DOCS / "explanation/speed-of-rows.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    names = ("what", *script("benchmarks/occurrences.py")["ROWS"])

    assert tuple(line[0] for line in lines) == names * 2
    assert {len(line) for line in lines} == {3}

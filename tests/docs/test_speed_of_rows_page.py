"""The page on the speed of rows shows what the benchmark measures."""

from __future__ import annotations

from tests.docs.examples import DOCS, script


def test_table_has_the_rows_of_the_benchmark():
    """
    Each line of the benchmark's table stands on the page, with a figure and what it means.
    """
    page = (DOCS / "explanation/speed-of-rows.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]

    head, *rows = lines

    assert head == ["what", "measured", "beside it"]
    assert tuple(row[0] for row in rows) == script("benchmarks/occurrences.py")["ROWS"]
    assert {len(row) for row in rows} == {3}

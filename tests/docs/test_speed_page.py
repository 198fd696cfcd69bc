"""The page on speed shows what the benchmark measures."""

from __future__ import annotations

from recurring_jobs.rules import Rule
from tests.docs.examples import DOCS, script


def test_table_has_the_rows_of_the_benchmark():
    """
    Each rule of the benchmark has its row, with a figure for each age and the ratio.
    """
    page = (DOCS / "explanation/speed.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]

    measured = script("benchmarks/rules.py")

    head, *rows = lines

    assert head == ["rule", *measured["AGES"], "50 y : 30 d"]
    assert [row[0] for row in rows] == [Rule.parse(text).describe() for text in measured["USUAL"]]
    assert {len(row) for row in rows} == {len(head)}

"""The page on the speed of tasks shows what the benchmark measures."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.docs.examples import DOCS

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "tasks.py"


def kinds() -> list[str]:
    """Return the kinds of tasks that the benchmark times; it configures Django, so it is read."""
    for node in ast.parse(BENCHMARK.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "KINDS":
            return [key.value for key in node.value.keys]
    raise AssertionError("no KINDS")


def test_table_has_the_rows_of_the_benchmark():
    """
    Each kind of task that the benchmark times stands on the page, with all its figures.
    """
    page = (DOCS / "explanation/speed-of-tasks.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]

    head, *rows = lines[: lines.index(["what", "measured"])]

    assert head == [
        "no-op task",
        "tasks/s",
        "µs",
        "µs more",
        "µs of CPU",
        "queries",
        "connections",
    ]
    assert sorted(row[0] for row in rows) == sorted(kinds())
    assert {len(row) for row in rows} == {7}

"""Reads the corpus of rules in tests/cases."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "cases"


def load(name: str) -> list[dict[str, Any]]:
    """
    Return the cases of one file, in order.
    """
    found: list[dict[str, Any]] = tomllib.loads((FOLDER / name).read_text())["case"]
    return found


def at(text: str, zone: Any = UTC) -> datetime:
    """
    Return ISO *text* as an aware time in *zone*.
    """
    return datetime.fromisoformat(text).replace(tzinfo=zone)

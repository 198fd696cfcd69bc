"""How the commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone


def as_json(value: object) -> str:
    """Return *value*, in which dataclasses may stand, as indented JSON."""
    return json.dumps(_plain(value), cls=DjangoJSONEncoder, indent=2, sort_keys=False)


def as_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """
    Return *rows* below *heads*, each column as wide as it must be.

    >>> print(as_table(["task", "count"], [["app.tasks.clean", 2], ["app.tasks.send", 11]]))
    task             count
    app.tasks.clean  2
    app.tasks.send   11
    """
    lines = [list(heads), *([_cell(each) for each in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    # A name from a message may hold what a terminal would obey.
    return "".join(char if char.isprintable() else "?" for char in str(value))

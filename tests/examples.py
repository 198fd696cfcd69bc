"""How many random inputs the tests that make them try."""

from __future__ import annotations

import os


def examples(number: int) -> int:
    """Return *number* where CI is set; else a third, so that script/test takes ten minutes."""
    return number if os.environ.get("CI") else number // 3

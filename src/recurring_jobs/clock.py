"""What time it is where a test says so; the rooms ask here before they ask the database."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

#: The clocks of tests, the innermost last; empty: time is real.
_clocks: list[Callable[[], datetime]] = []


def moved_now() -> datetime | None:
    """Return the present instant where a test has moved it; None where time is real."""
    return _clocks[-1]() if _clocks else None


@contextmanager
def going_by(clock: Callable[[], datetime]) -> Iterator[None]:
    """Take what *clock* returns for the present instant."""
    _clocks.append(clock)
    try:
        yield
    finally:
        _clocks.remove(clock)

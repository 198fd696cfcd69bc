"""Long lists of keys, in portions that every database takes in one statement."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Key = TypeVar("Key")

#: SQLite takes 32,766 parameters in a statement.
KEYS_AT_ONCE: Final = 10_000


def portions(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """
    Yield *keys* in lists of at most KEYS_AT_ONCE; none for no keys.
    """
    left = iter(keys)
    while portion := list(islice(left, KEYS_AT_ONCE)):
        yield portion

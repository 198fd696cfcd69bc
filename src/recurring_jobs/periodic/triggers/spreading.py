"""``H`` in a crontab field: a number that follows from a name, so that not all fire at once."""

from __future__ import annotations

import re
from hashlib import sha256

from recurring_jobs.exceptions import InvalidTriggerError

#: Least and greatest number of each field.
_RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month_of_year": (1, 12),
    "day_of_week": (0, 6),
}
#: What a bare H stands for at most: some months lack the 29th to the 31st.
_LAST_DAY = 28
_ITEM = re.compile(r"h(?:\((\d{1,2})-(\d{1,2})\))?(?:/(\d{1,2}))?", re.ASCII)


def has_hash(text: str) -> bool:
    """Return whether a field in small letters has an ``H`` item in it."""
    return any(_ITEM.fullmatch(item) for item in text.split(","))


def without_hash(field: str, text: str, key: str) -> str:
    """
    Return *text*, a field in small letters, with numbers for its ``H`` items.

    ``h`` is one number of the field, ``h(0-29)`` one of that range, ``h/15`` every 15th from
    one of the first 15 on. The number follows from *field* and *key*, by SHA-256, and is
    the same in every process and release. Raise InvalidTriggerError for a range or a step
    that cannot be.
    """
    return ",".join(_number(field, item, key) for item in text.split(","))


def _number(field: str, item: str, key: str) -> str:
    match = _ITEM.fullmatch(item)
    if match is None:
        return item
    first, last, step = match.groups()
    low, high = _range(field, first, last)
    size = high - low + 1
    if step is not None and not 0 < int(step) <= size:
        raise InvalidTriggerError(
            "Cron", item.upper(), f"{field} has a step that is not from 1 to {size}."
        )
    number = int.from_bytes(sha256(f"{field}:{key}".encode()).digest()[:8], "big")
    if step is None:
        return str(low + number % size)
    return f"{low + number % int(step)}-{high}/{step}"


def _range(field: str, first: str | None, last: str | None) -> tuple[int, int]:
    least, greatest = _RANGES[field]
    if first is None or last is None:
        return least, min(greatest, _LAST_DAY) if field == "day_of_month" else greatest
    if not least <= int(first) <= int(last) <= greatest:
        raise InvalidTriggerError(
            "Cron", f"H({first}-{last})", f"{field} is not a range within {least}-{greatest}."
        )
    return int(first), int(last)

"""How long to wait before a retry: exponential backoff with full jitter, as pure arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Beyond 2**64 times any base every wait is the maximum; larger powers overflow a float.
HIGHEST_EXPONENT = 64


def delay_before(
    retry: int, *, base: float, maximum: float, jitter: bool, random: Callable[[], float]
) -> float:
    """
    Return the seconds to wait before the *retry*-th retry, counted from 1.

    The wait doubles from *base* on and is at most *maximum*. With *jitter* it is drawn
    evenly between nothing and that ("full jitter", AWS Architecture Blog, 2015), by
    *random*, which returns a float of at least 0 and below 1.

    >>> [delay_before(n, base=0.5, maximum=3, jitter=False, random=float) for n in (1, 2, 3, 4)]
    [0.5, 1.0, 2.0, 3.0]
    >>> delay_before(3, base=1, maximum=600, jitter=True, random=lambda: 0.25)
    1.0
    """
    exponent = min(max(retry, 1) - 1, HIGHEST_EXPONENT)
    wait = min(float(base) * 2.0**exponent, float(maximum))
    return wait * random() if jitter else wait

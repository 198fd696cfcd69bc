"""What becomes of a run whose worker was lost: a decision, as pure arithmetic."""

from __future__ import annotations

from enum import StrEnum


class OnLost(StrEnum):
    """What a task wants for its runs whose worker was lost: the values of ``on_lost``."""

    RETRY = "retry"
    DEAD_LETTER = "dead_letter"
    LOST = "lost"


def on_loss(wanted: OnLost, *, crashes: int, max_crashes: int, is_sendable: bool) -> OnLost:
    """
    Return what to do with a run that has now been lost *crashes* times.

    A run that is to go on becomes a dead letter where it has been lost *max_crashes*
    times, since the next worker would not fare better, or where it is not sendable.

    >>> on_loss(OnLost.RETRY, crashes=2, max_crashes=3, is_sendable=True).value
    'retry'
    >>> on_loss(OnLost.RETRY, crashes=3, max_crashes=3, is_sendable=True).value
    'dead_letter'
    >>> on_loss(OnLost.LOST, crashes=3, max_crashes=3, is_sendable=True).value
    'lost'
    """
    if wanted is not OnLost.RETRY:
        return wanted
    may_go_on = crashes < max_crashes and is_sendable
    return OnLost.RETRY if may_go_on else OnLost.DEAD_LETTER

"""How far a run is, and where it may go from there: only forward."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """How far a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Whether a run stays in this state for good."""
        return not NEXT_STATES[self]


_OPEN = frozenset({RunState.QUEUED, RunState.RUNNING, RunState.RETRYING})

#: Where a run may go from each state: anywhere but back to the queue, and from a final
#: state nowhere. An open state may be jumped over, since the write that should have
#: recorded it can be lost with the database away. RUNNING and RETRYING alternate with the
#: attempts, whose number only grows.
NEXT_STATES: dict[RunState, frozenset[RunState]] = {
    state: frozenset(RunState) - {RunState.QUEUED} if state in _OPEN else frozenset()
    for state in RunState
}


def can_follow(state: RunState, following: RunState) -> bool:
    """
    Return whether a run in *state* may become *following*.

    >>> can_follow(RunState.QUEUED, RunState.RUNNING)
    True
    >>> can_follow(RunState.SUCCEEDED, RunState.RUNNING)
    False
    """
    return following in NEXT_STATES[state]


def states_before(following: RunState) -> frozenset[RunState]:
    """
    Return the states from which a run may become *following*: the guard of an UPDATE.

    >>> sorted(state.value for state in states_before(RunState.SUCCEEDED))
    ['queued', 'retrying', 'running']
    """
    return frozenset(state for state in RunState if can_follow(state, following))

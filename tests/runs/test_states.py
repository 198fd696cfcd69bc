from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurring_jobs.runs.models import Run
from recurring_jobs.runs.states import RunState, can_follow, states_before

FINAL = {RunState.SUCCEEDED, RunState.FAILED, RunState.LOST, RunState.SKIPPED}


@pytest.mark.parametrize("state", list(RunState), ids=str)
def test_only_an_end_is_final(state):
    """
    Succeeded, failed, lost and skipped runs stay so; the others go on.
    """
    assert state.is_final == (state in FINAL)


@given(walk=st.lists(st.sampled_from(RunState), max_size=12))
def test_no_walk_leads_back(walk):
    """
    Whatever is reported in whatever order, a run never returns to the queue nor leaves an end.
    """
    states = [RunState.QUEUED]
    for reported in walk:
        if can_follow(states[-1], reported):
            states.append(reported)

    assert RunState.QUEUED not in states[1:]
    assert not any(state.is_final for state in states[:-1])


@pytest.mark.parametrize("state", list(RunState), ids=str)
def test_the_guard_of_an_update_agrees_with_the_transitions(state):
    """
    The states before another are exactly those that it can follow.
    """
    assert states_before(state) == {each for each in RunState if can_follow(each, state)}


def test_the_model_knows_every_state():
    """
    The choices of the model are the states, no more and no fewer.
    """
    assert set(Run.State.values) == {state.value for state in RunState}

"""Who may take a run that seems lost, and what those who had it may still write."""

from __future__ import annotations

import pytest

from recurring_jobs.models import Run
from recurring_jobs.runs import rows
from recurring_jobs.runs.states import RunState
from tests.runs.test_heartbeats import begun, stored, told
from tests.runs.test_reaper import silent

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "meanwhile", [{"holder": "other"}, {"state": "succeeded"}], ids=["other holder", "over"]
)
def test_a_run_that_has_changed_since_it_was_read_is_not_taken(meanwhile):
    """
    It is taken from the holder and in the state that were seen, or not at all.
    """
    seen = silent()
    Run.objects.update(**meanwhile)

    assert not rows.claim_lost(seen, "me")
    assert Run.objects.get().holder != "me"


def test_what_a_worker_has_begun_is_not_given_back():
    """
    The message may be begun before its sender says that it is out.
    """
    seen = silent()
    rows.claim_lost(seen, "me")
    Run.objects.update(state="running", holder="worker")

    rows.give_back("run-1", "me")

    assert Run.objects.values_list("state", "holder").get() == ("running", "worker")


def test_the_one_that_lost_a_run_cannot_end_it():
    """
    While the run waits for its next worker, the last one's success counts for nothing.
    """
    request = begun()
    rows.claim_lost(Run.objects.get(), "me")

    assert not told(request)
    assert not told(request, RunState.FAILED)
    assert stored() == ("retrying", 1, 1, 1)

"""Who may take a run that seems lost, and what those who had it may still write."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection

from recurring_jobs.models import Run
from recurring_jobs.runs import rows
from recurring_jobs.runs.heartbeats import Heart, Hold
from recurring_jobs.runs.states import RunState
from tests.host import tasks
from tests.live.processes import wait_until
from tests.runs.test_heartbeats import begun, stored, told
from tests.runs.test_reaper import silent
from tests.runs.test_traps import deliver

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

    rows.give_back("run-1", "me", may_come_twice=True)

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


def test_a_message_that_comes_again_has_its_run_kept():
    """
    It may have killed a worker: from now on its crashes are counted, asked for or not.
    """
    deliver(tasks.add, "first", args=(1, 2))
    assert not Run.objects.exists()

    deliver(tasks.add, "again", args=(1, 2), delivery_info={"redelivered": True})
    assert Run.objects.values_list("pk", flat=True).get() == "again"


@pytest.mark.django_db(transaction=True)
def test_the_heartbeats_tell_what_could_not_be_told():
    """
    With the database away as a run ends, its success is written when it is back.
    """

    def refuse_ends(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and "finished_at" in sql:
            raise DatabaseError("away")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse_ends):
        assert tasks.add_tracked.apply((1, 2), task_id="owed").result == 3

    wait_until(lambda: Run.objects.get().state == "succeeded", seconds=20, what="the heartbeats")


def test_a_forked_process_does_not_beat_for_its_parent():
    """
    What the process before the fork held is not the child's to say.
    """
    heart, first, second = Heart(), Hold("first"), Hold("second")
    heart._holds[first.token] = first
    heart._pid = -1

    heart.hold(second)

    assert list(heart._holds.values()) == [second]
    heart.let_go(second)

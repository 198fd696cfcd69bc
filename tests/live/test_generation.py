"""A backlog of templates, shared by the processes of a worker that is killed meanwhile."""

from __future__ import annotations

import pytest

from tests.live.faults import scene
from tests.live.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.postgres, pytest.mark.timeout(300)]

SEED = """
from datetime import UTC, datetime
from tests.host.models import Todo
Todo.objects.bulk_create(
    Todo(title=str(number), due_at=datetime(2026, 1, 1, tzinfo=UTC), recurrence_rule="FREQ=DAILY")
    for number in range(60)
)
"""
MADE = """
SELECT count(*), count(DISTINCT (recurrence_parent_id, recurrence_id))
FROM host_todo WHERE recurrence_id IS NOT NULL
"""
TASK = {"task": "recurring_jobs.generate_occurrences", "args": ["host.Todo"]}


@pytest.mark.redis
def test_backlog_is_shared_and_survives_a_kill(tmp_path, migrated_database):
    """
    Shares of four templates are sent on until nothing is due, in two lanes at most.

    After a kill the next message of the schedule finds what was left, and each row is there once.
    """
    with scene(tmp_path, broker="redis", database_url=migrated_database) as stage:
        stage.host.env["HOST_SHARE"] = "4"
        stage.host.python("import django; django.setup()" + SEED)
        first = stage.worker("first", "-c", "3")
        stage.send([{**TASK}, {**TASK}])
        wait_until(lambda: stage.rows(MADE)[0][0] >= 60, seconds=60, what="three shares")
        first.kill()
        left = 300 - stage.rows(MADE)[0][0]

        stage.worker("second", "-c", "3")
        stage.send([{**TASK}])
        wait_until(lambda: stage.rows(MADE)[0][0] >= 300, seconds=90, what="the whole backlog")
        lanes = stage.rows("SELECT DISTINCT key FROM recurring_jobs_tasklock")

    assert left > 0
    assert stage.rows(MADE) == [(300, 300)]
    assert len(lanes) == 2

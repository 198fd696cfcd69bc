"""What a soak has left behind in the database, with the broker and in the logs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import redis

if TYPE_CHECKING:
    from tests.live.beats import Stage
    from tests.live.processes import Process

_OPEN = """
SELECT (SELECT count(*) FROM recurring_jobs_fire
    WHERE due_at IS NOT NULL AND state <> 'published'),
  (SELECT count(*) FROM recurring_jobs_fire fire WHERE state = 'published' AND NOT EXISTS
    (SELECT 1 FROM recurring_jobs_run run WHERE run.fire_id = fire.id)),
  (SELECT count(*) FROM recurring_jobs_run WHERE state IN ('queued', 'running', 'retrying'))
"""
_LEFT_BEHIND = """
SELECT 'Fire ' || fire.task_id || ', published ' || fire.published_at
  || ', looked at ' || coalesce(fire.due_at::text, 'never')
  FROM recurring_jobs_fire fire WHERE state = 'published' AND NOT EXISTS
  (SELECT 1 FROM recurring_jobs_run run WHERE run.fire_id = fire.id)
UNION ALL
SELECT 'Run ' || id || ', ' || state || ', attempt ' || attempt || ', next ' || next_attempt
  || ', sent again at ' || coalesce(resend_at::text, '-') || ', holder ' || holder
  FROM recurring_jobs_run WHERE state IN ('queued', 'running', 'retrying')
LIMIT 20
"""
_LETTERS = """
SELECT letter.task || ': ' || letter.exception_type || ', its run ' || run.state, count(*)
FROM recurring_jobs_deadletter letter LEFT JOIN recurring_jobs_run run ON run.id = letter.task_id
GROUP BY 1
"""
_STATES = "SELECT state, count(*) FROM recurring_jobs_{} GROUP BY state ORDER BY state"
_STOP = """
from django_celery_beat.models import PeriodicTask
PeriodicTask.objects.update(enabled=False)
"""
_ROWS = """
import json
from datetime import timedelta
from django.utils import timezone
from recurring_jobs.recurrence.occurrences import generate_occurrences
from tests.host.models import Tag, Todo
generate_occurrences(Todo)
now, wrong = timezone.now(), []
for template in Todo.objects.filter(recurrence_rule__isnull=False):
    if template.recurrence_set_aside:
        wrong.append(f"Template {template.pk} was set aside: {template.recurrence_set_aside}")
    wanted = template.occurrences_between(now, now + timedelta(days=300))[:5]
    rows = Todo.objects.filter(recurrence_parent=template, due_at__gte=now)
    found = sorted(rows.values_list("due_at", flat=True))[:5]
    if found != wanted:
        wrong.append(f"Template {template.pk} has the rows {found}, not {wanted}")
marks = list(Tag.objects.values_list("name", flat=True))
if len(set(marks)) != len(marks):
    wrong.append("Two runs of a task that must not overlap were at work at once.")
print(json.dumps([wrong, Todo.objects.count(), len(marks)]))
"""


def unfinished(on: Stage) -> tuple[int, int, int]:
    """Return how many fires are to be sent, are without a run, and how many runs go on."""
    return on.rows(_OPEN)[0]


def left_behind(on: Stage) -> list[str]:
    """Return a sentence on each of the first fires without a run, and runs without an end."""
    return [f"{sentence}." for (sentence,) in on.rows(_LEFT_BEHIND)]


def said(on: Stage, event: str) -> int:
    """Return how often a process has logged *event*."""
    return sum(each.output().count(f"recurring_jobs.run.{event}") for each in on.host.processes)


def messages(on: Stage, url: str) -> dict[str, int]:
    """Return how many messages wait, and how many a worker has taken."""
    client = redis.Redis.from_url(url)
    waiting = {on.queue: client.llen(on.queue), "taken": client.hlen("unacked")}
    client.close()
    return waiting


def states(on: Stage, table: str) -> dict[str, int]:
    """Return how many rows of *table*, ``fire`` or ``run``, are in which state."""
    return dict(on.rows(_STATES.format(table)))


def letters(on: Stage) -> dict[str, int]:
    """Count dead letters by task, exception and what their run came to."""
    return dict(on.rows(_LETTERS))


def disable_schedules(on: Stage) -> None:
    """Let no further fire come due."""
    on.direct.python(_STOP)


def compare_rows(on: Stage) -> tuple[list[str], int, int]:
    """Compare the rows with their rules: what is wrong, and how many rows and marks there are."""
    wrong, rows, marks = json.loads(on.direct.python(_ROWS, seconds=120).splitlines()[-1])
    return wrong, rows, marks


def gave_out_over_the_broker(process: Process) -> bool:
    """
    Return whether the last error came from kombu's way to the broker.

    Celery's worker ends by some of these, which is not ours to mend: who supervises it
    starts another, as is done here.
    """
    frames = re.findall(r'File "([^"]+)"', process.output())
    return bool(frames) and re.search(r"/(kombu|redis)/", frames[-1]) is not None

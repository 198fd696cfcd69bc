"""The names of the message headers that tell a worker what a run belongs to."""

from __future__ import annotations

#: Primary key of the fire that the run is for; set by the scheduler.
FIRE = "recurring_jobs_fire"
#: True where the sender has asked for the run to be kept as a row.
TRACKED = "recurring_jobs_tracked"
#: Task id of the dead letter that was sent again as this run.
RETRIED_FROM = "recurring_jobs_retried_from"
#: Tracebacks of earlier attempts, the last one last.
FAILURES = "recurring_jobs_failures"
#: Since when, and how often, a run has looked whether it may begin beside another.
WAITING = "recurring_jobs_waiting"

#: What belongs to one run and is not to be sent along with the next.
OWN = frozenset({FIRE, TRACKED, RETRIED_FROM, FAILURES, WAITING})

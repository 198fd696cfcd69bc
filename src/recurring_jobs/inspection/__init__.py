"""Answers for the API and the commands: what runs, what ran, and what can be triggered."""

from __future__ import annotations

from recurring_jobs.inspection.apps import broker_connection, loaded_app
from recurring_jobs.inspection.cancelling import cancel_run
from recurring_jobs.inspection.databases import database_errors, missing_migrations
from recurring_jobs.inspection.health_parts import ALL_PARTS, DATABASE_PARTS, Part, health
from recurring_jobs.inspection.queues import (
    QueueFacts,
    consumed_queues,
    purge_queues,
    queue_facts,
    queue_sizes,
)
from recurring_jobs.inspection.requeueing import requeue_letter, requeue_letters
from recurring_jobs.inspection.runs import (
    RunStatus,
    newest_runs,
    run_status,
    status_of,
    stored_result,
    with_result,
)
from recurring_jobs.inspection.triggering import Mode, Triggered, trigger_task, triggerable_task
from recurring_jobs.inspection.workers import (
    DEFAULT_TIMEOUT,
    ActiveRun,
    ScheduledRun,
    WorkerStats,
    workers_active,
    workers_ping,
    workers_registered,
    workers_scheduled,
    workers_stats,
)

__all__ = [
    "ALL_PARTS",
    "DATABASE_PARTS",
    "DEFAULT_TIMEOUT",
    "ActiveRun",
    "Mode",
    "Part",
    "QueueFacts",
    "RunStatus",
    "ScheduledRun",
    "Triggered",
    "WorkerStats",
    "broker_connection",
    "cancel_run",
    "consumed_queues",
    "database_errors",
    "health",
    "loaded_app",
    "missing_migrations",
    "newest_runs",
    "purge_queues",
    "queue_facts",
    "queue_sizes",
    "requeue_letter",
    "requeue_letters",
    "run_status",
    "status_of",
    "stored_result",
    "trigger_task",
    "triggerable_task",
    "with_result",
    "workers_active",
    "workers_ping",
    "workers_registered",
    "workers_scheduled",
    "workers_stats",
]

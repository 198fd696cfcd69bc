"""Answers for the API and the commands: what runs, what ran, and what can be triggered."""

from __future__ import annotations

from recurring_jobs.inspection.apps import broker_connection, loaded_app
from recurring_jobs.inspection.health_parts import ALL_PARTS, DATABASE_PARTS, Part, health
from recurring_jobs.inspection.queues import consumed_queues, purge_queues, queue_sizes
from recurring_jobs.inspection.runs import RunStatus, run_status, with_result
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
    "RunStatus",
    "ScheduledRun",
    "Triggered",
    "WorkerStats",
    "broker_connection",
    "consumed_queues",
    "health",
    "loaded_app",
    "purge_queues",
    "queue_sizes",
    "run_status",
    "trigger_task",
    "triggerable_task",
    "with_result",
    "workers_active",
    "workers_ping",
    "workers_registered",
    "workers_scheduled",
    "workers_stats",
]

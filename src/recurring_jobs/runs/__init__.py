"""Executions: how a task is retried, what is kept of a run, and what becomes of a failure."""

from __future__ import annotations

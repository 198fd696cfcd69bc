"""Declarations and schedules: what should fire, and what became of it."""

from __future__ import annotations

"""Migrations: named, linear."""

from __future__ import annotations

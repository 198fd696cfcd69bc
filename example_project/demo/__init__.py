"""Runs the five systems and says what they do."""

from __future__ import annotations

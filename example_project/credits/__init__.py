"""Balances, and holds on them that expire."""

from __future__ import annotations

"""Discounts on batches that are about to expire."""

from __future__ import annotations

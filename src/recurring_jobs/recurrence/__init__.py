"""Rows that repeat: templates with a rule and the occurrences made from them."""

from __future__ import annotations

"""A to-do list whose tasks repeat."""

from __future__ import annotations

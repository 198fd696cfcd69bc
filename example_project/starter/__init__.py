"""Calls to other people's servers, which fail now and then."""

from __future__ import annotations

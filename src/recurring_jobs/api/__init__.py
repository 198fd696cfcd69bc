"""Triggering tasks and asking for their runs over HTTP; closed until the host opens it."""

from __future__ import annotations

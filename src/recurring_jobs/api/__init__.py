"""Tasks, their runs and schedules over HTTP; closed until the host opens it."""

from __future__ import annotations

"""Appointments, reminders and notifications of a clinic."""

from __future__ import annotations

"""Where Django meets the lab app."""

from __future__ import annotations

from django.apps import AppConfig


class LabConfig(AppConfig):
    """Appointments, reminders and notifications of a clinic."""

    name = "lab"

"""Where Django meets the demo app."""

from __future__ import annotations

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Runs the five systems and says what they do."""

    name = "demo"

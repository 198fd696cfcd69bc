"""Where Django meets the focus app."""

from __future__ import annotations

from django.apps import AppConfig


class FocusConfig(AppConfig):
    """A to-do list whose tasks repeat."""

    name = "focus"

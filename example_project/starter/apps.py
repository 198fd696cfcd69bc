"""Where Django meets the starter app."""

from __future__ import annotations

from django.apps import AppConfig


class StarterConfig(AppConfig):
    """Calls to other people's servers, which fail now and then."""

    name = "starter"

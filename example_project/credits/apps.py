"""Where Django meets the credits app."""

from __future__ import annotations

from django.apps import AppConfig


class CreditsConfig(AppConfig):
    """Balances, and holds on them that expire."""

    name = "credits"

"""Where Django meets the pricing app."""

from __future__ import annotations

from django.apps import AppConfig


class PricingConfig(AppConfig):
    """Discounts on batches that are about to expire."""

    name = "pricing"

"""Fill the five systems with data that people could have made."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from credits.demo_data import load as load_credits
from focus.demo_data import load as load_focus
from lab.demo_data import load as load_lab
from pricing.demo_data import load as load_pricing
from starter.demo_data import load as load_starter

LOADERS = {
    "focus": (load_focus, "templates"),
    "credits": (load_credits, "accounts"),
    "lab": (load_lab, "patients"),
    "starter": (load_starter, "endpoints"),
    "pricing": (load_pricing, "products"),
}


class Command(BaseCommand):
    """Add what is missing; a second run adds nothing."""

    help = "Load the demo data of the five apps; safe to run again."

    def handle(self, **options: Any) -> None:
        now = timezone.now()
        for name, (load, noun) in LOADERS.items():
            self.stdout.write(f"{name}: {load(now)} {noun} added")

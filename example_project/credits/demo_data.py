"""Accounts with holds in every state."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from credits.models import Account

OWNERS = [
    "Atelier Nord",
    "Bakery Sol",
    "Cargo Lines",
    "Delta Press",
    "Elm Street Gym",
    "Fjord Labs",
]


@transaction.atomic
def load(now: datetime) -> int:
    """Add the accounts that are not there yet; return how many were added."""
    return sum(add_account(owner, now) for owner in OWNERS)


def add_account(owner: str, now: datetime) -> int:
    """Open an account with a captured hold, one that expired, and one that has time."""
    account, is_new = Account.objects.get_or_create(owner=owner, defaults={"balance": 1_000})
    if is_new:
        account.hold(120, expires_at=now + timedelta(days=7), reason="Hotel deposit").capture()
        account.hold(80, expires_at=now - timedelta(hours=2), reason="Abandoned cart")
        account.hold(50, expires_at=now + timedelta(days=2), reason="Trial upgrade")
    return int(is_new)

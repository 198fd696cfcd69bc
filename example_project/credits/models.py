"""Accounts, and holds that keep a part of the balance until they are used or expire."""

from __future__ import annotations

from datetime import datetime

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone


class NotEnoughCreditsError(ValueError):
    """A hold asks for more than the account has."""

    def __init__(self, account: Account, amount: int) -> None:
        super().__init__(f"{account} cannot hold {amount} credits: the balance is too low.")


class Account(models.Model):
    """Somebody's credits that no hold has taken."""

    owner = models.CharField(max_length=100, unique=True)
    balance = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["owner"]

    def __str__(self) -> str:
        return self.owner

    @transaction.atomic
    def hold(self, amount: int, *, expires_at: datetime, reason: str = "") -> CreditHold:
        """Move *amount* from the balance into a hold; raise NotEnoughCreditsError."""
        # The condition and the change are one statement, so two holds at once cannot
        # both take the last credits.
        rich = Account.objects.filter(pk=self.pk, balance__gte=amount)
        if not rich.update(balance=F("balance") - amount):
            raise NotEnoughCreditsError(self, amount)
        return self.holds.create(amount=amount, expires_at=expires_at, reason=reason)


class HoldQuerySet(models.QuerySet["CreditHold"]):
    """The questions asked of holds."""

    def held(self) -> HoldQuerySet:
        """Those that still keep credits from their account."""
        return self.filter(state=CreditHold.State.HELD)

    def expired(self, now: datetime) -> HoldQuerySet:
        """Those whose time passed and that were not dealt with yet."""
        return self.held().filter(expires_at__lte=now)


class CreditHold(models.Model):
    """Credits set aside for one purpose; they are captured, or they come back."""

    class State(models.TextChoices):
        """What became of the credits."""

        HELD = "held", "held"
        CAPTURED = "captured", "captured"
        EXPIRED = "expired", "expired"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="holds")
    amount = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.HELD)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["expires_at", "pk"]
        indexes = [models.Index(fields=["state", "expires_at"], name="credits_hold_due")]

    def __str__(self) -> str:
        return f"{self.amount} of {self.account}"

    def capture(self) -> bool:
        """Use the credits up; False when the hold had ended already."""
        return self._end(self.State.CAPTURED)

    @transaction.atomic
    def expire(self) -> bool:
        """Give the credits back to the account; False when the hold had ended already."""
        ended = self._end(self.State.EXPIRED)
        if ended:
            Account.objects.filter(pk=self.account_id).update(balance=F("balance") + self.amount)
        return ended

    def _end(self, state: State) -> bool:
        # Whoever changes the state first wins; the others change nothing.
        return bool(
            CreditHold.objects.held()
            .filter(pk=self.pk)
            .update(state=state, ended_at=timezone.now())
        )

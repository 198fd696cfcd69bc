"""Other people's servers as they behave today, and what was delivered to them."""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.utils import timezone


class Endpoint(models.Model):
    """
    A server that somebody else runs.

    It stands in for the network, so that the tasks can be seen to fail and recover
    without one: edit it in the admin to take it down or bring it back.
    """

    name = models.CharField(max_length=100, unique=True)
    is_up = models.BooleanField(default=True)
    failures_left = models.PositiveIntegerField(
        default=0, help_text="How many more calls fail before one succeeds."
    )
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def call(self) -> None:
        """Answer, or raise ConnectionError as a server in this state would."""
        if not self.is_up:
            message = f"{self.name} refused the connection."
            raise ConnectionError(message)
        failing = Endpoint.objects.filter(pk=self.pk, failures_left__gt=0)
        if failing.update(failures_left=F("failures_left") - 1):
            message = f"{self.name} closed the connection."
            raise ConnectionError(message)


class Delivery(models.Model):
    """Something that reached an endpoint, with the attempt that made it."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    body = models.CharField(max_length=200)
    # The run's id as idempotency key: a run that is repeated delivers nothing twice.
    task_id = models.CharField(max_length=64, unique=True)
    attempt = models.PositiveIntegerField()
    delivered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-delivered_at", "-pk"]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.body} to {self.endpoint}"


class Report(models.Model):
    """A report that was written within its time limit, perhaps not to its end."""

    title = models.CharField(max_length=200)
    pages = models.PositiveIntegerField(default=0)
    is_complete = models.BooleanField(default=False)
    written_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-written_at", "-pk"]

    def __str__(self) -> str:
        return self.title

"""Patients, their appointments, and what they are told about them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone


class Patient(models.Model):
    """Somebody who comes to the laboratory."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="patient"
    )
    phone = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ["user__username"]

    def __str__(self) -> str:
        return self.user.get_full_name() or self.user.get_username()


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    """The questions asked of appointments."""

    def to_remind(self, now: datetime) -> AppointmentQuerySet:
        """Those of the next 24 hours whose patients were not reminded yet."""
        return self.filter(
            starts_at__gt=now,
            starts_at__lte=now + timedelta(hours=24),
            reminded_at=None,
            is_cancelled=False,
        )


class Appointment(models.Model):
    """One visit of one patient."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="appointments")
    study = models.CharField(max_length=100)
    starts_at = models.DateTimeField(db_index=True)
    is_cancelled = models.BooleanField(default=False)
    reminded_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]

    def __str__(self) -> str:
        return f"{self.study} at {self.starts_at:%Y-%m-%d %H:%M}"

    def claim_reminder(self) -> bool:
        """Mark the patient as reminded; False when somebody else did so before."""
        return bool(
            Appointment.objects.filter(pk=self.pk, reminded_at=None).update(
                reminded_at=timezone.now()
            )
        )


class NotificationQuerySet(models.QuerySet["Notification"]):
    """The questions asked of notifications."""

    def old(self, now: datetime) -> NotificationQuerySet:
        """Read ones older than 90 days."""
        return self.filter(is_read=True, created_at__lt=now - timedelta(days=90))


class Notification(models.Model):
    """A message to one user, shown until it is read."""

    class Type(models.TextChoices):
        """What a notification is about."""

        APPOINTMENT = "appointment", "appointment"
        RESULT = "result", "result"
        SYSTEM = "system", "system"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    type = models.CharField(max_length=16, choices=Type.choices, default=Type.SYSTEM)
    title = models.CharField(max_length=200)
    message = models.TextField(blank=True)
    is_read = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["is_read", "created_at"], name="lab_notification_old")]

    def __str__(self) -> str:
        return self.title

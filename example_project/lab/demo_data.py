"""Patients with appointments today, tomorrow and next week, and a pile of old notifications."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import transaction

from lab.models import Appointment, Notification, Patient

PATIENTS = {
    "anna.berg": ("Anna", "Berg"),
    "bruno.costa": ("Bruno", "Costa"),
    "chloe.durand": ("Chloé", "Durand"),
    "david.eze": ("David", "Eze"),
    "elif.kaya": ("Elif", "Kaya"),
}


@transaction.atomic
def load(now: datetime) -> int:
    """Add the patients that are not there yet; return how many were added."""
    return sum(add_patient(name, now) for name in PATIENTS)


def add_patient(username: str, now: datetime) -> int:
    """Register *username* with appointments to remind of and others to leave alone."""
    first, last = PATIENTS[username]
    user, _ = get_user_model().objects.get_or_create(
        username=username,
        defaults={"email": f"{username}@example.com", "first_name": first, "last_name": last},
    )
    patient, is_new = Patient.objects.get_or_create(user=user, defaults={"phone": "+49 30 5550100"})
    if is_new:
        add_appointments(patient, now)
        add_notifications(patient, now)
    return int(is_new)


def add_appointments(patient: Patient, now: datetime) -> None:
    """One within 24 hours, one cancelled, one next week, one last week."""
    soon, next_week = now + timedelta(hours=20), now + timedelta(days=7)
    rows = [
        Appointment(study="Blood count", starts_at=soon),
        Appointment(study="Ultrasound", starts_at=soon, is_cancelled=True),
        Appointment(study="Follow-up", starts_at=next_week),
        Appointment(study="First visit", starts_at=now - timedelta(days=7)),
    ]
    for row in rows:
        row.patient = patient
    Appointment.objects.bulk_create(rows)


def add_notifications(patient: Patient, now: datetime) -> None:
    """Read and unread, from last week and from four months ago."""
    Notification.objects.bulk_create(
        Notification(
            user=patient.user,
            type=Notification.Type.RESULT,
            title="Your results are there",
            is_read=is_read,
            created_at=now - timedelta(days=days),
        )
        for days in (7, 120)
        for is_read in (True, False)
    )

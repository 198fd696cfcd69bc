"""Remind patients, notify users, and forget what was read long ago."""

from __future__ import annotations

import logging
from collections.abc import Collection

from celery import shared_task
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from lab.models import Appointment, Notification
from recurring_jobs import BaseTaskWithRetry, Cron, GiveUp, periodic_task

logger = logging.getLogger("lab")


@periodic_task(Cron("0 9 * * *"), name="Send Appointment Reminders")
@shared_task(base=BaseTaskWithRetry, tracked=True)
def send_appointment_reminders() -> dict[str, int]:
    """
    Remind the patients whose appointments are within the next 24 hours, once each.
    """
    due = Appointment.objects.to_remind(timezone.now()).select_related("patient__user")
    sent = sum(remind(appointment) for appointment in due)
    logger.info("lab.reminders.sent", extra={"sent": sent})
    return {"sent": sent}


@periodic_task(Cron("0 2 * * sun"), name="Cleanup Old Notifications")
@shared_task(base=BaseTaskWithRetry, tracked=True)
def cleanup_old_notifications() -> dict[str, int]:
    """
    Delete the read notifications that are older than 90 days.
    """
    deleted, _ = Notification.objects.old(timezone.now()).delete()
    logger.info("lab.notifications.deleted", extra={"deleted": deleted})
    return {"deleted": deleted}


@shared_task(base=BaseTaskWithRetry, tracked=True)
def send_email_notification(user_id: int, subject: str, message: str) -> dict[str, str]:
    """
    Send one e-mail to one user; give up when there is no such user, or no address.
    """
    user = get_user_model().objects.filter(pk=user_id).first()
    if user is None:
        raise GiveUp(f"There is no user with the id {user_id}.")
    if not user.email:
        raise GiveUp(f"User {user.get_username()!r} has no e-mail address.")
    send_mail(subject, message, None, [user.email])
    return {"to": user.email}


@shared_task(base=BaseTaskWithRetry, tracked=True)
def send_bulk_notification(
    user_ids: Collection[int],
    title: str,
    message: str,
    type: str = Notification.Type.SYSTEM,  # noqa: A002  the name that callers use
) -> dict[str, int]:
    """
    Notify many users at once; those who no longer exist are counted and left out.
    """
    if type not in Notification.Type.values:
        raise GiveUp(f"{type!r} is no type of notification. Use {Notification.Type.values}.")
    found = get_user_model().objects.filter(pk__in=user_ids).values_list("pk", flat=True)
    rows = [Notification(user_id=pk, title=title, message=message, type=type) for pk in found]
    Notification.objects.bulk_create(rows, batch_size=500)
    return {"notified": len(rows), "unknown": len(set(user_ids)) - len(rows)}


@transaction.atomic
def remind(appointment: Appointment) -> bool:
    """
    Write to the patient of *appointment*; False when that was done before.

    The mark and the mail stand or fall together: a mail server that fails leaves the
    appointment to the next try. Only a crash between the mail and the commit can
    make a second mail.
    """
    if not appointment.claim_reminder():
        return False
    user = appointment.patient.user
    title = f"Your appointment: {appointment.study}"
    message = (
        f"Dear {appointment.patient},\n\nwe expect you on "
        f"{appointment.starts_at:%A, %d %B %Y at %H:%M} UTC for: {appointment.study}.\n"
    )
    Notification.objects.create(
        user=user, type=Notification.Type.APPOINTMENT, title=title, message=message
    )
    if user.email:
        send_mail(title, message, None, [user.email])
    return True

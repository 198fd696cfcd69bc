"""Patients are reminded once, users are notified, and old news is forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import TestCase, override_settings
from django.utils import timezone

from lab import demo_data
from lab.models import Appointment, Notification, Patient
from lab.tasks import (
    cleanup_old_notifications,
    send_appointment_reminders,
    send_bulk_notification,
    send_email_notification,
)
from recurring_jobs import GiveUp


class LabTestCase(TestCase):
    """One patient, Anna."""

    def setUp(self) -> None:
        self.user = get_user_model().objects.create_user(
            "anna", "anna@example.com", first_name="Anna", last_name="Berg"
        )
        self.patient = Patient.objects.create(user=self.user)


class ReminderTests(LabTestCase):
    """Send Appointment Reminders."""

    def book(self, *, is_cancelled: bool = False, **ahead: int) -> Appointment:
        return Appointment.objects.create(
            patient=self.patient,
            study="Blood count",
            starts_at=timezone.now() + timedelta(**ahead),
            is_cancelled=is_cancelled,
        )

    def test_next_24_hours(self) -> None:
        """Reminded of are the appointments of the next 24 hours, not others, not cancelled."""
        soon = self.book(hours=23)
        self.book(hours=25)
        self.book(hours=-1)
        self.book(hours=2, is_cancelled=True)

        report = send_appointment_reminders()

        reminded = list(Appointment.objects.exclude(reminded_at=None))
        self.assertEqual((report, reminded), ({"sent": 1}, [soon]))
        self.assertEqual([message.to for message in mail.outbox], [["anna@example.com"]])
        self.assertEqual(mail.outbox[0].subject, "Your appointment: Blood count")

    def test_once(self) -> None:
        """A second run writes to nobody."""
        self.book(hours=23)
        send_appointment_reminders()

        again = send_appointment_reminders()

        self.assertEqual((again, len(mail.outbox)), ({"sent": 0}, 1))

    def test_mail_server_away(self) -> None:
        """When the mail cannot be sent, the appointment waits for the next try."""
        appointment = self.book(hours=23)

        with (
            mail_by("lab.tests.BrokenBackend"),
            self.assertRaises(ConnectionRefusedError),
        ):
            send_appointment_reminders()

        appointment.refresh_from_db()
        self.assertEqual((appointment.reminded_at, Notification.objects.count()), (None, 0))

    def test_file_back_end(self) -> None:
        """With Django's file back end each mail is a file."""
        self.book(hours=23)
        backend = "django.core.mail.backends.filebased.EmailBackend"

        with TemporaryDirectory() as folder, mail_by(backend, file_path=folder):
            send_appointment_reminders()
            (letter,) = [path.read_text() for path in Path(folder).iterdir()]

        self.assertIn("Subject: Your appointment: Blood count", letter)


def mail_by(backend: str, **options: str) -> override_settings:
    """Have mail sent by *backend*, said as this Django wants it."""
    if django.VERSION >= (6, 1):
        return override_settings(MAILERS={"default": {"BACKEND": backend, "OPTIONS": options}})
    named = {f"EMAIL_{name.upper()}": value for name, value in options.items()}
    return override_settings(EMAIL_BACKEND=backend, **named)


class BrokenBackend:
    """A mail server that is not there."""

    def __init__(self, **options: object) -> None:
        pass

    def send_messages(self, messages: list[object]) -> int:
        raise ConnectionRefusedError


class CleanupTests(LabTestCase):
    """Cleanup Old Notifications."""

    def test_only_old_and_read(self) -> None:
        """Deleted are the read ones older than 90 days; unread or newer ones stay."""
        for days in (89, 91):
            for is_read in (True, False):
                Notification.objects.create(
                    user=self.user,
                    title=f"{days} days, {'read' if is_read else 'unread'}",
                    is_read=is_read,
                    created_at=timezone.now() - timedelta(days=days),
                )

        report = cleanup_old_notifications()

        left = set(Notification.objects.values_list("title", flat=True))
        self.assertEqual(report, {"deleted": 1})
        self.assertEqual(left, {"89 days, read", "89 days, unread", "91 days, unread"})


class SendingTests(LabTestCase):
    """The tasks that write to users."""

    def test_email(self) -> None:
        """One user gets one e-mail."""
        report = send_email_notification(self.user.pk, "Hello", "Welcome.")

        self.assertEqual((report, mail.outbox[0].body), ({"to": "anna@example.com"}, "Welcome."))

    def test_email_to_nobody(self) -> None:
        """Without such a user the task gives up at once: another try would not help."""
        with self.assertRaisesMessage(GiveUp, "There is no user with the id 99."):
            send_email_notification(99, "Hello", "Welcome.")

    def test_email_without_address(self) -> None:
        """A user without an address is named in the reason."""
        user = get_user_model().objects.create_user("paper")

        with self.assertRaisesMessage(GiveUp, "User 'paper' has no e-mail address."):
            send_email_notification(user.pk, "Hello", "Welcome.")

    def test_bulk(self) -> None:
        """Every user that exists is notified once; the others are counted."""
        report = send_bulk_notification([self.user.pk, self.user.pk, 99], "Hi", "Text", "result")

        self.assertEqual(report, {"notified": 1, "unknown": 1})
        self.assertEqual(Notification.objects.get().type, "result")

    def test_bulk_of_an_unknown_type(self) -> None:
        """A type that does not exist is refused, and nobody is notified."""
        message = "'news' is no type of notification. Use ['appointment', 'result', 'system']."

        with self.assertRaisesMessage(GiveUp, message):
            send_bulk_notification([self.user.pk], "Hi", "Text", "news")

        self.assertEqual(Notification.objects.count(), 0)


class DemoDataTests(TestCase):
    """The patients of the demo."""

    def test_work_for_everybody(self) -> None:
        """Each of five patients has one reminder to get and one notification to lose, once."""
        now: datetime = timezone.now()

        added = demo_data.load(now), demo_data.load(now)

        work = Appointment.objects.to_remind(now).count(), Notification.objects.old(now).count()
        self.assertEqual((added, work), ((5, 0), (5, 5)))

"""People who use the five systems while the demo runs, so that there is work to see."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from credits.models import Account
from focus.models import Task
from lab.models import Appointment, Notification, Patient
from lab.tasks import send_bulk_notification, send_email_notification
from pricing.models import Batch, Discount, Product, discounted
from starter.models import Endpoint
from starter.tasks import (
    call_partner,
    charge_card,
    deliver_webhook,
    send_sms,
    sync_contacts,
    write_report,
)


class Visitors:
    """One round of visits after another; each round leaves work for every system."""

    def __init__(self) -> None:
        # Names that no earlier demo on the same database has used.
        self._names = (f"{get_random_string(4).upper()}-{number}" for number in count(1))

    def come(self) -> None:
        """Do what people do: plan, book, order, and run into servers that fail."""
        name = next(self._names)
        with transaction.atomic():
            plan_a_habit(name)
            abandon_a_cart(name)
            book_an_appointment(name)
            deliver_a_batch(name)
        notify_users(name)
        call_servers(name)


def plan_a_habit(name: str) -> None:
    """Somebody in Sydney starts a habit."""
    start = timezone.now() + timedelta(hours=1)
    Task(
        owner=get_user_model().objects.get(username="mia"),
        title=f"Practise the cello ({name})",
        due_at=start,
        remind_at=start - timedelta(minutes=10),
        recurrence_rule="FREQ=DAILY;INTERVAL=2",
        recurrence_timezone="Australia/Sydney",
    ).save()


def abandon_a_cart(name: str) -> None:
    """Somebody holds credits for a cart and does not come back."""
    account = Account.objects.get(owner="Bakery Sol")
    Account.objects.filter(pk=account.pk, balance__lt=100).update(balance=1_000)
    account.hold(30, expires_at=timezone.now() + timedelta(seconds=3), reason=f"Cart {name}")


def book_an_appointment(name: str) -> None:
    """Somebody books for tomorrow; notifications from last winter were read."""
    now = timezone.now()
    patient = Patient.objects.get(user__username="elif.kaya")
    Appointment.objects.create(
        patient=patient, study=f"Vaccination ({name})", starts_at=now + timedelta(hours=18)
    )
    Notification.objects.create(
        user=patient.user,
        type=Notification.Type.RESULT,
        title=f"Your results are there ({name})",
        is_read=True,
        created_at=now - timedelta(days=100),
    )


def deliver_a_batch(name: str) -> None:
    """A batch comes in that sells for two more days, and one that should be gone."""
    today = timezone.localdate()
    product = Product.objects.get(sku="P-001")
    for code, days in ((f"{name}-fresh", 2), (f"{name}-old", -1)):
        batch = Batch.objects.create(
            product=product, code=code, quantity=12, expires_on=today + timedelta(days=days)
        )
    Discount.objects.create(batch=batch, percent=70, price=discounted(product.base_price, 70))


def notify_users(name: str) -> None:
    """The clinic writes to one user and to all of its patients."""
    users = list(Patient.objects.values_list("user_id", flat=True))
    send_email_notification.delay(users[0], f"Welcome ({name})", "Your account is ready.")
    send_bulk_notification.delay(users, f"Closed on Friday ({name})", "We are back on Monday.")


def call_servers(name: str) -> None:
    """Servers fail in every way there is, and one of them stays down."""
    Endpoint.objects.filter(name="exchange-rates").update(failures_left=2)
    Endpoint.objects.filter(name="crm").update(failures_left=1)
    Endpoint.objects.filter(name="warehouse").update(is_up=False)
    deliver_webhook.delay("exchange-rates", f"rates of {name}")
    sync_contacts.delay("crm")
    call_partner.delay("partner")
    charge_card.delay(customer=f"customer {name}", card_number="4000000000000002")
    for number in ("+49 30 5550101", "+49 30 5550102"):
        send_sms.delay("sms-gateway", number)
    write_report.delay(f"Annual report {name}", pages=10)
    deliver_webhook.delay("warehouse", f"order {name}")

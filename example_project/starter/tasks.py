"""Every way in which a task may fail, and how each of them ends."""

from __future__ import annotations

import time

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from recurring_jobs import BaseTaskWithRetry, GiveUp, RetryLater
from starter.models import Delivery, Endpoint, Report


class StarterTask(BaseTaskWithRetry):
    """The family of this app: each of its runs is kept."""

    abstract = True
    tracked = True


@shared_task(bind=True, base=StarterTask, autoretry_for=(ConnectionError,), max_retries=3)
def deliver_webhook(self: StarterTask, endpoint: str, body: str) -> dict[str, int]:
    """
    Deliver *body*; retried while the endpoint fails, a dead letter when it stays down.
    """
    return deliver(self, endpoint, body)


@shared_task(bind=True, base=StarterTask)
def sync_contacts(self: StarterTask, endpoint: str) -> dict[str, int]:
    """
    Call the endpoint, retrying by hand as in plain Celery, with the same backoff.
    """
    try:
        return deliver(self, endpoint, "contacts")
    except ConnectionError as exc:
        raise self.retry(exc=exc) from exc


@shared_task(bind=True, base=StarterTask)
def call_partner(self: StarterTask, endpoint: str, wait: float = 2) -> dict[str, int]:
    """
    Call an endpoint that says at first when to come again (429 with Retry-After).
    """
    if self.request.retries == 0:
        raise RetryLater(wait, f"{endpoint} asked us to come back in {wait:g} s.")
    return deliver(self, endpoint, "order")


@shared_task(base=StarterTask, sensitive=("card_number",))
def charge_card(customer: str, card_number: str) -> None:
    """
    Charge a card that the bank declines: another try would not help, so give up.
    """
    if not card_number.isdigit():
        raise GiveUp(f"The card of {customer} has no number.")
    raise GiveUp(f"The bank declined the card of {customer}.")


@shared_task(bind=True, base=StarterTask, rate_limit="30/m")
def send_sms(self: StarterTask, endpoint: str, number: str) -> dict[str, int]:
    """
    Send a text message, at most thirty a minute for each worker.
    """
    return deliver(self, endpoint, f"SMS to {number}")


@shared_task(base=StarterTask, soft_time_limit=2, time_limit=10)
def write_report(title: str, pages: int, seconds_per_page: float = 0.5) -> dict[str, int | bool]:
    """
    Write a report for at most two seconds and keep the pages there are by then.
    """
    report = Report.objects.create(title=title)
    try:
        for _ in range(pages):
            time.sleep(seconds_per_page)
            report.pages += 1
        report.is_complete = True
    except SoftTimeLimitExceeded:
        report.title += " (cut short)"
    report.save()
    return {"pages": report.pages, "is_complete": report.is_complete}


@shared_task(base=StarterTask)
def check_endpoints() -> dict[str, int]:
    """
    Note which endpoints are up; scheduled in RECURRING_JOBS["SCHEDULE"].
    """
    return {"up": Endpoint.objects.filter(is_up=True).update(checked_at=timezone.now())}


def deliver(task: StarterTask, name: str, body: str) -> dict[str, int]:
    """
    Call the endpoint and note the delivery, once for each run; raise ConnectionError.
    """
    endpoint = Endpoint.objects.filter(name=name).first()
    if endpoint is None:
        raise GiveUp(f"There is no endpoint {name!r}.")
    endpoint.call()
    attempt = task.request.retries + 1
    Delivery.objects.get_or_create(
        task_id=task.request.id,
        defaults={"endpoint": endpoint, "body": body, "attempt": attempt},
    )
    return {"attempt": attempt}

"""Tasks and declarations of a small project, for tests that start real processes."""

from __future__ import annotations

from celery import shared_task

from recurring_jobs import Cron, Every, RRule, Solar, periodic_task


@periodic_task(Cron("0 9 * * *", timezone="Europe/Paris"), name="Send reminders", queue="mail")
@shared_task
def send_reminders() -> None:
    """Do nothing."""


@shared_task
@periodic_task(Every(hours=3), expires=3600)
def clean_up() -> None:
    """Do nothing."""


@periodic_task(RRule("FREQ=MONTHLY;BYDAY=-1FR", start="2026-01-30T17:00:00"), args=[1])
@periodic_task(Solar("sunset", 48.85, 2.35), name="lights", kwargs={"on": True})
@shared_task
def report(*args: object, **kwargs: object) -> None:
    """Do nothing."""

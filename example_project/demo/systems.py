"""What each of the five systems did, told in one line for each event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from credits.models import CreditHold
from demo.events import QUIET, Event, Sight
from demo.watch import Arrivals, Growth, RunChanges
from focus.models import Task
from lab.models import Appointment, Notification
from pricing.models import Discount, PriceHistory
from recurring_jobs.models import DeadLetter, Fire, Run
from starter.models import Delivery, Report


class Watch:
    """All that is looked at; what was there before the start is no event."""

    def __init__(self, since: datetime) -> None:
        self._watchers: list[Callable[[], Iterable[Event]]] = [
            Growth(Sight.FIRES, QUIET, published_fires),
            Growth(Sight.OCCURRENCES, "{count} occurrences made, {total} in all", occurrences),
            Expiry(),
            Growth(Sight.REMINDERS, "{count} patients reminded of their appointments", reminded),
            Growth(Sight.MAILS, "{count} e-mails written, {total} in all", mails),
            Growth(Sight.CLEANUP, "{count} old notifications deleted", old_news, shrinks=True),
            Growth(Sight.BULK, "{count} users notified at once", bulk_notifications),
            Growth(Sight.DISCOUNTS_ENDED, "{count} discounts ended with their batch", ended),
            Growth(Sight.PRICES, "{count} prices recorded, {total} in all", prices),
            Arrivals(Delivery.objects.select_related("endpoint"), tell_delivery),
            Arrivals(Report.objects.filter(title__endswith="(cut short)"), tell_report),
            Arrivals(DeadLetter.objects.all(), tell_dead_letter),
            RunChanges(since, tell_run),
        ]

    def events(self) -> Iterator[Event]:
        """Yield what happened since the last call."""
        for watcher in self._watchers:
            yield from watcher()


class Expiry:
    """Holds that ended because their time passed, and the credits that came back."""

    def __init__(self) -> None:
        self._last = self._ended()

    def __call__(self) -> Iterator[Event]:
        before, self._last = self._last, self._ended()
        holds, amount = (now - then for now, then in zip(self._last, before, strict=True))
        if holds > 0:
            yield Event(Sight.HOLDS, f"{holds} expired holds ended, {amount} credits came back")

    def _ended(self) -> tuple[int, int]:
        expired = CreditHold.objects.filter(state=CreditHold.State.EXPIRED)
        answer = expired.aggregate(holds=Count("pk"), amount=Coalesce(Sum("amount"), 0))
        return answer["holds"], int(answer["amount"])


# What is counted


def published_fires() -> int:
    return Fire.objects.filter(state=Fire.State.PUBLISHED).count()


def occurrences() -> int:
    return Task.objects.filter(recurrence_parent__isnull=False).count()


def reminded() -> int:
    return Appointment.objects.filter(reminded_at__isnull=False).count()


def mails() -> int:
    # The back end may write several mails of one second to one file.
    files = settings.MAIL_DIR.glob("*.log")
    return sum(file.read_text(errors="replace").count("\nMessage-ID: ") for file in files)


def old_news() -> int:
    return Notification.objects.old(timezone.now()).count()


def bulk_notifications() -> int:
    return Notification.objects.filter(type=Notification.Type.SYSTEM).count()


def ended() -> int:
    return Discount.objects.filter(state=Discount.State.EXPIRED).count()


def prices() -> int:
    return PriceHistory.objects.count()


# What is told of one row

#: What a delivery shows, and the attempt from which on it does.
DELIVERED = {
    "exchange-rates": (Sight.RECOVERED, 3),
    "crm": (Sight.RETRIED_BY_HAND, 2),
    "partner": (Sight.CAME_BACK, 2),
    "sms-gateway": (Sight.RATE_LIMITED, 1),
}


def tell_delivery(delivery: Delivery) -> Event | None:
    sight, least = DELIVERED.get(delivery.endpoint.name, (None, 0))
    if sight is None or delivery.attempt < least:
        return None
    return Event(sight, f"{delivery} delivered at attempt {delivery.attempt}")


def tell_report(report: Report) -> Event:
    return Event(Sight.CUT_SHORT, f"{report}: {report.pages} pages within its time limit")


def tell_dead_letter(letter: DeadLetter) -> Event:
    sight = Sight.GAVE_UP if letter.task.endswith("charge_card") else Sight.DEAD_LETTER
    return Event(sight, f"{short(letter.task)} became a dead letter: {letter.exception}")


WORKED = {
    "lab.tasks.send_email_notification": Sight.EMAIL,
    "pricing.tasks.recompute_all_discounts": Sight.DISCOUNTS,
    "pricing.tasks.cleanup_expired_discounts": Sight.MAINTENANCE,
    "pricing.tasks.update_price_history": Sight.ANALYTICS,
}


def tell_run(run: Run) -> Event | None:
    if run.state == Run.State.SUCCEEDED and run.task in WORKED:
        return Event(WORKED[run.task], f"{short(run.task)} worked on queue {run.queue!r}")
    if run.task.startswith("starter.") and run.state == Run.State.RETRYING:
        text = f"{short(run.task)} failed at attempt {run.attempt} and will be tried again"
        return Event(Sight.RETRIED, text)
    return None


def short(task: str) -> str:
    """Return the name of *task* without its module."""
    return task.rpartition(".")[2]
